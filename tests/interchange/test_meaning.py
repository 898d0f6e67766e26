"""Meaning: what it accepts, and that it survives NIR's own writer and reader."""

from __future__ import annotations

import json
from typing import get_args

import nir
import numpy as np
import pytest
from graphs import chain
from hypothesis import given
from hypothesis import strategies as st

from neurotrain_hw.errors import FormatError, UnknownNameError, ValueRangeError
from neurotrain_hw.interchange import Graph, Meaning, NodeMeaning, Quantisation
from neurotrain_hw.interchange.meaning import Drive, Integration, Reset
from neurotrain_hw.interchange.meaning_text import METADATA_KEY, digest, from_text, to_text

SCALES = st.floats(1e-6, 1e3)


@given(
    bits=st.integers(1, 16),
    scale=st.floats(2**-20, 1024, width=32),
    sign_mode=st.sampled_from(["mixed", "excitatory", "inhibitory"]),
    data=st.data(),
)
def test_integers_come_back_from_float32_weights(bits, scale, sign_mode, data):
    quantisation = Quantisation(bits, scale, sign_mode)
    low, high = quantisation.limits
    q = np.array(data.draw(st.lists(st.integers(low, high), min_size=1, max_size=30)), np.int64)
    weights = q.astype(np.float32) * np.float32(scale)
    assert np.array_equal(quantisation.integers(weights), q)


@pytest.mark.parametrize("shape", [(3, 4), (3, 2, 5), (3, 2, 2, 2)])
def test_a_scale_per_output_channel(shape):
    scales = (0.1, 0.007, 3.0)
    q = np.random.default_rng(0).integers(-8, 8, shape)
    weights = (q * np.array(scales).reshape(-1, *(1,) * (len(shape) - 1))).astype(np.float32)
    quantisation = Quantisation(4, scales)
    assert np.array_equal(quantisation.integers(weights), q)
    assert np.array_equal(quantisation.scales(3), scales) and np.array_equal(Quantisation(4, 0.5).scales(2), [0.5, 0.5])
    with pytest.raises(ValueRangeError, match="layer: 3 scales for 2 output channels"):
        quantisation.integers(weights[:2], where="layer")
    with pytest.raises(ValueRangeError, match=r"scales 0\.007\.\.3 of 3 channels"):
        quantisation.integers(weights[::-1].copy())


def test_the_range_of_8_mixed_bits():
    assert Quantisation(8, 1.0).limits == (-128, 127)
    assert Quantisation(8, 1.0, "excitatory").limits == (0, 255)
    assert Quantisation(8, 1.0, "inhibitory").limits == (-255, 0)


@pytest.mark.parametrize("weights", [[0.5], [128.0], [-129.0], [np.nan], [np.inf]])
def test_weights_off_the_grid_are_refused(weights):
    with pytest.raises(ValueRangeError, match="layer"):
        Quantisation(8, 1.0).integers(weights, where="layer")


@pytest.mark.parametrize(
    "arguments", [(0, 1.0), (17, 1.0), (8, 0.0), (8, -1.0), (8, np.nan), (8, 1.0, "signed"), (8, ()), (8, (1.0, 0.0))]
)
def test_impossible_quantisations_are_refused(arguments):
    with pytest.raises(ValueRangeError):
        Quantisation(*arguments)


@given(
    dt_s=st.floats(1e-6, 1.0),
    reset=st.sampled_from(get_args(Reset)),
    integration=st.sampled_from(get_args(Integration)),
    quantisation=st.none()
    | st.builds(Quantisation, st.integers(1, 16), SCALES | st.lists(SCALES, min_size=1).map(tuple)),
    rest=st.fixed_dictionaries(
        {},
        optional={
            "drive": st.sampled_from(get_args(Drive)),
            "threshold": st.sampled_from(["above", "reached"]),
            "decided": st.sampled_from(["after", "before"]),
            "floor": st.sampled_from(["none", "threshold"]),
            "delay_steps": st.integers(0, 9),
        },
    ),
    whole=st.fixed_dictionaries(
        {},
        optional={"precision": st.sampled_from(["float32", "float64"]), "loops": st.sampled_from(["neurons", "edges"])},
    ),
)
def test_the_text_says_it_all(dt_s, reset, integration, quantisation, rest, whole):
    meaning = Meaning(dt_s, {"a": NodeMeaning(reset, integration, quantisation, **rest), "b/ü": NodeMeaning()}, **whole)
    back, mark = from_text(to_text(meaning, digest="abc"))
    assert back == meaning and mark == "abc"


def test_it_survives_nirs_writer_and_reader(tmp_path):
    graph = chain([5, 4, 3])
    mark = digest(graph.nir)
    graph.nir.metadata[METADATA_KEY] = to_text(graph.meaning, digest=mark)
    nir.write(tmp_path / "x.nir", graph.nir)
    back = nir.read(tmp_path / "x.nir")
    assert from_text(back.metadata[METADATA_KEY]) == (graph.meaning, mark)
    assert digest(back) == mark


def test_the_digest_sees_every_standard_field_and_nothing_else():
    graph = chain([5, 4]).nir
    mark = digest(graph)
    graph.metadata["another tool"] = "was here"
    graph.edges = graph.edges[::-1]
    graph.nodes["l1_weights"].weight = graph.nodes["l1_weights"].weight.astype(np.float64)
    assert digest(graph) == mark
    for node, key in (("l1_weights", "weight"), ("l1", "tau"), ("l1", "v_threshold"), ("l1", "v_reset")):
        value = getattr(graph.nodes[node], key)
        before = value.flat[0]
        value.flat[0] += 1e-3
        assert digest(graph) != mark, key
        value.flat[0] = before
    graph.edges = graph.edges[:-1]
    assert digest(graph) != mark


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"format": "meaning-9"}, "format"),
        ({"dt_s": "1"}, "dt_s"),
        ({"dt_s": -1.0}, "dt_s"),
        ({"dt_s": None}, "dt_s"),
        ({"nodes": []}, "nodes"),
        ({"nodes": {"a": {"reset": "sometimes"}}}, "nodes.a"),
        ({"nodes": {"a": {"colour": "red"}}}, "colour"),
        ({"nodes": {"a": {"quantisation": {"bits": 8.5, "scale": 1, "sign_mode": "mixed"}}}}, "bits"),
        ({"nodes": {"a": {"quantisation": {"bits": 8}}}}, "scale"),
        ({"nodes": {"a": {"quantisation": {"bits": 8, "scale": [1, "2"], "sign_mode": "mixed"}}}}, "scale"),
        ({"nodes": {"a": {"quantisation": {"bits": 8, "scale": [], "sign_mode": "mixed"}}}}, "0 scales"),
        ({"surprise": 1}, "surprise"),
        ({"precision": "float16"}, "float16"),
        ({"loops": None}, "loops"),
        ({"nodes": {"a": {"delay_steps": -1}}}, "delay_steps"),
        ({"nodes": {"a": {"delay_steps": 1.5}}}, "delay_steps"),
        ({"nodes": {"a": {"drive": ["unit"]}}}, "drive"),
    ],
)
def test_a_malformed_document_names_the_key(change, named):
    document = json.loads(to_text(Meaning(1e-3), digest="")) | change
    with pytest.raises(FormatError, match=named):
        from_text(json.dumps(document))


@pytest.mark.parametrize("text", ["", "{", "[]", "1", "[" * 100_000])
def test_what_is_no_document_is_refused(text):
    with pytest.raises(FormatError):
        from_text(text)


def test_a_graph_checks_its_meaning():
    graph = chain([3, 2])
    with pytest.raises(UnknownNameError, match="l1_weights"):
        Graph(graph.nir, Meaning(1e-3, {"l1_weight": NodeMeaning()}))
    with pytest.raises(ValueRangeError, match="l1_weights"):
        Graph(graph.nir, Meaning(1e-3, {"l1_weights": NodeMeaning(quantisation=Quantisation(8, 0.5))}))
    with pytest.raises(UnknownNameError, match="weights"):
        Graph(graph.nir, Meaning(1e-3, {"l1": NodeMeaning(quantisation=Quantisation(8, 0.5))}))
