"""The bench: starts every target, measures them in turn, writes bench/out/report.md."""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import measure
import report
import targets


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="one second each at 16 connections")
    parser.add_argument("--without-sealgate", action="store_true")
    options = parser.parse_args()
    plan = measure.QUICK if options.quick else measure.FULL
    if not shutil.which("wrk"):
        sys.exit("the bench needs wrk: apt-get install -y wrk")
    running, absent = [], []
    with tempfile.TemporaryDirectory(prefix="sealgate-bench-") as work:
        try:
            start(running, absent, Path(work), options)
            figures = measure.measure(running, running[0], plan, lambda line: print(line, flush=True))
            memory = {}
            if not options.quick:
                memory = {one.name: measure.memory_after(one, 100_000) for one in running}
        finally:
            for one in reversed(running):
                one.process.stop()
    write(figures, memory, plan, absent)


def start(running, absent, work, options):
    running.append(targets.upstream())
    port = running[0].port
    if shutil.which("nginx"):
        running.append(targets.nginx(work, port))
    else:
        absent.append("nginx (apt-get install -y nginx)")
    envoy = Path(sys.prefix) / "bin" / "envoy"
    if envoy.exists():
        running.append(targets.envoy(work, port, envoy))
    else:
        absent.append("envoy (tests/prepare installs it)")
    if not options.without_sealgate:
        for signed in (False, True):
            running.append(targets.sealgate(work, port, signed=signed))


def write(figures, memory, plan, absent):
    bars = report.bars(figures, memory)
    text = report.table(figures, memory, plan, absent) + ("\n" + report.bar_table(bars) if bars else "")
    out = targets.HERE / "out"
    out.mkdir(exist_ok=True)
    (out / "report.md").write_text(text)
    print("\n" + text)
    if absent:
        print(f"!! not measured: {', '.join(absent)}", file=sys.stderr)
    if plan is measure.FULL and not all(cleared for _, _, cleared in bars):
        sys.exit("a bar was not cleared")


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as failed:
        sys.exit(f"{failed}\n{failed.stderr or ''}")
