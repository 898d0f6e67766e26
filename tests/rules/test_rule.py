"""Rules as data: the library, TOML there and back, contradictions, and the form that a learning engine takes."""

from __future__ import annotations

import tomllib
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from neurotrain_hw.errors import FormatError, RuleSyntaxError, UnknownNameError, UnsupportedError, ValueRangeError
from neurotrain_hw.rules import (
    COMPUTERS,
    LEARNING_SIGNALS,
    SAMPLED,
    Modulation,
    Trace,
    load_rule,
    parse_rule,
    parse_sum,
    rule_names,
)
from neurotrain_hw.rules.signals import CONSTANTS as CHIP
from neurotrain_hw.trainers import default_settings, trainable_rules

LIBRARY = (
    "bcm", "bptt", "decolle", "delta", "dfa", "drtp", "emstdp", "eprop", "eprop-adaptive", "eprop-alif",
    "eprop-alif-filtered", "eprop-filtered", "eprop-random", "es-d-rtrl", "etlp", "forward-forward", "hebb",
    "node-perturbation", "oja", "ostl", "osttp", "ottt", "pair-stdp", "pes", "reward-stdp", "reward-stdp-immediate",
    "s-tllr", "sdsp", "sign-dfa", "soel", "triplet-stdp", "weight-dependent-stdp",
)  # fmt: skip


def test_these_rules_are_in_the_library() -> None:
    assert tuple(rule_names()) == LIBRARY


@pytest.mark.parametrize("name", LIBRARY)
def test_every_rule_survives_being_written_and_read_back(name: str) -> None:
    rule = load_rule(name)
    assert parse_rule(tomllib.loads(rule.to_toml()), name=name, where="here") == rule


@pytest.mark.parametrize("name", LIBRARY)
def test_every_rule_says_when_each_factor_is_read_and_where_it_comes_from(name: str) -> None:
    rule = load_rule(name)
    assert rule.source and rule.equation
    assert set(rule.variables) - {"x0", "y0"} <= set(rule.sampling)
    assert set(rule.sampling.values()) <= set(SAMPLED)
    assert rule.engines or rule.note, "a rule that nothing runs says what is missing"
    assert rule.kind is None or rule.approximate, "integers depart from every source somewhere"
    assert rule.modulation.signal in ("none", *LEARNING_SIGNALS) and rule.modulation.computed_by in COMPUTERS
    assert (rule.modulation.computed_by == "nobody") == (rule.modulation.signal == "none")


def test_the_trainer_and_the_definition_have_the_same_constants() -> None:
    for name in set(trainable_rules()) & set(LIBRARY):
        rule, constants = load_rule(name), asdict(default_settings(name))
        shared = constants.keys() & rule.defaults.keys() - CHIP.keys()
        assert all(constants[k] == rule.defaults[k] for k in shared)
        if rule.engines == ("trainer",):
            assert len(shared) >= 3
            assert rule.modulation.psi == constants["psi"]
    named = {"lambda_post", "lambda_pre", "alpha_post", "alpha_pre"}
    assert named <= load_rule("s-tllr").defaults.keys() & asdict(default_settings("s-tllr")).keys()
    assert {n for n in LIBRARY if "trainer" in load_rule(n).engines} <= set(trainable_rules())


def test_pair_stdp_as_the_engine_takes_it() -> None:
    plasticity = load_rule("pair-stdp").plasticity(rng_seed=5)
    assert plasticity.kind == "2f"
    assert plasticity.dw == "2^-2*y0*x1 - 2^-2*x0*y1"
    assert plasticity.traces == {"x1_impulse": 16, "x1_tau": 20, "y1_impulse": 16, "y1_tau": 20}
    assert (plasticity.rng_seed, plasticity.rule, plasticity.dt) == (5, "pair-stdp", None)


def test_a_three_factor_rule_keeps_delivered_factors_as_lava_does() -> None:
    tags = np.full((2, 3), 4, np.int32)
    plasticity = load_rule("reward-stdp").plasticity(rng_seed=1, tag_1=tags)
    assert plasticity.kind == "3f" and plasticity.tag_1 is tags
    assert {k: v for k, v in plasticity.traces.items() if k[0] == "y"} == {f"y{k}_tau": 65535 for k in (1, 2, 3)}


def test_bptt_has_no_engine_form() -> None:
    with pytest.raises(UnsupportedError, match=r"bptt.*no sum of products"):
        load_rule("bptt").plasticity(rng_seed=1)


def test_a_signed_third_factor_travels_in_two_halves_of_equal_weight() -> None:
    for name in ("eprop-random", "delta", "drtp"):
        dw = load_rule(name).dw
        assert dw is not None
        up, down = dw.products
        assert (up.mant, up.exp) == (-down.mant, down.exp)
        assert [f.variable for f in up.factors + down.factors] == ["x1", "y1", "x1", "y2"]


def test_triplets_constants_take_the_spikes_own_impulse_off() -> None:
    rule = load_rule("triplet-stdp")
    assert rule.dw is not None
    slow = {f.variable: f.constant for p in rule.dw.products for f in p.factors if f.constant}
    assert slow == {k: -rule.traces[k].impulse for k in ("x2", "y2")}


def test_an_unknown_rule_gets_the_nearest_names() -> None:
    with pytest.raises(UnknownNameError, match=r"no rule called 'eprop-radnom'. Did you mean eprop-random"):
        load_rule("eprop-radnom")


def _document() -> dict[str, object]:
    return tomllib.loads(load_rule("pair-stdp").to_toml())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "4f"}, r"my.toml: kind: got '4f' \(expected one of 2f, 3f\)"),
        ({"colour": 1}, r"my.toml: colour: unknown key"),
        ({"t_epoch": 0}, r"my.toml: t_epoch: got 0 \(expected a whole number of at least 1\)"),
        ({"title": 3}, r"my.toml: title: got 3 \(expected a text\)"),
        ({"engines": ["fpga"]}, r"my.toml: engines: got \['fpga'\]"),
        ({"schema": 2}, r"my.toml: schema: a schema that this version does not know"),
        ({"taxonomy": {"training": "direct"}}, r"my.toml: taxonomy.learning: this key is missing"),
        ({"traces": {"x1": {"impulse": -1, "tau": 1}}}, r"my.toml: traces.x1.impulse: got -1"),
        ({"traces": {"x1": {"impulse": 1, "tau": 1}}}, r"my.toml: traces.y1: .* has no impulse and tau"),
        ({"sampling": {"x1": "after-spike"}}, r"my.toml: sampling.y1: not said when this factor is read"),
        ({"modulation": {"psi": "box"}}, r"my.toml: modulation.psi: a pseudo-derivative without a learning signal"),
        ({"modulation": {"signal": "reward"}}, r"my.toml: modulation.signal: a 2f rule with the signal 'reward'"),
        ({"modulation": {"formed": "given"}}, r"my.toml: modulation.formed: 'given' in a rule of kind 2f"),
        ({"modulation": {"computed_by": "magic"}}, r"my.toml: modulation.computed_by: got 'magic'"),
        ({"runs_on": "processor"}, r"my.toml: runs_on: 'processor' for a rule of kind 2f"),
        ({"operations": {"u": {"multiplications": 1, "additions": 1}}}, r"my.toml: operations: those of a sum"),
        ({"operations": {"u": {"multiplications": 1}}}, r"my.toml: operations.u.additions: this key is missing"),
        ({"pre_bits": {"trace": 0}}, r"my.toml: pre_bits.trace: got 0 \(expected a whole number of at least 1\)"),
        (
            {"traces": {"x1": {"impulse": 500, "tau": 9}, "y1": {"impulse": 1, "tau": 9}}},
            r"traces.x1: an impulse of 500",
        ),
        (
            {"sampling": {"x1": "before-spike", "y1": "after-spike"}},
            r"sampling.x1: the engine does not read it 'before-",
        ),
        ({"sampling": {"x1": "per-sample", "y1": "after-spike"}}, r"x1: .*It reads it: after-spike, epoch-end"),
    ],
)
def test_a_malformed_file_is_refused_with_its_key(change: dict[str, object], message: str) -> None:
    with pytest.raises(FormatError, match=message):
        parse_rule(_document() | change, name="my", where="my.toml")


def test_a_fault_in_a_sum_is_shown_with_file_key_and_column() -> None:
    with pytest.raises(RuleSyntaxError, match=r"my.toml: dw: '\*\*' is no operator at column 4") as caught:
        parse_rule(_document() | {"dw": "x0**2"}, name="my", where="my.toml")
    assert str(caught.value).splitlines()[1:3] == ["  x0**2", "     ^"]


def test_a_fault_in_a_sum_over_several_lines_is_shown_with_its_line() -> None:
    document = _document() | {"dw": "2^-2*y0*x1\n  - 2^-2*x0*y4"}
    with pytest.raises(RuleSyntaxError, match=r"my.toml: dw: 'y4' is unknown here at line 2, column 13") as caught:
        parse_rule(document, name="my", where="my.toml")
    assert str(caught.value).splitlines()[1:3] == ["    - 2^-2*x0*y4", "              ^"]
    assert (
        parse_rule(document | {"dw": "2^-2*y0*x1\n  - 2^-2*x0*y1"}, name="my", where="").dw == load_rule("pair-stdp").dw
    )


def test_in_a_long_epoch_a_trace_is_read_as_its_gate_says() -> None:
    rule = load_rule("pair-stdp")
    with pytest.raises(ValueRangeError, match=r"sampling.x1: the engine does not read it 'epoch-end'"):
        replace(rule, t_epoch=4, sampling={"x1": "epoch-end", "y1": "after-spike"})
    swept = parse_sum("2^-2*u0*x1*y1")
    with pytest.raises(ValueRangeError, match=r"sampling.x1: the engine does not read it 'after-spike'"):
        replace(rule, t_epoch=4, dw=swept)
    replace(rule, t_epoch=4, dw=swept, sampling={"x1": "epoch-end", "y1": "epoch-end"})


def test_a_fault_in_a_file_is_shown_with_the_line_of_the_file(tmp_path: Path) -> None:
    path, text = tmp_path / "my.toml", load_rule("pair-stdp").to_toml()
    path.write_text(text.replace("2^-2*y0*x1", "2^-2*y0**x1"))
    line = next(k for k, row in enumerate(text.splitlines(), start=1) if row.startswith("dw ="))
    with pytest.raises(RuleSyntaxError, match=rf"my.toml: line {line}: dw: '\*\*' is no operator at column 9"):
        load_rule(path)
    spread = text.replace('"2^-2*y0*x1 - 2^-2*x0*y1"', '"""\n2^-2*y0*x1\n- 2^-2*x0*y4"""')
    path.write_text(spread)
    with pytest.raises(
        RuleSyntaxError, match=rf"my.toml: line {line + 2}: dw: 'y4' is unknown here at line 2, column 1"
    ):
        load_rule(path)


def test_a_product_that_would_wrap_in_32_bits_is_refused() -> None:
    """128^2 * 512^2 * 7 is above 2^31; Lava would multiply on and take what is left of it."""
    rule, wide = load_rule("pair-stdp"), parse_sum("7*y0*(x1+1)*(y1+1)*(w+300)*(w-300)")
    assert wide.products[0].bound == 7 * 128**2 * 512**2 > 2**31
    with pytest.raises(ValueRangeError, match=r"rule 'pair-stdp': dw: .* can reach 30064771072"):
        replace(rule, dw=wide, sampling={**rule.sampling, "w": "before-update"})
    assert max(p.bound for n in LIBRARY for s in load_rule(n).sums.values() for p in s.products) < 2**31


def test_rounding_that_the_engine_does_not_do_is_refused() -> None:
    rule = load_rule("pair-stdp")
    with pytest.raises(ValueRangeError, match=r"rule 'pair-stdp': rounding: 'none', while 2\^-2\*y0\*x1 has fractions"):
        replace(rule, rounding="none")
    assert replace(rule, rounding="nearest").plasticity(rng_seed=1).rounding == "nearest"


def test_a_missing_and_a_broken_file(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="there is no such file"):
        load_rule(tmp_path / "none.toml")
    (tmp_path / "broken.toml").write_text("title = ")
    with pytest.raises(FormatError, match=r"broken.toml: not TOML: Invalid value"):
        load_rule(tmp_path / "broken.toml")


def test_a_rule_built_in_python_is_checked_alike() -> None:
    rule = load_rule("pair-stdp")
    with pytest.raises(ValueRangeError, match=r"rule 'pair-stdp': traces.x2: no product reads this trace"):
        replace(rule, traces={**rule.traces, "x2": Trace(1, 1)})
    with pytest.raises(ValueRangeError, match="u0 and u1 stand in one rule"):
        replace(load_rule("reward-stdp"), dw=parse_sum("u1*t*y2 - u1*t*y3"))
    with pytest.raises(ValueRangeError, match=r"modulation.signal"):
        replace(rule, modulation=Modulation(signal="error"))


def test_texts_with_quotes_and_line_breaks_survive_writing() -> None:
    rule = replace(load_rule("pair-stdp"), note='say "x"\n\\ back\tslash \x7f é')
    assert parse_rule(tomllib.loads(rule.to_toml()), name=rule.name, where="") == rule
