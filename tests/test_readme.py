"""Every command that the README shows is run, every configuration that it shows is checked.

A fenced block of `sh`, `bash` or `console` is commands, run in the project with the release
binary on PATH; a block of `yaml` or `json` is a source for `sealgate check`. A block that cannot be
run says so with a comment above it: `<!-- not run: REASON -->`; the reason is printed.
"""

import os
import re
import signal
import subprocess

import pytest

from kit.gateway import BINARY, environment
from kit.servers import ROOT

BLOCK = re.compile(r"(?:<!-- (?P<note>[^>]*?) -->\s*)?^```(?P<kind>\w+)\n(?P<text>.*?)^```", re.M | re.S)
# Commands that stay: they have shown what they do once this stands in their output.
STAYING = {"./demo": r"leaves? the gateway|listening|ready|press|Ctrl", "sealgate run": r"\bready\b"}


def blocks():
    """Each fenced block of the README as a parameter."""
    readme = ROOT / "README.md"
    text = readme.read_text() if readme.exists() else ""
    for found in BLOCK.finditer(text):
        line = text[: found.start("kind")].count("\n") + 1
        yield pytest.param(found, id=f"line-{line}-{found['kind']}")


def test_there_is_a_readme_with_commands():
    assert any(found.values[0]["kind"] in ("sh", "bash", "console") for found in blocks())


@pytest.mark.parametrize("block", list(blocks()))
def test_what_the_readme_shows(block, tmp_path):
    if (block["note"] or "").startswith("not run:"):
        pytest.skip(block["note"])
    if block["kind"] in ("yaml", "json"):
        file = tmp_path / f"source.{block['kind']}"
        file.write_text(block["text"])
        done = subprocess.run([BINARY, "check", file], capture_output=True, text=True, env=environment(), timeout=30)
        assert done.returncode == 0, done.stdout + done.stderr
    elif block["kind"] in ("sh", "bash", "console"):
        (tmp_path / "sealgate").symlink_to(BINARY)
        for command in commands(block["text"]):
            run(command, tmp_path)


def commands(text):
    """One command a line, without prompt and comment; a backslash continues it."""
    for line in text.replace("\\\n", " ").splitlines():
        line = re.sub(r"\s+#.*$", "", line.removeprefix("$ ")).strip()
        if line and not line.startswith("#"):
            yield line


def run(command, binaries):
    if command.startswith(("./test", "git clone", "cd ")):
        return  # running this very suite again; fetching the project one is in
    path = f"{binaries}:{os.environ['PATH']}"
    staying = next((wanted for start, wanted in STAYING.items() if command.startswith(start)), None)
    child = subprocess.Popen(
        ["bash", "-c", command], cwd=ROOT, env={**environment(), "PATH": path}, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
    )
    said = []
    try:
        if staying is None:
            said.append(child.communicate(timeout=300)[0])
            assert child.returncode == 0, f"{command}\n{''.join(said)}"
            return
        for line in child.stdout:
            said.append(line)
            if re.search(staying, line):
                return
        pytest.fail(f"{command} ended before it was ready:\n{''.join(said)}")
    finally:
        try:
            os.killpg(child.pid, signal.SIGTERM)
        except ProcessLookupError:
            pass
        child.wait(20)
