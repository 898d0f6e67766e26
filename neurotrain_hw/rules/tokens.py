"""Tokens of the rule language, with their places in the text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

from neurotrain_hw.errors import RuleSyntaxError


class Token(NamedTuple):
    """One token; `at` is where it begins in the text, from 0."""

    kind: Literal["int", "name", "sign", "mark", "end"]
    text: str
    at: int


_TOKEN = re.compile(r"(?P<int>[0-9]+)|(?P<name>[A-Za-z_][A-Za-z_0-9]*)|(?P<sign>[+-])|(?P<mark>[*^()])")
_REMEDIES = {
    ".": "Write a fraction as a power of two: 2^-1 for 0.5, 3*2^-2 for 0.75.",
    "/": "Write a division as a negative power of two: 2^-3 for 1/8.",
    "\n": "A sum stands on one line; only a rule file may spread it over several.",
}


def tokens_of(text: str, *, where: str, lines: bool) -> Iterator[Token]:
    """The tokens of `text`, the last one "end"; `lines`: line breaks count as spaces.

    RuleSyntaxError for a character that no token begins with.
    """
    at, spaces = 0, " \n" if lines else " "
    while at < len(text):
        if text[at] in spaces:
            at += 1
            continue
        match = _TOKEN.match(text, at)
        if match is None:
            raise RuleSyntaxError(
                f"the character {text[at]!r} is not part of the language", text=text, position=at, where=where,
                remedy=_REMEDIES.get(text[at], ""),
            )  # fmt: skip
        yield Token(match.lastgroup, match.group(), at)  # type: ignore[arg-type]
        at = match.end()
    yield Token("end", "", len(text))
