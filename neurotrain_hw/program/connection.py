"""Connections of a program: synapses, their delays, and the learning rule on them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, cast

import numpy as np
import numpy.typing as npt

from neurotrain_hw.program.synapses import (
    Convolution,
    SparseWeights,
    Weights,
    derive_sign_mode,
    pack_weights,
    row_chunks,
    sparse_weights,
    truncate_weights,
)

ConnectionKind = Literal["dense", "delay_dense", "sparse", "delay_sparse", "conv"]
SignMode = Literal["mixed", "excitatory", "inhibitory"]
Port = Literal["current", "imag", "signal", "none"]
PrePort = Literal["spikes", "error"]
WeightRounding = Literal["shared", "independent", "nearest"]
TRACE_KEYS = tuple(f"{trace}_{part}" for trace in ("x1", "x2", "y1", "y2", "y3") for part in ("impulse", "tau"))


@dataclass(frozen=True, eq=False)
class Plasticity:
    """A learning rule on a connection, as the engine of Loihi-class chips takes it.

    `kind` 2f: y traces come from post spikes; 3f: the post population's modulator (or recorded third factors)
    delivers y1..y3. `dw`, `dd`, `dt`: sums of products in Lava's notation or None. Impulses and taus of the traces
    (`x1_impulse`, `x1_tau`, ...) may be fractions; a missing one is 0. `tag_1`, `tag_2`: initial tags int32
    (n_post, n_pre) or None for zeros. `rounding` of what is stored: `shared` draws one random number for all synapses
    of an epoch, as Lava does; `independent` one for each synapse and value, from a counter-based generator;
    `nearest` draws none (halves go up). `weight_bits`: learned weights stay on the grid of a chip weight of that many
    bits (`truncation`); None: on every integer in their range, as in Lava. `rule`: the name of the rule in the
    library, for reports.
    """

    kind: Literal["2f", "3f"]
    dw: str | None = None
    dd: str | None = None
    dt: str | None = None
    traces: Mapping[str, float] = field(default_factory=dict)
    t_epoch: int = 1
    rng_seed: int = 1
    tag_1: npt.NDArray[np.int32] | None = None
    tag_2: npt.NDArray[np.int32] | None = None
    rounding: WeightRounding = "shared"
    weight_bits: int | None = None
    rule: str = ""


@dataclass(frozen=True, eq=False)
class Connection:
    """Synapses from one population to another.

    `weights`: integers (n_post, n_pre), as given, before the chip clips and truncates them to `num_weight_bits`; or
    `PackedWeights` (dense) or `SparseWeights` (sparse), truncated already, which say their `sign_mode`. For `conv`,
    integers (C_out, k_x, k_y, C_in / groups), taken as they are; the sum wraps into 24 bits. The sum is shifted by
    `weight_exp`. `sign_mode` None: derived from the weights. `num_message_bits` 0: spikes; above 0: graded values.
    `delays` (n_post, n_pre) in steps, for `delay_dense` and `delay_sparse` (or within SparseWeights), none above
    `max_delay` (0: the largest of them). `port` names the input of the post population (`current`, `imag` of a
    resonator, or `signal` of its modulator), `pre_port` the output of the pre population (`spikes`, or the `error`
    of its modulator).

    `transpose_of` names a dense connection from this one's post to its pre population, whose weights it reads
    backward as they stand before this step's learning: synapse (j, k) is its synapse (k, j) as stored, or the sign of
    it (`signs_only`). It has no weights of its own: `weights` are zeros. A connection to port `none` delivers nothing;
    its weights learn, and another one reads them so.
    """

    name: str
    kind: ConnectionKind
    pre: str
    post: str
    weights: Weights
    weight_exp: int = 0
    num_weight_bits: int = 8
    sign_mode: SignMode | None = None
    num_message_bits: int = 0
    delays: npt.NDArray[np.int32] | None = None
    max_delay: int = 0
    plasticity: Plasticity | None = None
    port: Port = "current"
    pre_port: PrePort = "spikes"
    conv: Convolution | None = None
    transpose_of: str | None = None
    signs_only: bool = False

    @property
    def resolved_sign_mode(self) -> str:
        """The sign mode: as given, else derived from the weights; a plastic connection's default is mixed."""
        if self.sign_mode is not None:
            return self.sign_mode
        if self.plasticity is not None or not isinstance(self.weights, np.ndarray):
            return "mixed"
        return derive_sign_mode(self.weights)

    @property
    def longest_delay(self) -> int:
        """The largest delay in steps that the connection has room for."""
        delays = self.weights.delay if isinstance(self.weights, SparseWeights) else self.delays
        return self.max_delay or (int(delays.max()) if delays is not None and delays.size else 0)

    def matrix(self) -> npt.NDArray[np.int32]:
        """The weights as the chip holds them before anything is learned, int32 (n_post, n_pre); a conv's kernel."""
        if not isinstance(self.weights, np.ndarray):
            return self.weights.matrix()
        if self.kind == "conv":
            return self.weights.astype(np.int32)
        plastic = self.plasticity is not None
        return truncate_weights(self.weights, self.resolved_sign_mode, self.num_weight_bits, clip=not plastic)

    def stored_synapses(self) -> npt.NDArray[np.int64]:
        """Synapses that a chip stores for each post neuron, int64 (n_post,): all of a dense connection.

        For a conv, int64 (C_out,): the weights of each output channel's kernel, which all its neurons share. For
        ranges of neurons, axons, and convolutions on chips that do not share kernels, see `fan_in`.
        """
        weights = self.weights
        if isinstance(weights, SparseWeights):
            counts = np.zeros(weights.n_post, np.int64)
            for first, last in row_chunks(weights.pointer):
                part = weights.post[weights.pointer[first] : weights.pointer[last]]
                counts += np.bincount(part, minlength=weights.n_post)
            return counts
        if self.kind in ("sparse", "delay_sparse"):
            return np.asarray(np.count_nonzero(self.matrix(), axis=1), np.int64)
        return np.full(weights.shape[0], math.prod(weights.shape[1:]), np.int64)

    def packed(self) -> Connection:
        """The same connection with its static weights in the chip's own form, `PackedWeights` or `SparseWeights`."""
        if not isinstance(self.weights, np.ndarray) or self.plasticity is not None or self.kind == "conv":
            return self
        if self.transpose_of is not None:
            return self
        mode = cast(SignMode, self.resolved_sign_mode)
        if self.kind == "dense":
            return replace(self, weights=pack_weights(self.weights, mode, self.num_weight_bits), sign_mode=mode)
        if self.kind == "delay_dense":
            return self
        weights = sparse_weights(self.weights, mode, self.num_weight_bits, self.delays)
        return replace(self, weights=weights, sign_mode=mode, delays=None)
