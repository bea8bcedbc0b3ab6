"""Every file in examples/ is a source that `sealgate check` finds no error in."""

import subprocess

import pytest

from kit.gateway import BINARY, environment
from kit.servers import ROOT

EXAMPLES = ROOT / "examples"
SOURCES = sorted(
    entry for entry in EXAMPLES.iterdir() if entry.is_dir() or entry.suffix in (".yaml", ".yml", ".json")
) if EXAMPLES.exists() else []


def test_there_are_examples():
    assert SOURCES


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_an_example_is_accepted(source):
    done = subprocess.run([BINARY, "check", source], capture_output=True, text=True, env=environment(), timeout=30)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "warning" not in done.stdout + done.stderr
