"""Write constraints.txt from what the running environment holds: the closure of our `all` extra, at exact versions."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

HEADER = """\
# Exact versions of everything that `make setup` installs into .venv; written by `make constraints`.
# torch stands without the local part of its version, so that pip takes a CPU build where it is set up to find one.
"""


def main() -> None:
    """Walk the requirements from `neurotrain-hw[all]` and pin every distribution that is reached."""
    pins: dict[str, str] = {}
    seen: set[tuple[str, str]] = set()
    todo = [Requirement("neurotrain-hw[all]")]
    while todo:
        wanted = todo.pop()
        name = canonicalize_name(wanted.name)
        for extra in ("", *sorted(wanted.extras)):
            if (name, extra) in seen:
                continue
            seen.add((name, extra))
            distribution = metadata.distribution(name)
            pins[name] = distribution.version.partition("+")[0]
            for text in distribution.requires or ():
                requirement = Requirement(text)
                if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
                    todo.append(requirement)
    del pins["neurotrain-hw"]
    lines = [f"{name}=={version}\n" for name, version in sorted(pins.items())]
    Path("constraints.txt").write_text(HEADER + "".join(lines), encoding="utf-8")
    print(f"constraints.txt: {len(lines)} pins")


if __name__ == "__main__":
    main()
