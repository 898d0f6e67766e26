"""Damaged files, many of them: each gives a graph that runs, or a typed error; none crashes, hangs or eats memory."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nir
import numpy as np
import pytest
from graphs import chain
from netx_layers import EVERY_KIND
from nir_graphs import all_primitives, in_line, recurrent, tree_of
from nir_mutations import mutate_bytes, mutate_tree

from neurotrain_hw import load_chip
from neurotrain_hw.compiler.netx import compile_netx
from neurotrain_hw.errors import NeurotrainError
from neurotrain_hw.interchange import Graph, write_nir
from neurotrain_hw.interchange.decode import decode
from neurotrain_hw.interchange.dialects import DIALECTS, read_in
from neurotrain_hw.interchange.hdf5 import Limits, Tree, read_tree
from neurotrain_hw.interchange.netx_file import layers_of, write_netx
from neurotrain_hw.interchange.signs import detect
from neurotrain_hw.reference import run_graph

SECONDS = 10  # on the wall, for any file
MEMORY_BYTES = 1 << 30
RUNS = int(os.environ.get("NEUROTRAIN_HW_FUZZ_RUNS", "2000"))  # of each slow test


def sources() -> list[nir.NIRGraph]:
    """Well-formed graphs: all primitives, a chain, subgraphs."""
    nested = in_line((2,), (2,), first=recurrent("lif", "w"), more=in_line((2,), (2,), second=recurrent("lif", "w")))
    return [all_primitives(), chain([6, 5, 4], bias=True).nir, nested]


def outcome_of_netx(tree: Any) -> str:
    """As `outcome`, of a tree that should be lava-dl's: `run` is a program."""
    try:
        compile_netx(layers_of(tree, where="x.net"), load_chip("loihi2"), steps=4)
    except NeurotrainError as error:
        assert str(error)
        return type(error).__name__
    return "run"


def outcome(tree: Any, rng: np.random.Generator) -> str:
    """What becomes of a tree: the name of a typed error, or `read` or `run`; anything else is raised."""
    try:
        graph = decode(tree, where="x.nir").graph
        shown = detect(graph)
        dialect = shown[0] if shown else list(DIALECTS)[rng.integers(len(DIALECTS))]
        network, meaning, _ = read_in(graph, dialect, dt_s=None if shown else rng.choice([1e-4, 0.1]), where="x.nir")
        inputs = {
            name: np.ones((2, *node.input_type["input"]))
            for name, node in network.nodes.items()
            if isinstance(node, nir.Input)
        }
        if sum(values.size for values in inputs.values()) > 1 << 20:
            return "read"
        run_graph(Graph(network, meaning), inputs)
    except NeurotrainError as error:
        assert str(error)
        return type(error).__name__
    return "run"


@pytest.fixture(autouse=True)
def an_end_to_everything() -> Iterator[None]:
    """A test that hangs ends; what the process needs at most stays bounded."""

    def hung(number: int, frame: object) -> None:
        raise AssertionError(f"no end after {SECONDS} s of reading one file")

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    old = signal.signal(signal.SIGALRM, hung)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, old)
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < MEMORY_BYTES


def trees(folder: Path) -> list[Tree]:
    """What the files of `sources` hold, and those of lava-dl's layers."""
    found: list[Tree] = [{"node": tree_of(graph.to_dict())} for graph in sources()]
    for number, layers in enumerate(EVERY_KIND):
        write_netx(layers(), folder / f"{number}.net")
        found.append(read_tree(folder / f"{number}.net"))
    return found


def fuzz_trees(folder: Path, runs: int, seed: int) -> dict[str, int]:
    """How often what came out."""
    whole, found = trees(folder), dict[str, int]()
    for k in range(runs):
        rng = np.random.default_rng([seed, k])
        tree = mutate_tree(whole[k % len(whole)], rng)
        signal.alarm(SECONDS)
        with np.errstate(all="ignore"):
            result = outcome_of_netx(tree) if "layer" in tree else outcome(tree, rng)
        found[result] = found.get(result, 0) + 1
    return found


def test_a_hundred_damaged_trees(quick_reader, tmp_path):
    found = fuzz_trees(tmp_path, 100, seed=1)
    assert found["FormatError"] > 10 and found["run"] > 0


@pytest.mark.slow
def test_many_damaged_trees(quick_reader, tmp_path):
    found = fuzz_trees(tmp_path, 5 * RUNS, seed=0)
    assert found["FormatError"] > RUNS and found["run"] > RUNS // 10


def fuzz_files(folder: Path, runs: int, seed: int) -> dict[str, int]:
    """How often what came out of damaged bytes."""
    wholes = []
    for k, graph in enumerate(sources()):
        nir.write(folder / f"{k}.nir", graph)
        wholes.append((folder / f"{k}.nir").read_bytes())
    write_nir(folder / "own.nir", chain([4, 3]))
    wholes.append((folder / "own.nir").read_bytes())
    for number, layers in enumerate(EVERY_KIND):
        write_netx(layers(), folder / f"{number}.net")
        wholes.append((folder / f"{number}.net").read_bytes())
    found: dict[str, int] = {}
    path = folder / "x.nir"
    for k in range(runs):
        rng = np.random.default_rng([seed, k])
        path.write_bytes(mutate_bytes(wholes[k % len(wholes)], wholes[rng.integers(len(wholes))], rng))
        signal.alarm(SECONDS)
        try:
            tree = read_tree(path, limits=Limits(memory_bytes=MEMORY_BYTES, seconds=3))
        except NeurotrainError as error:
            result = type(error).__name__
        else:
            with np.errstate(all="ignore"):
                result = outcome_of_netx(tree) if "layer" in tree else outcome(tree, rng)
        found[result] = found.get(result, 0) + 1
    return found


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_fifty_damaged_files(quick_reader, tmp_path):
    found = fuzz_files(tmp_path, 50, seed=1)
    assert found["FormatError"] > 10


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_many_damaged_files(quick_reader, tmp_path):
    found = fuzz_files(tmp_path, RUNS, seed=0)
    assert found["FormatError"] > RUNS // 5
