"""What a figure was measured on: date, processor, cores, load, versions."""

from __future__ import annotations

import datetime
import os
import platform
import shlex
import sys
import time
from importlib import metadata
from pathlib import Path


def heading(*packages: str) -> str:
    """Markdown lines that stand above a table of measurements; they warn where the machine was busy."""
    idle = idle_share()
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("neurotrain-hw", *packages))
    lines = [
        f"- {datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M} UTC, {processor()}, {os.cpu_count()} cores, "
        f"{platform.system()}; before the run, the cores were idle for {idle:.0%} of 3 s",
        f"- `{shlex.join(['python', *sys.argv])}`",
        f"- Python {platform.python_version()}, {versions}",
    ]
    if idle < 0.9:
        lines.append("- **The machine was busy: take these figures for nothing but a rough idea.**")
    return "\n".join(lines) + "\n"


def idle_share(seconds: float = 3.0) -> float:
    """Share of all cores' time that nothing ran in the next `seconds` (Linux; NaN where it cannot be read)."""
    try:
        before = _ticks()
        time.sleep(seconds)
        passed = [after - start for start, after in zip(before, _ticks(), strict=True)]
    except OSError:
        return float("nan")
    return passed[3] / max(sum(passed), 1)


def _ticks() -> list[int]:
    """Ticks of all cores since the start: user, nice, system, idle, ..."""
    return [int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:]]


def processor() -> str:
    """Name of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())
