"""A made-up document: every figure in it is synthetic, and named so."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

import pytest

STEPS = [8, 32, 128, 512, 2048]


@pytest.fixture
def results() -> Callable[[], dict[str, Any]]:
    """A function that makes a full synthetic document, a new one at each call."""
    return synthetic


def synthetic() -> dict[str, Any]:
    """Every section once, with known and unknown figures."""
    return {
        "title": "Synthetic digits, from training to the chip",
        "created": "2000-01-01T12:00:00",
        "kind": "demo",
        "seed": 7,
        "versions": {"neurotrain-hw": "0.0.0", "made-up": "1.2.3"},
        "machine": "a synthetic machine, 2 cores",
        "headline": [
            {"label": "test accuracy on the chip", "value": "96.1 %", "note": "synthetic, 360 samples"},
            {"label": "spikes that differ from Lava", "value": 0, "note": "of 1 234 567 compared"},
            {"label": "on-chip learning", "value": "94.2 %", "note": "control: 88.0 %"},
            {"label": "energy per sample", "value": None, "note": "no figure is published"},
        ],
        "log": [
            {"step": "a", "title": "train", "seconds": 83.2, "text": "BPTT 96.4 %, e-prop 95.8 % (3 seeds)"},
            {"step": "b", "title": "export to NIR", "seconds": 0.4, "text": "2 layers, read back, same network"},
            {"step": "d", "title": "run", "seconds": 12.0, "text": "0 of 1 234 567 spikes differ"},
            {"step": "e", "title": "learn on the chip", "seconds": None, "text": "seeds 0 to 2"},
        ],
        "training": [_training("bptt", "BPTT", 0.05, 40.0), _training("eprop", "e-prop", 0.07, 0.0)],
        "accuracy": {
            "samples": 360,
            "chance": 0.1,
            "columns": ["float", "quantised", "simulator", "lava"],
            "rows": [
                {
                    "network": "BPTT",
                    "values": [0.9694, 0.9639, 0.9639, 0.9639],
                    "differing_spikes": 0,
                    "compared_spikes": 1234567,
                    "lava_reason": None,
                },
                {
                    "network": "e-prop",
                    "values": [0.9611, 0.9583, 0.9583, None],
                    "differing_spikes": None,
                    "compared_spikes": None,
                    "lava_reason": "there is no CPython 3.10 here",
                },
            ],
        },
        "program": _program(),
        "on_chip": {
            "chance": 0.1,
            "samples_per_epoch": 1221,
            "rule": "a synthetic three-factor rule",
            "equation": "dw = 2^-4*u0*x1*y1 - 2^-4*u0*x1*y2",
            "curves": [
                _learned("hidden layer, from random weights", 0.94, control=False),
                _learned("from the trained hidden layer", 0.965, control=False),
                _learned("readout only", 0.88, control=True),
            ],
            "table": [
                {
                    "label": "hidden layer, from random weights",
                    "control": False,
                    "seeds": [0, 1, 2],
                    "test_accuracy": [0.939, 0.944, 0.942],
                    "mean": 0.9417,
                    "spread": 0.0025,
                },
                {
                    "label": "readout only",
                    "control": True,
                    "seeds": [0, 1, 2],
                    "test_accuracy": [0.875, 0.883, 0.882],
                    "mean": 0.88,
                    "spread": 0.0044,
                },
            ],
            "updates": {
                "samples": 6000,
                "layers": [
                    {
                        "layer": "in_hidden",
                        "rule": "a-rule",
                        "synapses": 8192,
                        "proposed": 200000,
                        "applied": 11000,
                        "rounded_away": 188000,
                        "saturated": 1000,
                    },
                    {
                        "layer": "hidden_out",
                        "rule": "another",
                        "synapses": 1280,
                        "proposed": 40000,
                        "applied": 40000,
                        "rounded_away": 0,
                        "saturated": 2,
                    },
                ],
            },
            "notes": ["a synthetic note on learning"],
            "lava": {"steps": 500, "differing_weights": 0, "compared_weights": 9472, "differing_spikes": 0},
            "lava_reason": None,
        },
        "sram": _sram(),
        "events": {
            "per": "sample",
            "connections": [_connection("in_hidden", 31000, 412), _connection("hidden_out", 2400, 98)],
            "populations": [
                {
                    "name": "hidden",
                    "updates_active": 3800,
                    "updates_idle": 296,
                    "spikes": 240,
                    "spikes_on_core": 0,
                    "spikes_off_core": 240,
                },
                {
                    "name": "out",
                    "updates_active": 300,
                    "updates_idle": 20,
                    "spikes": 41,
                    "spikes_on_core": None,
                    "spikes_off_core": None,
                },
            ],
        },
        "energy": [
            {
                "chip": "madeup2",
                "label": "figures of Made-up 2",
                "scope": "unpublished",
                "terms": [_term("synaptic operation", 33400, None), _term("active neuron update", 4100, None)],
                "known_pj": None,
                "total_pj": None,
                "missing": ["synaptic operation", "active neuron update"],
                "note": "Nobody has published a figure for this chip.",
            },
            {
                "chip": "madeup2",
                "label": "Made-up 1 figures, not Made-up 2's",
                "scope": "per-term",
                "terms": [_term("synaptic operation", 33400, 20.0), _term("trace update", 77, None)],
                "known_pj": 668000.0,
                "total_pj": None,
                "missing": ["trace update"],
                "note": "",
            },
        ],
        "raster": _raster(),
        "weights": [
            _histogram("in_hidden", "before learning", 30, 8192),
            _histogram("in_hidden", "after learning", 62, 8192),
            _histogram("hidden_out", "before learning", 30, 1280),
            _histogram("hidden_out", "after learning", 90, 1280),
        ],
        "accuracy_vs_events": [
            {"label": "BPTT", "events": [4000, 9000, 17000, 33400], "accuracy": [0.71, 0.88, 0.942, 0.9639]},
            {"label": "e-prop", "events": [4200, 9400, 18000, 35100], "accuracy": [0.69, 0.86, None, 0.9583]},
        ],
    }


def _training(rule: str, title: str, floor: float, per_step: float) -> dict[str, Any]:
    return {
        "rule": rule,
        "title": title,
        "seeds": [0, 1, 2],
        "test_accuracy": [0.9639, 0.9556, 0.9611],
        "validation_accuracy": [0.972, 0.968, None],
        "quantised_accuracy": [0.9639, 0.9556, 0.9611],
        "float_accuracy": [0.9694, 0.9583, 0.9611],
        "curve": [
            {
                "epoch": epoch,
                "loss": 1.9 * math.exp(-epoch / 3) + floor,
                "validation_accuracy": None if epoch == 2 else 0.975 - 0.6 * math.exp(-epoch / 2) - floor / 10,
            }
            for epoch in range(1, 16)
        ],
        "seconds": 41.5,
        "learning_bytes": {
            "steps": [100, 400, 1600],
            "bytes": [90_000 + round(per_step * 1000 * t) for t in (100, 400, 1600)],
        },
    }


def _program() -> dict[str, Any]:
    return {
        "name": "synthetic-digits",
        "chip": "madeup2",
        "layers": [
            {
                "name": "hidden",
                "kind": "lif_reset",
                "neurons": 128,
                "vth": 4063,
                "dv": 410,
                "weight_exp": 2,
                "weight_bits": 8,
                "threshold_error": 0.00012,
                "decay_error": 0.0004,
            },
            {"name": "out", "kind": "lif_reset", "neurons": 10, "vth": "varies", "dv": 410, "weight_bits": 8},
        ],
        "placement": [
            {"population": "hidden", "first": 0, "last": 128, "chip": 0, "core": 0},
            {"population": "out", "first": 0, "last": 10, "chip": 0, "core": 1},
        ],
        "memory": [
            {
                "chip": 0,
                "core": core,
                "purpose": purpose,
                "need_bits": bits,
                "pool": "core memory",
                "limit_bits": 1572864,
            }
            for core, parts in enumerate(
                [{"weights": 65536, "neuron state": 12288, "axons": 4096}, {"weights": 10240, "neuron state": None}]
            )
            for purpose, bits in parts.items()
        ],
        "notes": ["a synthetic note of the compiler"],
    }


def _learned(label: str, end: float, *, control: bool) -> dict[str, Any]:
    samples = list(range(0, 6001, 500))
    mean = [end - (end - 0.1) * math.exp(-s / 900) for s in samples]
    return {
        "label": label,
        "control": control,
        "samples": samples,
        "mean": mean,
        "low": [m - 0.02 for m in mean],
        "high": [m + 0.02 for m in mean],
    }


def _sram() -> dict[str, Any]:
    bptt = [9472 * 8 + 4416 * steps for steps in STEPS]
    return {
        "limit_bits": 1572864,
        "limit_source": "a synthetic data sheet",
        "steps": STEPS,
        "rules": [
            {
                "rule": "bptt",
                "title": "BPTT",
                "bits": bptt,
                "verdict": "does not fit",
                "reason": "the whole history of the sample must be kept",
                "purposes": [{"purpose": "weights", "bits": 75776}, {"purpose": "history", "bits": 4416 * 2048}],
            },
            {
                "rule": "local",
                "title": "local rule",
                "bits": [75776 + 3300] * len(STEPS),
                "verdict": "runs natively",
                "reason": "",
                "purposes": [{"purpose": "weights", "bits": 75776}, {"purpose": "traces", "bits": 3300}],
            },
            {"rule": "odd", "bits": [None] * len(STEPS), "verdict": None, "reason": "its trace width is not published"},
        ],
    }


def _connection(name: str, events: int, updates: int) -> dict[str, Any]:
    return {
        "name": name,
        "spike_events": events,
        "graded_events": 0,
        "weight_updates_proposed": updates,
        "weight_updates_applied": updates // 2,
        "weight_updates_rounded_away": updates - updates // 2,
        "weight_updates_saturated": 3,
    }


def _term(name: str, count: int, figure: float | None) -> dict[str, Any]:
    energy = None if figure is None else count * figure
    source = "a synthetic paper, table 1" if figure else "not published"
    return {"name": name, "count": count, "figure_pj": figure, "energy_pj": energy, "source": source}


def _raster() -> dict[str, Any]:
    rng = random.Random(0)
    sizes = {"in": 64, "hidden": 128, "out": 10}
    rates = {"in": 0.2, "hidden": 0.08, "out": 0.02}
    events = []
    for name, n in sizes.items():
        spikes = [
            (t, j)
            for t in range(1, 35)
            for j in range(n)
            if rng.random() < (0.5 if (name, j) == ("out", 3) else rates[name])
        ]
        events.append({"population": name, "step": [t for t, _ in spikes], "neuron": [j for _, j in spikes]})
    return {"population_sizes": sizes, "steps": 34, "events": events, "label": 3, "predicted": 3}


def _histogram(connection: str, label: str, width: float, total: int) -> dict[str, Any]:
    rng = random.Random(1)
    counts: dict[int, int] = {}
    for _ in range(total):
        value = 2 * round(max(-254.0, min(254.0, rng.gauss(0, width))) / 2)
        counts[value] = counts.get(value, 0) + 1
    values = sorted(counts)
    return {
        "connection": connection,
        "label": label,
        "grid": 2,
        "values": values,
        "counts": [counts[v] for v in values],
    }
