"""Rules as TOML: the library that comes with the package, files of one's own, and the writer."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any, cast

from neurotrain_hw.errors import FormatError, RuleSyntaxError, UnknownNameError, ValueRangeError
from neurotrain_hw.rules import terms
from neurotrain_hw.rules.language import parse_sum
from neurotrain_hw.rules.rule import Modulation, Operations, Rule, Taxonomy, Trace
from neurotrain_hw.rules.terms import choices
from neurotrain_hw.schema import Table, read_toml

_KEYS = (
    "schema", "title", "summary", "equation", "source", "kind", "dw", "dt", "dd", "t_epoch", "rounding", "changes",
    "history", "runs_on", "random_per_post", "engines", "note", "approximate", "taxonomy", "traces", "modulation",
    "sampling", "synapse_bits", "pre_bits", "post_bits", "operations", "defaults",
)  # fmt: skip


def rule_names() -> list[str]:
    """Names of the rules that come with the package."""
    return sorted(path.stem for path in _library().glob("*.toml"))


def load_rule(name_or_path: str | Path) -> Rule:
    """A rule by its name (`pair-stdp`) or from a TOML file of one's own.

    Raises UnknownNameError (nearest names), FormatError (file, key, expected), RuleSyntaxError (file, its line, key,
    column of the sum).
    """
    if isinstance(name_or_path, Path) or name_or_path.endswith(".toml") or "/" in name_or_path:
        path = Path(name_or_path)
    elif name_or_path in rule_names():
        path = _library() / f"{name_or_path}.toml"
    else:
        raise UnknownNameError("rule", name_or_path, rule_names())
    document = read_toml(path, kind="a rule file")
    try:
        return parse_rule(document, name=path.stem, where=str(path))
    except RuleSyntaxError as error:
        key = error.where.rsplit(": ", 1)[1]
        line = _line_of(path.read_text(encoding="utf-8"), key) + error.line - 1
        raise RuleSyntaxError(
            error.fault, text=error.text, position=error.position, where=f"{path}: line {line}: {key}",
            remedy=error.remedy,
        ) from None  # fmt: skip


def parse_rule(document: Mapping[str, Any], *, name: str, where: str) -> Rule:
    """A rule from the tables of its document; `where` (a file name) stands in errors."""
    top = Table(document, where, known=_KEYS)
    if top.whole("schema", low=1) != 1:
        raise FormatError("a schema that this version does not know", where=top.at("schema"), need="1")
    sampling, defaults, traces = top.table("sampling"), top.table("defaults"), top.table("traces")
    # The choices checked by Table are those of the Literal types, which mypy cannot see.
    fields: dict[str, Any] = {
        **{k: parse_sum(top.text(k), where=top.at(k), lines=True) for k in ("dw", "dt", "dd") if top.has(k)},
        "kind": top.choice("kind", ("2f", "3f")) if top.has("kind") else None,
        "changes": top.choice("changes", choices(terms.Changes)),
        "rounding": top.choice("rounding", choices(terms.Rounding), default="stochastic"),
        "history": top.texts("history", choices=choices(terms.History)),
        "runs_on": top.choice("runs_on", choices(terms.RunsOn), default="engine" if top.has("kind") else "host"),
        "engines": top.texts("engines", choices=choices(terms.Engine)),
    }
    try:
        return Rule(
            name=name,
            title=top.text("title"),
            summary=top.text("summary"),
            equation=top.text("equation"),
            source=top.text("source"),
            taxonomy=_taxonomy(top),
            traces={k: _trace(traces, k) for k in traces.keys()},  # noqa: SIM118
            t_epoch=top.whole("t_epoch", low=1, default=1),
            modulation=_modulation(top, third=fields["kind"] == "3f"),
            sampling={k: sampling.text(k) for k in sampling.keys()},  # noqa: SIM118
            synapse_bits=_bits(top, "synapse_bits"),
            pre_bits=_bits(top, "pre_bits"),
            post_bits=_bits(top, "post_bits"),
            operations=_operations(top),
            random_per_post=top.whole("random_per_post", low=0, default=0),
            note=top.text("note", default=""),
            approximate=top.text("approximate", default=""),
            defaults={k: defaults.plain(k) for k in defaults.keys()},  # noqa: SIM118
            **fields,
        )
    except ValueRangeError as error:
        key = error.where.removeprefix(f"rule '{name}': ")
        raise FormatError(error.what, where=top.at(key), remedy=error.remedy) from None


def to_toml(rule: Rule) -> str:
    """The document of a rule; `parse_rule` of it gives an equal rule (its name is the file's)."""
    top: dict[str, object] = {
        "schema": 1, "title": rule.title, "summary": rule.summary, "equation": rule.equation, "source": rule.source,
        "engines": list(rule.engines), "note": rule.note, "approximate": rule.approximate, "kind": rule.kind,
        **{k: str(v) for k, v in rule.sums.items()},
        "t_epoch": rule.t_epoch, "rounding": rule.rounding, "changes": rule.changes, "history": list(rule.history),
        "runs_on": rule.runs_on, "random_per_post": rule.random_per_post,
    }  # fmt: skip
    tables: dict[str, Mapping[str, object]] = {
        "taxonomy": {**vars(rule.taxonomy), "mechanisms": list(rule.taxonomy.mechanisms)},
        "traces": {k: {"impulse": t.impulse, "tau": t.tau} for k, t in rule.traces.items()},
        "modulation": vars(rule.modulation),
        "sampling": rule.sampling,
        "synapse_bits": rule.synapse_bits,
        "pre_bits": rule.pre_bits,
        "post_bits": rule.post_bits,
        "operations": {k: vars(o) for k, o in rule.operations.items()},
        "defaults": rule.defaults,
    }
    lines = [f"{k} = {_value(v)}" for k, v in top.items() if v is not None]
    for name, table in tables.items():
        if table:
            lines += ["", f"[{name}]", *(f"{_key(k)} = {_value(v)}" for k, v in table.items())]
    return "\n".join(lines) + "\n"


def _line_of(text: str, key: str) -> int:
    """The line of a TOML file, from 1, on which the text of a key at the top begins."""
    for number, line in enumerate(text.splitlines(), start=1):
        found = re.match(rf"""\s*["']?{key}["']?\s*=\s*(.*)""", line)
        if found:
            return number + (found[1].strip() in ('"""', "'''"))
    return 1


def _library() -> Path:
    return Path(str(resources.files("neurotrain_hw"))) / "rules" / "library"


def _taxonomy(top: Table) -> Taxonomy:
    table = top.table("taxonomy", known=("training", "learning", "temporal", "spatial", "mechanisms"))
    return Taxonomy(
        training=cast(terms.Training, table.choice("training", choices(terms.Training))),
        learning=cast(terms.Learning, table.choice("learning", choices(terms.Learning))),
        temporal=cast(terms.Temporal, table.choice("temporal", choices(terms.Temporal))),
        spatial=cast(terms.Spatial, table.choice("spatial", choices(terms.Spatial))),
        mechanisms=table.texts("mechanisms"),
    )


def _trace(traces: Table, key: str) -> Trace:
    table = traces.table(key, known=("impulse", "tau"))
    return Trace(table.number("impulse", low=0), table.number("tau", low=0))


def _bits(top: Table, key: str) -> dict[str, int]:
    table = top.table(key)
    return {k: table.whole(k, low=1) for k in table.keys()}  # noqa: SIM118


def _operations(top: Table) -> dict[str, Operations]:
    table, found = top.table("operations"), {}
    for gate in table.keys():  # noqa: SIM118
        counts = table.table(gate, known=("multiplications", "additions"))
        found[gate] = Operations(counts.whole("multiplications", low=0), counts.whole("additions", low=0))
    return found


def _modulation(top: Table, *, third: bool) -> Modulation:
    table = top.table("modulation", known=("psi", "signal", "beside", "computed_by", "formed", "meaning"))
    return Modulation(
        psi=cast(terms.Psi, table.choice("psi", choices(terms.Psi), default="none")),
        signal=cast(terms.Signal, table.choice("signal", choices(terms.Signal), default="none")),
        beside=cast(terms.Beside, table.choice("beside", choices(terms.Beside), default="nothing")),
        computed_by=cast(terms.Computer, table.choice("computed_by", choices(terms.Computer), default="nobody")),
        formed=cast(
            terms.Formed, table.choice("formed", choices(terms.Formed), default="given" if third else "nothing")
        ),
        meaning=table.text("meaning", default=""),
    )


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _value(key)


def _value(value: object) -> str:
    """A TOML value: JSON's texts, numbers, booleans and lists are TOML's, except DEL, which TOML wants escaped."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(k)} = {_value(v)}" for k, v in value.items()) + " }"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
