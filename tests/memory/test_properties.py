"""What holds for every program and every budget."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from programs import networks

from neurotrain_hw.chips import Chip, load_chip
from neurotrain_hw.errors import CapacityError, UnsupportedError
from neurotrain_hw.memory import CoreMemory, layout_of, memory_map, place, pool_rows, with_budget
from neurotrain_hw.program import Connection, Modulator, Plasticity, Population, Program

CHIPS = (load_chip("loihi2"), load_chip("loihi1"), load_chip("edge_sram"), load_chip("spinnaker2"))
LIF = {"du": 4095, "dv": 410, "vth": 4000, "bias_mant": 0, "bias_exp": 0}
RULES = (
    None,
    Plasticity("2f", dw="2^-2*x1*y0 - 2^-2*y1*x0"),
    Plasticity("2f", dw="2^-2*u0*t", dt="2^-2*x1*y0 + x2*y0", dd="x1*y0"),
    Plasticity("3f", dw="2^-2*u0*x1*y1 - 2^-2*u0*x1*y2"),
)
FEEDBACK = Modulator("feedback", psi="box", psi_halfwidth=9)
QUIET = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def learners(draw: st.DrawFn) -> Program:
    """Chains of dense layers with any rules, and an output whose error may be fed back."""
    sizes = draw(st.lists(st.integers(1, 40), min_size=2, max_size=4))
    rules = [draw(st.sampled_from(RULES)) for _ in sizes[1:]]
    fed_back = len(sizes) > 2 and draw(st.booleans())
    populations = [Population("p0", "input", (sizes[0],)), Population("target", "input", (sizes[-1],))]
    for k, n in enumerate(sizes[1:], 1):
        last = k == len(sizes) - 1
        modulator = Modulator("error", target="target") if last else FEEDBACK if fed_back else None
        populations.append(Population(f"p{k}", "lif", (n,), LIF, modulator))
    connections = [
        Connection(f"w{k}", "dense", f"p{k - 1}", f"p{k}", np.zeros((n, sizes[k - 1]), np.int16),
                   num_weight_bits=draw(st.integers(1, 8)), sign_mode="mixed", plasticity=rule)
        for k, (n, rule) in enumerate(zip(sizes[1:], rules, strict=True), 1)
    ]  # fmt: skip
    if fed_back:
        weights = np.zeros((sizes[1], sizes[-1]), np.int16)
        connections.append(
            Connection("b", "dense", f"p{len(sizes) - 1}", "p1", weights, num_message_bits=8, port="signal",
                       pre_port="error", sign_mode="mixed")
        )  # fmt: skip
    return Program("learner", tuple(populations), tuple(connections))


programs = st.one_of(learners(), networks().map(lambda found: found.program))
budgets = st.integers(1, 1 << 14)


def placed(program: Program, chip: Chip, chips: int | None) -> Program | None:
    """The placed program, or None where it is refused."""
    try:
        return place(program, chip, chips=chips)
    except (CapacityError, UnsupportedError):  # some sizes of delays are unknown
        return None


@QUIET
@given(program=programs, chip=st.sampled_from(CHIPS), budget=budgets)
def test_no_core_holds_more_than_its_budget(program: Program, chip: Chip, budget: int) -> None:
    found = placed(program, with_budget(chip, budget), None)
    if found is not None:
        assert all(pool.need_bits <= 8 * budget == pool.limit_bits for pool in pool_rows(found.memory))


@QUIET
@given(program=programs, chip=st.sampled_from(CHIPS), budget=budgets)
def test_the_map_is_the_sum_of_its_parts(program: Program, chip: Chip, budget: int) -> None:
    found = placed(program, with_budget(chip, budget), None)
    if found is None:
        return
    whole, memory = memory_map(found, chip), CoreMemory(layout_of(found), chip)
    cores = {(part.chip, part.core) for part in found.placement}
    by_core = Counter[tuple[int, int]]()
    for core in cores:
        parts = [part for part in found.placement if (part.chip, part.core) == core]
        by_core[core] = sum(memory.needs(parts).values())
        assert by_core[core] == sum(sum(memory.needs([part]).values()) for part in parts)
    assert whole.bits == sum(by_core.values()) == sum(whole.purposes.values())
    assert whole.bits == sum(pool.need_bits for pool in whole.pools)
    assert whole.bits == sum(p["bits"] for core in whole.as_dict()["cores"] for p in core["purposes"])
    neurons = {p.name: p.n for p in found.populations if p.kind != "input"}
    assert neurons == dict(Counter(dict.fromkeys(neurons, 0)) | _neurons(found))


@QUIET
@given(program=programs, chip=st.sampled_from(CHIPS), budget=budgets, more=st.integers(0, 1 << 12),
       chips=st.sampled_from([1, 2, None]))  # fmt: skip
def test_more_memory_never_makes_what_fits_unfit(
    program: Program, chip: Chip, budget: int, more: int, chips: int | None
) -> None:
    few = replace_cores(chip, 3)
    less = placed(program, with_budget(few, budget), chips)
    if less is not None:
        larger = placed(program, with_budget(few, budget + more), chips)
        assert larger is not None
        assert _cores(larger) <= _cores(less)


@QUIET
@given(program=learners(), budget=budgets)
def test_remedies_of_any_refusal_fit(program: Program, budget: int) -> None:
    chip = with_budget(load_chip("edge_sram"), budget)
    try:
        place(program, chip)
    except CapacityError as error:
        for remedy in error.remedies:
            remedy.place(program)  # type: ignore[attr-defined]
        assert error.remedies  # the memory of this chip is a choice: some size is large enough


def replace_cores(chip: Chip, cores: int) -> Chip:
    """The chip with fewer cores, so that their number matters."""
    figure = replace(chip.figure("structure.cores"), value=cores)
    figures = {key: value for key, value in chip.figures.items() if key != "structure.cores_usable"}
    return replace(chip, figures={**figures, "structure.cores": figure})


def _neurons(program: Program) -> Counter[str]:
    found = Counter[str]()
    for part in program.placement:
        found[part.population] += part.last - part.first
    return found


def _cores(program: Program) -> tuple[int, int]:
    return max(((part.chip, part.core) for part in program.placement), default=(0, 0))
