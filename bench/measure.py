"""Rounds of wrk against every target in turn, so that a busy moment hits all of them alike."""

import json
import os
import shutil
import statistics
import subprocess
import time
from dataclasses import dataclass

import processes
from targets import HERE

# Work of others above this share of a core spoils a run; it is repeated, at last kept and marked.
NOISE = 0.12
TRIES = 4


@dataclass
class Run:
    requests_a_second: float
    p50: float  # microseconds
    p99: float
    cpu: float  # microseconds of the target's CPU time a request
    noise: float  # cores that others used meanwhile


@dataclass
class Plan:
    rounds: int
    seconds: int
    connections: tuple


FULL = Plan(rounds=3, seconds=3, connections=(1, 16, 64))
QUICK = Plan(rounds=1, seconds=1, connections=(16,))


def load(target, connections, seconds, core):
    """One wrk run; its own account as a dict."""
    pinned = ["taskset", "-c", str(core)] if core is not None else []
    environment = {**os.environ, "BENCH_BODY": target.body, "BENCH_SESSION": target.session}
    done = subprocess.run(
        [*pinned, "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", HERE / "load.lua",
         f"http://127.0.0.1:{target.port}/mcp"],
        env=environment, capture_output=True, text=True, check=True,
    )
    said = json.loads(done.stdout.strip().splitlines()[-1])
    if said["errors"]:
        raise RuntimeError(f"{target.name}: {said['errors']} of {said['requests']} calls failed")
    return said


def one_run(target, upstream, connections, seconds):
    """The load and the upstream share the last core; the proxy has the first to itself.

    With one connection nothing runs at the same time, so all share a core: else the figure is
    that of the machine's wake-ups across cores.
    """
    cores = sorted(os.sched_getaffinity(0))
    pinning = len(cores) > 1 and shutil.which("taskset")
    if pinning:
        processes.place(upstream.pid, cores[-1])
        if target is not upstream:
            processes.place(target.pid, cores[-1] if connections == 1 else cores[0])
    children = os.times()
    busy, target_cpu, upstream_cpu = (
        processes.machine_busy_seconds(), processes.cpu_seconds(target.pid), processes.cpu_seconds(upstream.pid)
    )
    said = load(target, connections, seconds, cores[-1] if pinning else None)
    target_cpu = processes.cpu_seconds(target.pid) - target_cpu
    upstream_cpu = processes.cpu_seconds(upstream.pid) - upstream_cpu
    busy = processes.machine_busy_seconds() - busy
    after = os.times()
    wrk_cpu = after.children_user + after.children_system - children.children_user - children.children_system
    ours = wrk_cpu + upstream_cpu + (target_cpu if target is not upstream else 0)
    return Run(
        said["requests"] / said["seconds"], said["p50"], said["p99"],
        target_cpu / max(said["requests"], 1) * 1e6, max(0.0, busy - ours) / said["seconds"],
    )


def wait_for_quiet(patience=10):
    """Returns after half a second in which the machine was idle, or when patience ends."""
    for _ in range(patience * 2):
        busy = processes.machine_busy_seconds()
        time.sleep(0.5)
        if processes.machine_busy_seconds() - busy < 0.5 * NOISE:
            return


def measure(targets, upstream, plan, say):
    """{(target name, connections): the median Run}; `say` is told of each."""
    runs = {}
    for connections in plan.connections:
        for target in targets:
            load(target, connections, 1, None)
        for round_number in range(plan.rounds):
            for target in targets:
                if plan is FULL:
                    wait_for_quiet()
                tries = [one_run(target, upstream, connections, plan.seconds)]
                while tries[-1].noise > NOISE and len(tries) < TRIES and plan is FULL:
                    tries.append(one_run(target, upstream, connections, plan.seconds))
                kept = min(tries, key=lambda run: run.noise)
                runs.setdefault((target.name, connections), []).append(kept)
                say(f"round {round_number + 1}, {connections:2} connections, {target.name:18} "
                    f"{kept.requests_a_second:8.0f} calls/s, p50 {kept.p50:5.0f} us, cpu {kept.cpu:5.1f} us"
                    f"{'  (noisy)' if kept.noise > NOISE else ''}")
    return {key: median(found) for key, found in runs.items()}


def median(runs):
    """Of the quiet runs; of all where none was quiet, so that the noise stands in the table."""
    runs = [run for run in runs if run.noise <= NOISE] or runs
    return Run(*(statistics.median(getattr(run, name) for run in runs) for name in Run.__dataclass_fields__))


def memory_after(target, calls):
    """Resident megabytes once at least `calls` calls have been made."""
    made = 0
    while made < calls:
        made += load(target, 16, 3, None)["requests"]
    return processes.resident_megabytes(target.pid)
