"""What a figure was measured on: date, processor, cores, load, versions."""

from __future__ import annotations

import datetime
import os
import platform
import shlex
import sys
from importlib import metadata
from pathlib import Path


def heading(*packages: str) -> str:
    """Markdown lines that stand above a table of measurements; they warn where the machine was busy."""
    load = os.getloadavg()[0]
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("neurotrain-hw", *packages))
    lines = [
        f"- {datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M} UTC, {processor()}, {os.cpu_count()} cores, "
        f"{platform.system()}, load before the run {load:.1f}",
        f"- `{shlex.join(['python', *sys.argv])}`",
        f"- Python {platform.python_version()}, {versions}",
    ]
    if load > 1:
        lines.append("- **The machine was busy: take these figures for nothing but a rough idea.**")
    return "\n".join(lines) + "\n"


def processor() -> str:
    """Name of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())
