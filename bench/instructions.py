#!/usr/bin/env python3
"""Counts the user instructions of one signed `tools/call` through the release binary with callgrind,
which counts only while the calls run. Exact to a fraction of a percent on any machine, however noisy.
Valgrind knows no SHA instructions, so hashing counts about ten times what it costs; its share is
shown apart, and the bar is for the rest. Needs Debian's valgrind.

    bench/instructions.py [--bar N]     exits 1 above N instructions; the default guards what is reached,
                                        the budget of docs/architecture.md is 35,000
"""

import argparse
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import targets

BINARY = Path(__file__).parent.parent / "target" / "release" / "sealgate"
WARM_UP, CALLS = 50, 1000
HASHING = re.compile(r"sha256_block|SHA256_|sha256_update", re.I)


def count(port):
    """Instructions of one call: all but hashing, and hashing."""
    source = {"mcpServers": {"bench": {
        "url": f"http://127.0.0.1:{port}/mcp", "aws": {"region": "us-east-1", "service": "aws-mcp"},
    }}}
    with tempfile.TemporaryDirectory() as folder:
        file, out = Path(folder) / "mcp.json", Path(folder) / "out"
        file.write_text(json.dumps(source))
        env = {**os.environ, "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret",
               "AWS_EC2_METADATA_DISABLED": "true"}
        process = subprocess.Popen(
            ["valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={out}", BINARY, "run",
             file, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--workers", "1", "--log-format", "json"],
            stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env=env,
        )
        try:
            address = None
            for line in process.stderr:
                found = re.search(r'"listener":"main".*?"address":"([^"]+)"', line)
                address = found[1] if found else address
                if '"message":"ready"' in line:
                    break
            call(address, lambda state: subprocess.run(
                ["callgrind_control", f"--instr={state}", str(process.pid)], check=True, stdout=subprocess.DEVNULL))
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=120)
        said = subprocess.run(["callgrind_annotate", "--threshold=100", out], capture_output=True, text=True).stdout
    rows = re.findall(r"^\s*([\d,]+) \([^)]*\)  (\S.*)$", said, re.M)
    counts = {name: int(number.replace(",", "")) for number, name in rows}
    hashing = sum(number for name, number in counts.items() if HASHING.search(name))
    return (counts["PROGRAM TOTALS"] - hashing) // CALLS, hashing // CALLS


def call(address, instrument):
    """One session, then `tools/call` again and again on the same connection."""
    client = http.client.HTTPConnection(address)
    headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}

    def post(message):
        client.request("POST", "/mcp", json.dumps(message), headers)
        answer = client.getresponse()
        answer.read()
        assert answer.status in (200, 202), answer.status
        return answer

    opened = post({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
        "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "bench", "version": "1"}}})
    headers["Mcp-Session-Id"] = opened.getheader("Mcp-Session-Id")
    arguments = {"text": "x" * 240}
    for number in range(WARM_UP + CALLS):
        if number == WARM_UP:
            instrument("on")
        post({"jsonrpc": "2.0", "id": number, "method": "tools/call",
              "params": {"name": "bench__echo", "arguments": arguments}})
    instrument("off")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bar", type=int, default=72_000)
    bar = parser.parse_args().bar
    upstream = targets.upstream()
    try:
        each, hashing = count(upstream.port)
    finally:
        upstream.process.stop()
    print(f"{each:,} user instructions for a signed tools/call (bar {bar:,}), and {hashing:,} of hashing in software")
    sys.exit(each > bar)


if __name__ == "__main__":
    main()
