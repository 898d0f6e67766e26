"""The columns of the tables that the compiled kernels read: one row of 64-bit integers per population and connection.

Columns that end in `_AT` hold addresses, 0 where there is nothing.
"""

from __future__ import annotations

KINDS = {
    "input": 0, "lif": 1, "lif_reset": 2, "lif_refractory": 3, "ternary_lif": 4, "atrlif": 5, "sigma": 6, "delta": 7,
    "sigma_delta": 8, "rf": 9, "rf_iz": 10, "rf_zero": 11,
}  # fmt: skip
INPUT, LIF, LIF_RESET, LIF_REFRACTORY, TERNARY_LIF, ATRLIF, SIGMA, DELTA, SIGMA_DELTA, RF, RF_IZ, RF_ZERO = range(12)

BLOCK = 128
"""Neurons that rest together: a block is skipped where nothing arrives and its last update changed nothing."""

PARAMETERS = {
    "lif": ("du", "dv", "bias", "above", "below", "theta", "interval", "offset", "refractory"),
    "atrlif": ("du", "dv", "bias", "dtheta", "dr", "theta_0", "theta_step"),
    "delta": ("threshold", "bias", "spike_exp", "state_exp", "cum_error", "relu"),
    "rf": ("sin", "cos", "decay_bits", "state_exp", "threshold"),
    "rf_zero": ("uth", "lst", "lct"),
}
"""Rows of the int32 parameters of each family of kinds, as the kernels take them."""

# populations; a parameter of neuron i is word row * P_WIDTH + i * P_EACH, with P_WIDTH = 1, P_EACH = 0 where uniform
(
    P_KIND, P_N, P_POINTER_AT, P_EVENTS_AT, P_VALUES_AT, P_PARAMETERS_AT, P_WIDTH, P_EACH, P_PLAIN, P_SUBTRACT,
    P_U_MODE, P_V_MODE, P_RESTLESS, P_PERIOD, P_PHASE, P_STATE_AT, P_CURRENT_AT, P_IMAG_AT, P_SIGNAL_AT,
    P_TOUCHED_AT, P_REST_AT, P_RESTING, P_RESTING_ACTIVE, P_ANY_TOUCH, P_ACTIVE_AT, P_VALUE_AT, P_SENDING,
    P_SENT_AT, P_SPIKES_AT, P_SPIKES, P_ACTIVE, P_IDLE, P_MODULATED, P_PSI, P_HALFWIDTH, P_BOUNDS, P_BOUNDS_AT,
    P_SIGNAL, P_SIGNAL_SHIFT, P_TARGET_AT, P_FILTERS, P_DECAY, P_IMPULSE, P_TRACE_SHIFT, P_MEMBRANE, P_ERROR_STEP,
    P_SIGN_SENT, P_BESIDE, P_BESIDE_SHIFT, P_BESIDE_AT, P_GOODNESS_SHIFT, P_GOODNESS_LEVEL, P_GOODNESS_AT, P_NOISE_EXP,
    P_NOISE_SEED, P_Z_AT, P_ERROR_AT, P_THIRD_AT, P_THIRDS,
    P_PART_AT,
) = range(60)  # fmt: skip
P_COLUMNS = 60

DENSE, SPARSE, CONV, PLASTIC, TRANSPOSED = range(5)
# connections
(
    C_FORMAT, C_PRE_AT, C_POST_AT, C_PORT, C_N_PRE, C_N_POST, C_GRADED, C_ERROR, C_EXP, C_BITS, C_SIGNED, C_SHIFT,
    C_NEGATIVE, C_ROW, C_WEIGHTS_AT, C_POINTER_AT, C_TARGETS_AT, C_DELAY_AT, C_DEPTH, C_LATE, C_BUFFER_AT,
    C_MARKS_AT, C_USED_AT, C_SCRATCH_AT, C_SCRATCH_MARKS_AT, C_EVENTS, C_RULE, C_GEOMETRY_AT,
    C_PART_AT,
) = range(29)  # fmt: skip
C_COLUMNS = 29

# a run: the tables of a program's state, and of what is recorded; `X_OFFSET` is the step before its first,
# `X_NEXT` the one to go on with, and `X_LAST` its last
(
    X_POPULATIONS, X_POPULATIONS_AT, X_CONNECTIONS, X_CONNECTIONS_AT, X_SPIKES, X_SPIKES_AT, X_PROBES, X_PROBES_AT,
    X_SCRATCH_AT, X_PLASTIC_AT, X_OFFSET, X_RULES_AT, X_LEARN_AT, X_NEXT,
    X_LAST,
) = range(15)  # fmt: skip
X_COLUMNS = 15

# recorded spikes of a population: its row, lists of neurons and of values (0: all 1) in `E_ROOM` entries, `E_USED` of
# them so far, and where each step's begin, int64 (steps + 1,)
E_POPULATION_AT, E_N, E_NEURON_AT, E_VALUE_AT, E_POINTER_AT, E_USED, E_ROOM = range(7)
E_COLUMNS = 7

# a recorded state variable: int32 (n,) at an address, and where its first step goes, `B_STRIDE` bytes from step to step
B_SOURCE_AT, B_N, B_INTO_AT, B_STRIDE = range(4)
B_COLUMNS = 4

# geometry of a convolution
(
    G_X, G_Y, G_C, G_OX, G_OY, G_CO, G_KX, G_KY, G_GROUPS, G_STRIDE_X, G_STRIDE_Y, G_PAD_X, G_PAD_Y, G_DIL_X,
    G_DIL_Y, G_REACH_X_AT, G_REACH_Y_AT,
) = range(17)  # fmt: skip
G_COLUMNS = 17

LATE, WIDE = 1, 2
"""Values of C_LATE: what a step sends is scaled on its own, summed in 32 bits or in 64."""

CURRENT, IMAG, SIGNAL, UNREAD = range(4)
ERROR, FEEDBACK, REWARD, GOODNESS = range(4)
PSI_NONE, PSI_BOX, PSI_TRIANGLE, PSI_SEGMENTS = range(4)
BESIDE_NOTHING, BESIDE_TRACE, BESIDE_PSI, BESIDE_PSI_ALONE, BESIDE_NOISE = range(5)
U_WRAP_ONCE, U_WRAP, U_SATURATE = range(3)
V_SATURATE, V_WRAP = range(2)
