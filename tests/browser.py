"""A page in headless Chromium, and what came of it."""

from __future__ import annotations

import re
import subprocess
from html.parser import HTMLParser
from pathlib import Path

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--enable-logging=stderr", "--virtual-time-budget=20000",
)  # fmt: skip


class Drawn(HTMLParser):
    """What a browser made of the page: SVG images in each plot, classes of the plots, texts outside scripts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.images: dict[str, int] = {}
        self.failed = 0
        self.texts: list[str] = []
        self._plot, self._script = "", False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        classes = (values.get("class") or "").split()
        self._script = tag in ("script", "style")
        if re.fullmatch(r"plot-\d+", values.get("id") or ""):
            self._plot = str(values["id"])
            self.images[self._plot] = 0
        self.failed += "plot-error" in classes
        if tag == "svg" and "main-svg" in classes:
            self.images[self._plot] += 1

    def handle_data(self, data: str) -> None:
        if not self._script:
            self.texts.append(data)


def browse(chromium: Path, page: Path, profile: Path) -> tuple[Drawn, list[str]]:
    """The page after its scripts have run, and the lines that it wrote to the console."""
    command = [str(chromium), *FLAGS, f"--user-data-dir={profile}", "--dump-dom", page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=True)
    return Drawn(done.stdout), [line for line in done.stderr.splitlines() if "CONSOLE" in line]
