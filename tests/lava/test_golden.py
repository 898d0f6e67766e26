"""Recorded runs of Lava, replayed through our worker: every recorded array comes back, element by element."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neurotrain_hw import lava
from neurotrain_hw.events import EventStream
from neurotrain_hw.program import PARAMETERS, Connection, Plasticity, Population, Program

TRACES = [f"{trace}_{part}" for trace in ("x1", "x2", "y1", "y2", "y3") for part in ("impulse", "tau")]

CASES = [
    "lif_dense_0001", "lif_sparse_0002", "lif_delay_0003", "lif_multi3_0005", "lif_recurrent_0006",
    "lif_overflow_u_0007", "lif_overflow_v_0008", "lif_perneuron_0009", "lif_ei_0011", "lifreset_two_0102",
    "lifreset_rec_0103", "ternary_two_0205", "ternary_rec_0203", "graded_acc32_0307", "graded_chain_0308",
    "graded_binary_from_graded_0305", "learn2f_triplet_0502", "learn2f_random_0507", "learn2f_recurrent_0508",
    "learn2f_coinc_0511", "learn2f_wide_0510", "learn2f_weightdep_0514", "learn3f_delay_0603", "learn3f_direct_0608",
    "learn3f_elig_neuron_0605", "learn3f_random_0604",
]  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_recorded_case(name: str, shared: Path, lava_python: Path) -> None:
    """Case {name} comes back bit for bit."""
    _compare(shared / "golden" / "lava" / f"{name}.npz", lava_python)


@pytest.mark.slow
def test_every_recorded_case_without_convolutions(shared: Path, lava_python: Path) -> None:
    """All cases that a Program can hold (it has no convolutions) come back bit for bit."""
    paths = [p for p in sorted((shared / "golden" / "lava").glob("*.npz")) if not p.name.startswith("conv")]
    assert len(paths) >= 48
    for path in paths:
        _compare(path, lava_python)


def _compare(path: Path, python: Path) -> None:
    with np.load(path, allow_pickle=False) as archive:
        case = json.loads(str(archive["case"]))
        arrays = {key: archive[key] for key in archive.files}
    program, inputs, factors = _load(case, arrays)
    expected = {key: arrays[ref[1:]] for key, ref in case["expected"].items()}
    record = [key for key in expected if key.endswith((".spikes", ".u", ".v", "@epochs"))]
    run = lava.simulate(
        program, inputs, steps=case["steps"], record=record, third_factors=factors, python=python
    )  # fmt: skip
    for key, want in expected.items():
        part, _, variable = key.rpartition(".")
        if variable == "spikes":
            got = run.spikes[part].dense()
        elif variable == "weights":
            got = run.weights[part]
        else:
            got = {**run.states, **run.tags, **run.traces, **run.history}[key]
        np.testing.assert_array_equal(got, want, err_msg=f"{path.name}: {key}")


def _load(
    case: dict[str, Any], arrays: dict[str, Any]
) -> tuple[Program, dict[str, EventStream], dict[str, dict[str, Any]]]:
    """The program, inputs and third factors of a golden case (golden/FORMAT.md)."""

    def value(item: Any) -> Any:
        return arrays[item[1:]] if isinstance(item, str) and item.startswith("@") else item

    inputs, populations, factors = {}, [], {}
    for p in case["populations"]:
        if p["kind"] == "input":
            inputs[p["name"]] = EventStream.from_dense(value(p["data"]).reshape(case["steps"], -1))
        parameters = {key: _integers(value(p[key])) for key in PARAMETERS[p["kind"]]}
        populations.append(Population(p["name"], p["kind"], tuple(p["shape"]), parameters))
    connections = []
    for c in case["connections"]:
        options = {
            key: c[key] for key in ("weight_exp", "num_weight_bits", "sign_mode", "num_message_bits") if key in c
        }
        weights, learning = value(c["weights"]), c.get("learning")
        if c["kind"] == "delay_dense":
            options["delays"] = np.broadcast_to(np.asarray(value(c["delays"]), np.int32), weights.shape).copy()
            options["max_delay"] = c.get("max_delay") or 0
        if learning:
            if learning.get("third_factor"):
                factors[c["name"]] = {y: value(ref) for y, ref in learning["third_factor"].items()}
            tags = {f"tag_{k}": value(learning.get(f"initial_tag_{k}")) for k in (1, 2)}
            options["plasticity"] = Plasticity(
                kind=learning["kind"], dw=learning.get("dw"), dd=learning.get("dd"), dt=learning.get("dt"),
                traces={key: learning[key] for key in TRACES if key in learning},
                t_epoch=learning["t_epoch"], rng_seed=learning["rng_seed"], **tags,
            )  # fmt: skip
        kind = "dense" if c["kind"] == "learning_dense" else c["kind"]
        connections.append(Connection(c["name"], kind, c["pre"], c["post"], weights, **options))
    return Program(case["name"], tuple(populations), tuple(connections)), inputs, factors


def _integers(item: Any) -> Any:
    return item if isinstance(item, int) else np.asarray(item).astype(np.int32).reshape(-1)
