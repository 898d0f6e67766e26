"""What an audit answers: one row per requirement, and one verdict over all of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum


class Result(StrEnum):
    """The answer to one requirement; `unknown` where a figure of the chip is missing, and never a pass.

    `departs`: it runs there, but not with the bits that the rule's definition gives.
    """

    PASS = "pass"
    DEPARTS = "departs"
    FAIL = "fail"
    UNKNOWN = "unknown"


class Outcome(StrEnum):
    """The verdict on a rule, a network and a chip."""

    NATIVE = "runs natively"
    PROCESSOR = "runs on the chip's processor"
    OFF_CHIP = "off-chip only"
    DOES_NOT_FIT = "does not fit"
    UNKNOWN = "unknown"


class Aspect(StrEnum):
    """What a requirement is about: the network alone, the learning engine, or the room that learning takes."""

    NETWORK = "network"
    ENGINE = "engine"
    ROOM = "room"


@dataclass(frozen=True)
class Row:
    """One requirement: what is needed, what there is, the answer, why, and what to do. `source`: of the limit."""

    requirement: str
    aspect: Aspect
    need: str
    limit: str
    result: Result
    reason: str = ""
    remedy: str = ""
    source: str = ""


@dataclass(frozen=True)
class Verdict:
    """The outcome for `rule` on `network` and `chip` with samples of `steps` steps, and the rows it follows from."""

    rule: str
    network: str
    chip: str
    steps: int
    batch: int
    outcome: Outcome
    rows: tuple[Row, ...]
    note: str = ""

    @property
    def runs_there(self) -> bool:
        """Whether the rule is shown to run on the chip."""
        return self.outcome in (Outcome.NATIVE, Outcome.PROCESSOR)

    @property
    def failing(self) -> tuple[Row, ...]:
        """The requirements that are not met."""
        return tuple(row for row in self.rows if row.result == Result.FAIL)

    @property
    def departing(self) -> tuple[Row, ...]:
        """Where the chip does not do what the rule's definition says, though it runs."""
        return tuple(row for row in self.rows if row.result == Result.DEPARTS)

    @property
    def unknown(self) -> tuple[Row, ...]:
        """The requirements that cannot be judged."""
        return tuple(row for row in self.rows if row.result == Result.UNKNOWN)

    def as_dict(self) -> dict[str, object]:
        """Plain values, for JSON."""
        return asdict(self)


def outcome_of(rows: Iterable[Row], *, in_software: bool) -> Outcome:
    """The verdict: a network that does not fit comes first, then the engine, then the room that learning takes."""
    worst: dict[Aspect, set[Result]] = {aspect: set() for aspect in Aspect}
    for row in rows:
        worst[row.aspect].add(row.result)
    if Result.FAIL in worst[Aspect.NETWORK]:
        return Outcome.DOES_NOT_FIT
    if Result.FAIL in worst[Aspect.ENGINE]:
        return Outcome.OFF_CHIP
    if Result.FAIL in worst[Aspect.ROOM]:
        return Outcome.DOES_NOT_FIT
    if any(Result.UNKNOWN in results for results in worst.values()):
        return Outcome.UNKNOWN
    return Outcome.PROCESSOR if in_software else Outcome.NATIVE
