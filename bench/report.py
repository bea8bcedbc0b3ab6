"""The figures as a table with ratios, and the bars that they must clear."""

import os
import platform
from datetime import date

from measure import NOISE


def machine():
    model = next(
        (line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")),
        platform.machine(),
    )
    return f"{os.cpu_count()} × {model}, Linux {platform.release().split('-')[0]}"


def table(figures, memory, plan, absent):
    """Markdown."""
    names = list(dict.fromkeys(name for name, _ in figures))
    lines = [
        f"Measured {date.today()} on {machine()}: {plan.rounds} interleaved rounds of {plan.seconds} s each,"
        " medians. One `tools/call` with 256-byte arguments and a 512-byte result, keep-alive.",
        "CPU is the proxy's own (for direct: the upstream's). Added latency is against direct.",
        "",
    ]
    for connections in plan.connections:
        direct, nginx = figures[("direct", connections)], figures.get(("nginx", connections))
        lines += [
            f"### {connections} connection{'s' if connections > 1 else ''}",
            "",
            "| | calls/s | ÷ direct | ÷ nginx | p50 µs | added p50 | p99 µs | added p99 | CPU µs/call | CPU ÷ nginx |",
            "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
        ]
        for name in names:
            run = figures[(name, connections)]
            of_nginx = f"{run.requests_a_second / nginx.requests_a_second:.2f}" if nginx else "–"
            cpu_of_nginx = f"{run.cpu / nginx.cpu:.2f}" if nginx and name != "direct" else "–"
            added = (
                ("–", "–") if name == "direct"
                else (f"{run.p50 - direct.p50:+.0f}", f"{run.p99 - direct.p99:+.0f}")
            )
            noisy = " (noisy)" if run.noise > NOISE else ""
            lines.append(
                f"| {name}{noisy} | {run.requests_a_second:,.0f} | {run.requests_a_second / direct.requests_a_second:.2f} "
                f"| {of_nginx} | {run.p50:.0f} | {added[0]} | {run.p99:.0f} | {added[1]} "
                f"| {run.cpu:.1f} | {cpu_of_nginx} |"
            )
        lines.append("")
    if memory:
        lines += ["### Resident memory after 100,000 calls", "", "| | MB |", "|---|--:|"]
        lines += [f"| {name} | {megabytes:.1f} |" for name, megabytes in memory.items()] + [""]
    if absent:
        lines += [f"Not measured, because not installed: {', '.join(absent)}.", ""]
    return "\n".join(lines)


def bars(figures, memory):
    """(bar, figure, cleared) for each bar whose parts were measured."""
    signed = {count: run for (name, count), run in figures.items() if name == "sealgate signed"}
    found = []
    if 16 in signed and ("nginx", 16) in figures:
        ratio = signed[16].cpu / figures[("nginx", 16)].cpu
        found.append(("CPU per signed call, 16 connections: at most 3 × nginx", f"{ratio:.2f} ×", ratio <= 3))
    if 16 in signed and ("envoy + signing", 16) in figures:
        ratio = signed[16].requests_a_second / figures[("envoy + signing", 16)].requests_a_second
        found.append(("Signed calls a second, 16 connections: more than Envoy signing", f"{ratio:.2f} ×", ratio > 1))
    if 1 in signed:
        added = signed[1].p50 - figures[("direct", 1)].p50
        found.append(("Added p50, 1 connection: at most 150 µs", f"{added:.0f} µs", added <= 150))
    if "sealgate signed" in memory:
        megabytes = memory["sealgate signed"]
        found.append(("Resident memory after 100,000 calls: under 30 MB", f"{megabytes:.1f} MB", megabytes < 30))
    return found


def bar_table(found):
    rows = [f"| {bar} | {figure} | {'yes' if cleared else '**no**'} |" for bar, figure, cleared in found]
    return "\n".join(["### Bars", "", "| Bar | Here | Cleared |", "|---|--:|---|", *rows, ""])
