"""Linux's own account of a process: CPU time, memory, and where it may run."""

import os
import subprocess
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")


def family(pid):
    """`pid` and its children: nginx serves from a worker process."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(grandchild for child in children for grandchild in family(int(child)))]


def cpu_seconds(pid):
    """User and system time of the family so far."""
    total = 0
    for member in family(pid):
        fields = Path(f"/proc/{member}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICK


def resident_megabytes(pid):
    """What the family holds in memory now."""
    total = 0
    for member in family(pid):
        for line in Path(f"/proc/{member}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                total += int(line.split()[1])
    return total / 1024


def machine_busy_seconds():
    """CPU time that anything at all used on this machine so far."""
    fields = [int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    idle, waiting = fields[3], fields[4]
    return (sum(fields) - idle - waiting) / TICK


def place(pid, core):
    """Binds the family, all threads, to one core."""
    for member in family(pid):
        subprocess.run(["taskset", "-a", "-c", "-p", str(core), str(member)], check=True, capture_output=True)
