"""The keys of `results.json`: what each holds, in a notation that `document.check` reads.

A mapping is an object, a list an array of its one item; `Map` is an object with any keys. A key that ends in `?` may
be missing or null (`<key>_reason` then says why); `Null(x)` must be there and may be null. `SAME` names arrays of an
object that must be of one length.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

SAME = "="
TEXT, NUMBER, WHOLE, FLAG, PLAIN = "a text", "a number", "a whole number", "true or false", "a text or a number"


@dataclass(frozen=True)
class Null:
    """`kind`, or null for unknown."""

    kind: Any


@dataclass(frozen=True)
class Map:
    """An object with any keys, all of whose values are of `kind`."""

    kind: Any


_SERIES = [Null(NUMBER)]
_SHARE = {
    "name": TEXT, "text": TEXT, "accuracy_alone": Null(NUMBER), "accuracy_without": Null(NUMBER),
    "loss_alone": Null(NUMBER), "gain_without": Null(NUMBER), "decisions_alone": WHOLE, "decisions_without": WHOLE,
    "differing_alone": WHOLE, "differing_without": WHOLE, "explains": Null(NUMBER),
}  # fmt: skip
_PAIR = {
    "a": TEXT, "b": TEXT, "exact": FLAG, "samples": WHOLE, "samples_apart": WHOLE, "decisions_apart": WHOLE,
    "first": Null({
        "sample": WHOLE, "step": WHOLE, "layer": TEXT, "neuron": WHOLE, "variable": TEXT, "threshold": Null(NUMBER),
        "values": Map(Map(NUMBER)),
    }),
    "layers": [{
        "layer": TEXT, "neurons": WHOLE, "compared": WHOLE, "differing": WHOLE, "spikes_a": WHOLE, "spikes_b": WHOLE,
        "first_step": Null(WHOLE), "breaks_first": WHOLE, "rate_a": Null(NUMBER), "rate_b": Null(NUMBER),
        "agreement": Null(NUMBER), "differing_share": Null(NUMBER),
    }],
}  # fmt: skip
_COMPARISON = {
    "network": TEXT, "chip": TEXT, "steps": WHOLE, "samples": WHOLE, "loss": Null(NUMBER),
    "runs": [{"run": TEXT, "title": TEXT, "samples": WHOLE, "accuracy": Null(NUMBER), "spikes": WHOLE}],
    "pairs": [_PAIR],
    "formats": [{
        "layer": TEXT, "what": TEXT, "values": WHOLE, "bits": [NUMBER], "limit_bits": NUMBER, "zero_share": NUMBER,
        "limit_share": NUMBER, "beyond": WHOLE, "threshold_bits": Null(NUMBER),
    }],
    "attribution": Null({
        "samples": WHOLE, "accuracy_none": Null(NUMBER), "accuracy_all": Null(NUMBER), "loss": Null(NUMBER),
        "decisions": WHOLE, "spikes": WHOLE, "differing": WHOLE, "effects": [_SHARE], "layers": [_SHARE],
        "cause": Null(TEXT),
    }),
    "departures": Map([TEXT]), "emulator_differs": WHOLE, "notes": [TEXT],
}  # fmt: skip

HEADER: dict[str, Any] = {
    "title?": TEXT,
    "created?": TEXT,
    "kind?": TEXT,
    "seed?": WHOLE,
    "machine?": TEXT,
}

SECTIONS: dict[str, Any] = {
    "headline": [{"label": TEXT, "value": Null(PLAIN), "note?": TEXT}],
    "log": [{"step": TEXT, "title": TEXT, "seconds?": NUMBER, "text": TEXT}],
    "training": [
        {
            "rule": TEXT,
            "title?": TEXT,
            "seeds?": [WHOLE],
            "test_accuracy?": _SERIES,
            "validation_accuracy?": _SERIES,
            "quantised_accuracy?": _SERIES,
            "float_accuracy?": _SERIES,
            "curve?": [{"epoch": NUMBER, "loss?": NUMBER, "validation_accuracy?": NUMBER}],
            "seconds?": NUMBER,
            "learning_bytes?": {"steps": [NUMBER], "bytes": _SERIES, SAME: ("steps", "bytes")},
        }
    ],
    "accuracy": {
        "samples?": WHOLE,
        "chance?": NUMBER,
        "columns": [TEXT],
        "rows": [
            {
                "network": TEXT,
                "values": _SERIES,
                "differing_spikes?": WHOLE,
                "compared_spikes?": WHOLE,
                "lava_reason?": TEXT,
            }
        ],
    },
    "comparison": _COMPARISON,
    "program": {
        "name?": TEXT,
        "chip?": TEXT,
        "layers?": [
            {
                "name": TEXT,
                "kind?": TEXT,
                "neurons?": WHOLE,
                "vth?": PLAIN,
                "dv?": PLAIN,
                "weight_exp?": WHOLE,
                "weight_bits?": WHOLE,
                "threshold_error?": NUMBER,
                "decay_error?": NUMBER,
            }
        ],
        "placement?": [{"population": TEXT, "first": WHOLE, "last": WHOLE, "chip": WHOLE, "core": WHOLE}],
        "memory?": [
            {
                "chip": WHOLE,
                "core": WHOLE,
                "purpose": TEXT,
                "need_bits": Null(WHOLE),
                "pool": TEXT,
                "limit_bits": Null(WHOLE),
            }
        ],
        "notes?": [TEXT],
    },
    "on_chip": {
        "chance?": NUMBER,
        "samples_per_epoch?": WHOLE,
        "rule?": TEXT,
        "equation?": TEXT,
        "notes?": [TEXT],
        "band?": TEXT,
        "curves?": [
            {
                "label": TEXT,
                "control?": FLAG,
                "samples": [NUMBER],
                "mean": _SERIES,
                "low?": _SERIES,
                "high?": _SERIES,
                SAME: ("samples", "mean", "low", "high"),
            }
        ],
        "table?": [
            {
                "label": TEXT,
                "control?": FLAG,
                "seeds?": [WHOLE],
                "test_accuracy": _SERIES,
                "role?": TEXT,
                "mean?": NUMBER,
                "spread?": NUMBER,
                "half_width?": NUMBER,
                SAME: ("seeds", "test_accuracy"),
            }
        ],
        "updates?": {
            "samples?": NUMBER,
            "layers": [
                {
                    "layer": TEXT,
                    "rule?": TEXT,
                    "synapses?": NUMBER,
                    "proposed": NUMBER,
                    "applied": NUMBER,
                    "rounded_away": NUMBER,
                    "saturated": NUMBER,
                }
            ],
        },
        "lava?": {
            "steps": WHOLE,
            "differing_weights": WHOLE,
            "compared_weights?": WHOLE,
            "differing_spikes?": WHOLE,
        },
    },
    "sram": {
        "limit_bits": Null(WHOLE),
        "limit_source?": TEXT,
        "steps": [NUMBER],
        "rules": [
            {
                "rule": TEXT,
                "title?": TEXT,
                "bits": _SERIES,
                "verdict?": TEXT,
                "reason?": TEXT,
                "purposes?": [{"purpose": TEXT, "bits": Null(NUMBER)}],
            }
        ],
    },
    "events": {
        "per?": TEXT,
        "total?": FLAG,
        "connections?": [
            {
                "name": TEXT,
                "spike_events?": NUMBER,
                "graded_events?": NUMBER,
                "weight_updates_proposed?": NUMBER,
                "weight_updates_applied?": NUMBER,
                "weight_updates_rounded_away?": NUMBER,
                "weight_updates_saturated?": NUMBER,
                "trace_updates?": NUMBER,
                "random_numbers?": NUMBER,
            }
        ],
        "populations?": [
            {
                "name": TEXT,
                "updates_active?": NUMBER,
                "updates_idle?": NUMBER,
                "spikes?": NUMBER,
                "spikes_on_core?": NUMBER,
                "spikes_off_core?": NUMBER,
            }
        ],
    },
    "energy": [
        {
            "chip": TEXT,
            "label?": TEXT,
            "scope?": TEXT,
            "terms": [
                {
                    "name": TEXT,
                    "count": Null(NUMBER),
                    "figure_pj": Null(NUMBER),
                    "energy_pj": Null(NUMBER),
                    "source?": TEXT,
                }
            ],
            "known_pj?": NUMBER,
            "total_pj?": NUMBER,
            "missing?": [TEXT],
            "note?": TEXT,
        }
    ],
    "raster": {
        "population_sizes": Map(WHOLE),
        "steps": WHOLE,
        "events": [{"population": TEXT, "step": [WHOLE], "neuron": [WHOLE], SAME: ("step", "neuron")}],
        "label?": WHOLE,
        "predicted?": WHOLE,
    },
    "weights": [
        {
            "connection": TEXT,
            "label": TEXT,
            "grid": WHOLE,
            "values": [WHOLE],
            "counts": [WHOLE],
            SAME: ("values", "counts"),
        }
    ],
    "accuracy_vs_events": [
        {"label": TEXT, "events": [NUMBER], "accuracy": _SERIES, SAME: ("events", "accuracy")},
    ],
    "versions": Map(TEXT),
}
