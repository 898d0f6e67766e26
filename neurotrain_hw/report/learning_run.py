"""A course of learning on the chip as a report's document: what its `learn.json` tells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from neurotrain_hw.energy import format_pj
from neurotrain_hw.errors import FormatError
from neurotrain_hw.report.checking import hold, read_json
from neurotrain_hw.report.schema import NUMBER, PLAIN, TEXT, WHOLE, Map, Null
from neurotrain_hw.report.view import grouped, percent

Json = Mapping[str, Any]
FORMAT = "learn-1"
TITLES = {"chip": "on the chip", "control": "control: readout only", "twin": "float twin"}
_ROLES = {"chip": "learns", "twin": "in real numbers", "control": "control"}
_SPREAD = {"n": WHOLE, "mean": NUMBER, "half_width": Null(NUMBER)}
_UPDATES = {
    "layer": TEXT, "rule": TEXT, "synapses": WHOLE, "proposed": WHOLE, "applied": WHOLE, "rounded_away": WHOLE,
    "saturated": WHOLE,
}  # fmt: skip
_TERM = {
    "label": TEXT, "count": Null(NUMBER), "pj": Null(NUMBER), "energy_pj": Null(NUMBER), "source": TEXT, "note": TEXT,
}  # fmt: skip
_COUNTS = Map(Null(NUMBER))
_KIND = {
    "format": TEXT,
    "created": TEXT,
    "machine": TEXT,
    "versions": Map(TEXT),
    "settings": {"rule": TEXT, "dataset": TEXT, "seeds": WHOLE, "weight_bits": Null(WHOLE)},
    "chip": TEXT,
    "rounding": TEXT,
    "rules": [{"layer": TEXT, "name": TEXT, "title": TEXT, "dw": TEXT}],
    "network": {"inputs": WHOLE, "hidden": WHOLE, "outputs": WHOLE},
    "samples": {"train": WHOLE},
    "chance": NUMBER,
    "results": Map(_SPREAD),
    "curves": Map([_SPREAD]),
    "updates": [_UPDATES],
    "warnings": [TEXT],
    "program": {"name": TEXT, "memory": [Map(Null(PLAIN))], "placement": [Map(PLAIN)]},
    "samples_learned": WHOLE,
    "counters": {"steps": WHOLE, "connections": Map(_COUNTS), "populations": Map(_COUNTS)},
    "energy": [{"chip": TEXT, "label": TEXT, "covers": TEXT, "terms": [_TERM], "missing": [TEXT]}],
    "lessons": Map([{"seed": WHOLE, "test": NUMBER, "best": WHOLE, "validation": [NUMBER]}]),
}


def results_of_course(folder: Path) -> dict[str, Any]:
    """The document for a folder that `neurotrain-hw learn` wrote; FormatError names file and key of a fault."""
    path = folder / "learn.json"
    course = read_json(path)
    hold(course, _KIND, str(path))
    if course["format"] != FORMAT:
        raise FormatError(f"format is {course['format']!r}", where=str(path), need=FORMAT)
    if "chip" not in course["results"]:
        raise FormatError("no lesson on the chip", where=f"{path}: results", need="chip")
    settings, network = course["settings"], course["network"]
    sizes = "-".join(str(network[key]) for key in ("inputs", "hidden", "outputs"))
    return {
        "title": f"Learning {settings['dataset']} on the chip: {settings['rule']}, {sizes}",
        "created": course["created"],
        "kind": "learning",
        "machine": course["machine"],
        "headline": _headline(course),
        "on_chip": _on_chip(course),
        "weights": [{**row, "grid": 1} for row in course["lessons"]["chip"][0].get("weights") or []],
        "program": {key: course["program"].get(key) for key in ("name", "memory", "placement", "notes")}
        | {"chip": course["chip"]},
        "events": _events(course),
        "energy": [_energy(entry, course["samples_learned"]) for entry in course["energy"]],
        "versions": course["versions"],
    }


def _headline(course: Json) -> list[dict[str, Any]]:
    n = course["settings"]["seeds"]
    notes = {
        "chip": f"mean of {n} seed{'s' * (n > 1)}",
        "twin": "the same network and rule in real numbers",
        "control": "the hidden layer stays random",
    }
    rows = [
        {
            "label": f"test accuracy, {TITLES[kind].removeprefix('control: ')}",
            "value": percent(course["results"][kind]["mean"]),
            "note": _interval(course["results"][kind]) + note,
        }
        for kind, note in notes.items()
        if kind in course["results"]
    ]
    proposed, lost = (sum(row[key] for row in course["updates"]) for key in ("proposed", "rounded_away"))
    saturated = sum(row["saturated"] for row in course["updates"])
    if proposed:
        note = f"of {grouped(proposed)} proposed; {grouped(saturated)} saturated"
        rows.append({"label": "weight updates rounded to nothing", "value": percent(lost / proposed), "note": note})
    return rows


def _on_chip(course: Json) -> dict[str, Any]:
    hidden, readout = course["rules"]
    per_epoch, several = course["samples"]["train"], course["settings"]["seeds"] > 1
    kinds = [kind for kind in TITLES if kind in course["results"]]
    return {
        "chance": course["chance"],
        "samples_per_epoch": per_epoch,
        "rule": f"{hidden['title']}; readout: {readout['title']}; {_weights(course)}",
        "equation": f"hidden   dw = {hidden['dw']}\nreadout  dw = {readout['dw']}",
        "band": "95 % interval of the mean" if several else None,
        "curves": [_curve(kind, course["curves"][kind], per_epoch) for kind in kinds],
        "table": [_row(kind, course) for kind in kinds],
        "updates": {"samples": course["samples_learned"], "layers": course["updates"]},
        "notes": [*course["warnings"], *_rates(course["lessons"].get("twin") or [])],
    }


def _weights(course: Json) -> str:
    bits = course["settings"]["weight_bits"]
    kept = "every integer of 8 bits and sign" if bits is None else f"the grid of {bits} bits"
    words = {
        "shared": "stochastically, with one random number for all synapses of a connection",
        "independent": "stochastically, with a random number for each synapse",
        "nearest": "to the nearest",
    }
    return f"weights on {kept}, rounded {words.get(course['rounding'], course['rounding'])}"


def _curve(kind: str, points: Sequence[Json], per_epoch: int) -> dict[str, Any]:
    curve = {
        "label": TITLES[kind], "control": kind == "control", "samples": [per_epoch * k for k in range(len(points))],
        "mean": [p["mean"] for p in points],
    }  # fmt: skip
    if all(p["half_width"] is not None for p in points):
        curve |= {
            "low": [max(0.0, p["mean"] - p["half_width"]) for p in points],
            "high": [min(1.0, p["mean"] + p["half_width"]) for p in points],
        }
    return curve


def _row(kind: str, course: Json) -> dict[str, Any]:
    lessons, found = course["lessons"][kind], course["results"][kind]
    return {
        "label": TITLES[kind], "role": _ROLES[kind], "control": kind == "control",
        "seeds": [one["seed"] for one in lessons], "test_accuracy": [one["test"] for one in lessons],
        "mean": found["mean"], "half_width": found["half_width"],
    }  # fmt: skip


def _rates(twins: Sequence[Json]) -> list[str]:
    rates = sorted({one["rate"] for one in twins if one.get("rate") is not None}, reverse=True)
    if not rates or rates == [1]:
        return []
    used = " or ".join(f"{rate:g}" for rate in rates)
    return [f"the float twin learned at {used} times the chip's rate, whichever was the better on validation"]


def _events(course: Json) -> dict[str, Any]:
    """Counts per training sample of learning."""
    n = course["samples_learned"] or 1
    found = {
        kind: [
            {"name": name, **{key: None if value is None else value / n for key, value in counts.items()}}
            for name, counts in course["counters"][kind].items()
        ]
        for kind in ("connections", "populations")
    }
    return {"per": "training sample", "total": True, **found}


def _energy(entry: Json, samples: int) -> dict[str, Any]:
    known = entry.get("known_pj")
    per_sample = [] if known is None or not samples else [f"{format_pj(known / samples)} per training sample."]
    return {
        "chip": entry["chip"], "label": f"learning: {entry['label']}", "scope": entry["covers"],
        "terms": [
            {"name": t["label"], "count": t["count"], "figure_pj": t["pj"], "energy_pj": t["energy_pj"],
             "source": t["note"] or t["source"]}
            for t in entry["terms"]
        ],
        "known_pj": known, "total_pj": entry.get("total_pj"), "missing": entry["missing"],
        "note": " ".join(per_sample),
    }  # fmt: skip


def _interval(found: Json) -> str:
    half = found["half_width"]
    return "" if half is None else f"± {100 * half:.1f} points (95 %); "
