"""Energy: sums held against arithmetic by hand, and unknown figures that stay unknown."""

import json
from pathlib import Path

import pytest

from neurotrain_hw.chips import chip_names, load_chip
from neurotrain_hw.energy import Energy, Term, estimate, format_pj, proxy
from neurotrain_hw.simulator.counters import ConnectionCounts, Counters, PopulationCounts

INFERENCE = Counters(
    steps=20,
    connections={"in_hidden": ConnectionCounts(spike_events=1000), "hidden_out": ConnectionCounts(spike_events=500)},
    populations={
        "hidden": PopulationCounts(
            updates_active=300, updates_idle=40, spikes=25, spikes_on_core=25, spikes_off_core=0
        ),
        "out": PopulationCounts(updates_active=30, updates_idle=10, spikes=3, spikes_on_core=0, spikes_off_core=0),
    },
)
LEARNING = Counters(
    steps=20,
    connections={
        "in_hidden": ConnectionCounts(
            spike_events=1000, graded_events=7, weight_updates_proposed=90, weight_updates_applied=60,
            weight_updates_rounded_away=30, trace_updates=11, random_numbers=5,
        )
    },
    populations=INFERENCE.populations,
)  # fmt: skip


def term(energy: Energy, name: str) -> Term:
    return next(t for t in energy.terms if t.name == name)


def test_inference_on_loihi1_is_the_sum_of_its_table() -> None:
    """Davies et al. 2018, Table 2: 23.6 pJ an operation, 81 and 52 pJ a neuron, 1.7 pJ a spike in its tile."""
    energy = estimate(INFERENCE, load_chip("loihi1"))
    assert energy.missing == ()
    assert energy.total_pj == pytest.approx(1500 * 23.6 + 330 * 81.0 + 50 * 52.0 + 25 * 1.7)
    assert energy.label == "figures of Intel Loihi (1)"
    assert "Davies" in term(energy, "synaptic_op").source


def test_a_missing_term_leaves_a_lower_bound_and_no_total() -> None:
    energy = estimate(LEARNING, load_chip("loihi1"))
    assert energy.total_pj is None
    assert energy.missing == ("graded synaptic operation", "trace update", "random number")
    assert energy.known_pj == pytest.approx(1000 * 23.6 + 330 * 81.0 + 50 * 52.0 + 25 * 1.7 + 90 * 120.0)
    assert energy.summary.startswith("at least ") and "missing: graded" in energy.summary


def test_unknown_is_never_zero() -> None:
    for name in chip_names():
        chip = load_chip(name)
        for t in estimate(LEARNING, chip).terms:
            if t.pj is None:
                assert t.energy_pj is None, (name, t.name)
            if t.state == "known":
                assert chip.text("energy.scope") in ("per-term", "affine"), (name, t.name)


def test_loihi2_is_unknown_throughout_and_its_proxy_is_labelled() -> None:
    chip = load_chip("loihi2")
    energy = estimate(LEARNING, chip)
    assert energy.total_pj is None and energy.known_pj is None
    assert {t.state for t in energy.terms} == {"missing", "no events"}
    assert energy.summary.startswith("unknown")
    beside = proxy(LEARNING, chip)
    assert beside is not None
    assert (beside.chip, beside.figures_of) == ("loihi2", "loihi1")
    assert beside.label == "Intel Loihi (1) figures, not Intel Loihi 2's"
    assert beside.known_pj == estimate(LEARNING, load_chip("loihi1")).known_pj


def test_most_chips_name_no_proxy() -> None:
    assert [n for n in chip_names() if proxy(INFERENCE, load_chip(n)) is not None] == ["loihi2"]


@pytest.mark.parametrize("name", ["reckon", "xylo_audio2", "speck", "brainscales2", "akida1", "spinnaker2"])
def test_chips_with_all_in_figures_have_no_sum_but_show_them(name: str) -> None:
    energy = estimate(INFERENCE, load_chip(name))
    assert energy.known_pj is None
    assert energy.outside


def test_an_all_in_figure_is_not_summed_even_under_the_name_of_a_term(tmp_path: Path) -> None:
    text = (Path(load_chip("loihi1").path)).read_text().replace('scope = "per-term"', 'scope = "all-in"')
    path = tmp_path / "mine.toml"
    path.write_text(text)
    energy = estimate(INFERENCE, load_chip(path))
    assert energy.known_pj is None
    assert "may be summed" in term(energy, "synaptic_op").note
    assert "energy.synop_pj" in [f.key for f in energy.outside]


def test_an_affine_fit_contains_the_neuron_updates() -> None:
    """ODIN: 8.43 pJ an operation with the neuron's read and update, the controller and the scheduler."""
    energy = estimate(INFERENCE, load_chip("odin"))
    assert energy.total_pj == pytest.approx(1500 * 8.43)
    assert term(energy, "neuron_active").state == "included"
    assert "energy.leak_uw" in [f.key for f in energy.outside]
    learning = estimate(LEARNING, load_chip("odin"))
    assert learning.total_pj is None and "weight update" in learning.missing


def test_spikes_that_leave_the_core_are_missing_for_want_of_hops() -> None:
    populations = {"a": PopulationCounts(spikes=5, spikes_on_core=2, spikes_off_core=5)}
    energy = estimate(Counters(1, {}, populations), load_chip("loihi1"))
    assert energy.missing == ("spike to another core",)
    assert "hops" in term(energy, "spike_off_core").note
    assert energy.known_pj == pytest.approx(2 * 1.7)


def test_spikes_of_a_program_without_placement_are_missing() -> None:
    energy = estimate(Counters(1, {}, {"a": PopulationCounts(spikes=5)}), load_chip("loihi1"))
    assert energy.missing == ("spike within the core", "spike to another core")
    assert "placement" in term(energy, "spike_on_core").note


def test_what_did_not_happen_needs_no_figure() -> None:
    energy = estimate(Counters(1, {"c": ConnectionCounts(spike_events=1)}, {}), load_chip("loihi1"))
    assert term(energy, "graded_synaptic_op").state == "no events"
    assert energy.total_pj == pytest.approx(23.6)


def test_the_prediction_from_the_table_published_for_frady_2020_is_met() -> None:
    """Nearest-neighbour search on 32 chips: 5.1e7 to 5.8e7 events and 4.6e6 updates, predicted elsewhere from the same
    table as 1.448 to 1.599 mJ, measured 1.33 mJ. The counts are given in two digits, hence 1 %."""
    found = [
        estimate(Counters(60, {"c": ConnectionCounts(spike_events=events)}, {"p": PopulationCounts(0, 4_600_000)}),
                 load_chip("loihi1")).known_pj
        for events in (51_000_000, 58_000_000)
    ]  # fmt: skip
    assert found == pytest.approx([1.448e9, 1.599e9], rel=0.01)


def test_as_dict_is_plain_json() -> None:
    document = json.loads(json.dumps(estimate(LEARNING, load_chip("loihi1")).as_dict()))
    assert document["total_pj"] is None and document["known_is_lower_bound"] is True
    by_name = {t["name"]: t for t in document["terms"]}
    assert by_name["weight_update"]["count"] == 90 and by_name["weight_update"]["pj"] == 120.0
    assert by_name["trace_update"]["energy_pj"] is None and by_name["trace_update"]["state"] == "missing"


@pytest.mark.parametrize(
    ("pj", "text"), [(23.6, "23.6 pJ"), (1500.0, "1.5 nJ"), (2.5e6, "2.5 uJ"), (1.448e9, "1.45 mJ"), (0.0, "0 pJ")]
)
def test_energies_are_shown_in_a_readable_unit(pj: float, text: str) -> None:
    assert format_pj(pj) == text
