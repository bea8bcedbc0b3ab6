"""The table in docs/scale.md is what the simulation prints."""

import subprocess
import sys

from kit.servers import ROOT


def test_the_table_in_the_documentation_is_that_of_the_simulation():
    printed = subprocess.run(
        [sys.executable, ROOT / "bench" / "fleet" / "simulate.py"], capture_output=True, text=True, check=True
    ).stdout.strip()
    assert printed in (ROOT / "docs" / "scale.md").read_text()
