"""Every key that a chip file may have: its type and what it means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

KINDS: Mapping[str, str] = MappingProxyType(
    {
        "integer": "an integer of at least 0",
        "signed": "an integer",
        "number": "a number of at least 0",
        "text": "a text",
        "flag": "true or false",
        "integers": "a list of integers of at least 0",
        "numbers": "a list of numbers of at least 0",
        "texts": "a list of texts",
        "state": "a list of texts like 'weight:9s': name, bits, s(igned) or u(nsigned)",
        "table": "a table of numbers of at least 0, or of lists of them",
    }
)


@dataclass(frozen=True)
class Key:
    """One key of a chip file: `section.name`, its type (one of `KINDS`, or one of `choices`) and its meaning."""

    key: str
    kind: str
    meaning: str
    choices: tuple[str, ...] = ()

    @property
    def expected(self) -> str:
        """The type in words."""
        if not self.choices:
            return KINDS[self.kind]
        return ("a list of " if self.kind == "texts" else "") + "one of " + ", ".join(f"'{c}'" for c in self.choices)


_CHOICES: Mapping[str, tuple[str, ...]] = {
    "chip.kind": ("digital-async", "digital-sync", "digital-async-sync", "mixed-signal", "manycore-cpu"),
    "chip.time_model": ("timestep", "event", "continuous", "single-pass"),
    "synapse.weight_signed_modes": ("mixed", "excitatory", "inhibitory"),
    "neuron.threshold": ("above", "reached"),
    "neuron.u_overflow": ("wrap_once", "wrap", "saturate"),
    "neuron.v_overflow": ("saturate", "wrap"),
    "learning.rule_family": (
        "none",
        "sum-of-products",
        "sdsp",
        "e-prop",
        "one-shot",
        "software",
        "programmable",
    ),
    "learning.third_factor": ("none", "global", "per-neuron", "software"),
    "learning.membrane_read": ("before-reset", "after-reset"),
    "learning.signal_read": ("same-step", "previous-step"),
    "learning.trace_rounding": ("stochastic", "nearest", "floor"),
    "learning.random_numbers": ("shared", "independent"),
    "energy.scope": ("per-term", "affine", "all-in", "unpublished"),
    "energy.included_terms": (
        "graded_synaptic_op",
        "neuron_active",
        "neuron_idle",
        "spike_on_core",
        "spike_off_core",
        "weight_update",
        "trace_update",
        "random_number",
    ),
}

_TABLE = """
chip.id                                text       the name to load it by: small letters, digits and _
chip.name                              text       the name in reports
chip.process_nm                        integer    feature size of the process
chip.kind                              text       how the circuits work
chip.time_model                        text       what advances time
chip.speedup                           number     faster than biological time by this factor
chip.supply_v_energy                   number     supply voltage that the energies hold for
chip.supply_v_range                    numbers    lowest and highest supply voltage
chip.area_mm2                          number     silicon area
chip.availability                      text       who can get one
chip.rtl                               text       where the circuit's source lies
chip.sensor                            text       sensor on the die
chip.variants                          texts      relatives that differ in size

structure.cores                        integer    cores of a chip
structure.cores_usable                 integer    of these, free for networks
structure.core_types                   table      cores by type
structure.neurons_per_core             integer    neurons that a core holds at most
structure.neurons_per_chip             integer    neurons that a chip holds at most
structure.synapses_per_core            integer    synapses that a core holds at most
structure.synapses_per_chip_max        integer    synapses that a chip holds at most
structure.embedded_cpus                integer    processors on the chip that can run code beside the cores
structure.axons_in_per_core            integer    input axons of a core
structure.axons_out_per_core           integer    output axons of a core
structure.fanin_per_neuron_max         integer    synapses onto one neuron; 0: no limit of its own
structure.fanout_per_neuron_max        integer    synapses from one neuron
structure.fanout_targets_per_neuron    integer    axons that one neuron may address
structure.fanout_average               integer    synapses from one neuron on average, over the core
structure.topology                     text       which connections there can be
structure.compartment_configs_per_core integer    distinct sets of neuron parameters on a core
structure.threshold_configs_per_core   integer    distinct thresholds on a core
structure.synapse_configs_per_core     integer    distinct synapse formats on a core
structure.pre_trace_configs_per_core   integer    distinct pre-trace settings on a core
structure.inputs_max                   integer    input channels
structure.hidden_max                   integer    hidden or recurrent neurons
structure.outputs_max                  integer    output neurons
structure.synaptic_states              integer    synaptic currents of a neuron
structure.self_connections             flag       a neuron may connect to itself
structure.spike_alias_per_neuron       integer    other neurons whose spikes one neuron's spike also stands for
structure.drivers_per_array            integer    synapse drivers of an array
structure.fifo_depth                   integer    entries of the event queue
structure.router_entries               integer    entries of a routing table
structure.accelerator                  text       arithmetic beside the processors
structure.destinations_per_core        integer    cores that a core can send to
structure.input_size_max               integers   height and width of an input map
structure.output_map_max               integers   height and width of an output map
structure.channels_max                 integer    channels of a map
structure.kernel_size_max              integer    height or width of a kernel
structure.stride_allowed               integers   strides of a convolution
structure.padding_max                  integer    padding of a convolution
structure.pool_allowed                 integers   pooling sizes
structure.dense_as                     text       how a dense layer is written

memory.sram_chip_bytes                 integer    all memory of a chip
memory.sram_core_bytes                 integer    all memory of a core
memory.unified                         flag       one pool, split freely between synapses, neurons and routing
memory.synapse_bytes_per_core          integer    memory of a core for synapses alone
memory.routing_bytes_per_core          integer    memory of a core for routing alone
memory.input_bytes_per_core            integer    memory of a core for inputs alone
memory.code_bytes_per_core             integer    memory of a core for programs
memory.data_bytes_per_core             integer    memory of a core for data
memory.processor_sram_bytes            integer    memory of each embedded processor
memory.dram_bytes                      integer    memory beside the chip
memory.dram_gb_per_s_raw               number     rate of the memory beside the chip
memory.neuron_state_bytes              integer    memory that one neuron takes
memory.neuron_state_bytes_min          integer    the least memory that one neuron takes
memory.neuron_state_bytes_max          integer    the most memory that one neuron takes
memory.neuron_config_bits              integer    configuration of one neuron
memory.axon_bits                       integer    routing memory that one input axon of a core takes
memory.word_bits                       integer    width of a memory word
memory.pools_bytes                     table      separate memories by purpose
memory.weight_entries                  table      weights by purpose
memory.variant_weight_entries          table      weights by purpose in relatives of the chip
memory.kernel_entries_per_core         integers   kernel weights of each core
memory.neuron_entries_per_core         integers   neurons of each core
memory.bias_entries_per_core           integer    biases of a core
memory.kernel_rule                     text       kernel entries that a layer takes
memory.neuron_rule                     text       neuron entries that a layer takes
memory.analog_parameters               table      analog parameters of a neuron

synapse.weight_bits_allowed            integers   bits of a weight; of its magnitude if there are `weight_signed_modes`
synapse.weight_bits_default            integer    bits that software commonly uses
synapse.weight_signed                  flag       weights of both signs
synapse.weight_signed_modes            texts      sign modes: in `mixed` each weight has its sign
synapse.weight_exp_min                 signed     smallest exponent shared by the weights of a connection
synapse.weight_exp_max                 signed     largest exponent shared by the weights of a connection
synapse.weight_shift                   table      smallest and largest left shift by block
synapse.weight_shift_note              text       how weights are scaled
synapse.stored_bits                    integer    bits that one synapse takes
synapse.sign_granularity               text       what shares a sign
synapse.axon_types                     integer    types of axon, each with one weight per neuron
synapse.label_bits                     integer    address bits of a synapse
synapse.index_bits_allowed             integers   bits of a target's index in a sparse list; 0: dense
synapse.delay_bits_max                 integer    bits of a synapse's delay
synapse.tag_bits                       integer    bits of a synapse's tag
synapse.block_overhead_bits            integer    bits that a block of synapses takes beside its entries
synapse.block_synapses_max             integer    synapses of a block
synapse.block_align_bits               integer    a block is rounded up to this
synapse.storage_formula                text       bits that synapses take
synapse.sharing                        texts      layouts of connections
synapse.generated                      flag       fixed weights can be drawn anew from a seed instead of being stored
synapse.read_backward                  flag       synapses can be read by their post neuron, as errors need that go back
synapse.short_term_plasticity          flag       synapses facilitate and depress

neuron.models                          texts      neuron models
neuron.u_bits                          integer    bits of the synaptic current, with its sign
neuron.v_bits                          integer    bits of the membrane potential, with its sign
neuron.v_min                           signed     lowest membrane potential
neuron.state_bits                      integer    bits of all state of one neuron
neuron.parameter_bits                  integer    bits of all parameters of one neuron
neuron.synapse_accumulator_bits        integer    bits of the sum of a step's input, with its sign
neuron.activation_bits_allowed         integers   bits of an activation
neuron.decay_bits                      integer    bits of a decay constant
neuron.output_decay_bits               integer    bits of the decay constant of an output neuron
neuron.leak                            text       how the membrane decays
neuron.threshold_bits                  integer    bits of a threshold without exponent
neuron.threshold_mant_bits             integer    bits of a threshold's mantissa
neuron.threshold_exp                   integer    threshold = mantissa << this
neuron.threshold                       text       where a membrane spikes: above its threshold, or where it reaches it
neuron.u_overflow                      text       what happens to a synaptic current beyond its bits
neuron.v_overflow                      text       what happens to a membrane potential beyond its bits
neuron.bias_mant_bits                  integer    bits of a bias's mantissa, with its sign
neuron.bias_exp_bits                   integer    bits of a bias's exponent
neuron.reset                           texts      what a spike does to the membrane
neuron.refractory_min                  integer    shortest refractory period in steps
neuron.refractory_max                  integer    longest refractory period in steps
neuron.refractory_note                 text       the refractory period in words
neuron.graded_spike_bits               integer    bits of a spike's value; 0: none
neuron.virtual_event_weight_bits       integer    bits of the weight of an event that names its neuron
neuron.membrane_readout_bits           integer    bits of a membrane that is read out
neuron.input_spikes_per_step_max       integer    spikes of one input channel in a step
neuron.spikes_per_step_max             integer    spikes of one neuron in a step
neuron.noise                           text       noise of a neuron
neuron.number_format                   text       how state is kept in software

time.step_ms_default                   number     usual length of a step
time.delay_steps_min                   integer    shortest delay
time.delay_steps_guaranteed            integer    longest delay that is always there
time.delay_steps_max                   integer    longest delay
time.clock_mhz                         numbers    lowest and highest clock
time.barrier                           flag       all cores end a step together

learning.supported                     flag       weights can change on the chip
learning.rule_family                   text       which rules the circuits run
learning.form                          text       the rules in words
learning.third_factor                  text       one for a core, one per post neuron, or a processor's work
learning.processor_writes_traces       flag       a processor on the chip can write the post traces of each neuron
learning.third_factor_note             text       how the third factor is formed
learning.pre_traces                    texts      traces of the pre neuron
learning.post_traces                   texts      traces of the post neuron
learning.trace_bits                    integer    bits of a trace, unsigned
learning.trace_impulse_frac_bits       integer    fractional bits of a trace's impulse
learning.membrane_read                 text       when a fixed rule reads the membrane that psi is taken of
learning.signal_read                   text       of which step the learning signal is that a fixed rule reads
learning.psi_levels                    integer    levels of the table that a fixed rule takes psi from
learning.hidden_trace_decay            numbers    least and most of a pre trace that a step leaves, hidden layers
learning.output_trace_decay            numbers    the same in the output layer
learning.trace_rounding                text       rounding of a decaying trace
learning.graded_pre_trace_modes        texts      what a graded spike does to a pre trace
learning.synaptic_state                state      what the engine keeps per synapse
learning.per_neuron_state              state      what the engine keeps per neuron
learning.per_neuron_state_names        texts      the same, bits unknown
learning.accumulator_bits              integer    bits of a weight's change before rounding, with its sign
learning.scale_mant_bits               integer    bits of a product's scale, with its sign
learning.rounding                      texts      rounding of a weight's change
learning.random_numbers                text       stochastic rounding: one number for a connection's epoch, or one each
learning.generator_bits                integer    state of the random generator of a connection that learns, per core
learning.epoch_max                     integer    longest learning epoch in steps
learning.epoch_typical                 integers   usual learning epochs in steps
learning.trigger                       text       when weights change
learning.parameters                    texts      parameters of the rule
learning.observables                   texts      what a rule in software can read
learning.demonstrated                  texts      rules that were shown to run
learning.weight_bits                   integer    bits of a weight that learns
learning.input_bits                    integer    bits of an input to a layer that learns
learning.layer_cores_max               integer    cores of a layer that learns
learning.error_bits                    integer    bits of an output's error
learning.learning_signal_bits          integer    bits of a neuron's learning signal
learning.probability_bits              table      bits of an update's probability, by block
learning.rate_shift                    table      smallest and largest shift that forms the learning rate
learning.regularization                texts      regularisation of firing rates
learning.memory_overhead               number     memory that learning adds, as a share of the chip's

timing.synop_ns                        number     time of a synaptic operation
timing.synaptic_update_ns              number     time of a weight update
timing.neuron_active_ns                number     time of an active neuron's update
timing.neuron_inactive_ns              number     time of an idle neuron's update
timing.barrier_ns                      numbers    shortest and longest synchronisation of a step
timing.cycles                          table      clock cycles by operation
timing.cycles_formula                  text       clock cycles in words
timing.sops_per_cycle                  number     synaptic operations of a clock cycle
timing.fmax_mhz                        table      highest clock by supply voltage
timing.latency_us_per_event_9_layers   number     latency of an event through nine layers

energy.scope                           text       what the figures contain, and so whether they may be summed
energy.basis                           text       how the figures came about
energy.proxy                           text       id of the chip whose figures may be shown beside, labelled so
energy.included_terms                  texts      terms that the figures of this chip contain already
energy.synop_pj                        number     a synaptic operation
energy.graded_synop_pj                 number     a synaptic operation with a graded value
energy.neuron_active_pj                number     an active neuron's update
energy.neuron_inactive_pj              number     an idle neuron's update
energy.spike_in_tile_pj                number     a spike that stays on its core or tile
energy.spike_off_core_pj               number     a spike that goes to another core, whatever the way
energy.synaptic_update_pj              number     a weight update by a learning rule
energy.synaptic_update_note            text       what the figure of a weight update holds for
energy.trace_update_pj                 number     a trace update
energy.random_number_pj                number     a random number
energy.hop_pj                          number     a hop of a spike
energy.hop_ew_pj                       number     a hop of a spike to the east or west
energy.hop_ns_pj                       number     a hop of a spike to the north or south
energy.static_mw                       number     static power of a chip
energy.idle_mw_small_net               number     power of a board with an idle small network
energy.leak_uw                         number     leakage
energy.idle_uw_per_mhz                 number     idle power per clock
energy.leak_uw_per_kb                  number     leakage of memory
energy.fitted_synop_pj                 table      a synaptic operation, fitted by others to silicon
energy.fitted_neuron_pj                table      parts of a neuron's update and messages, fitted by others to silicon
energy.prototype_synop_pj              number     a synaptic operation of another, earlier chip
energy.prototype_neuron_update_pj      number     a neuron's update on another, earlier chip
energy.all_in_sop_pj                   table      chip power over event rate at one point of operation: never summed
energy.all_in_pj_per_cycle             table      chip power over clock: never summed
energy.all_in_pj_per_candidate_update  number     chip power over weights that could change: never summed
energy.nj_per_step                     table      a whole step, lowest and highest
energy.measured_uw                     table      measured power of the chip
energy.resting_mw                      number     power at rest
energy.system_mw_example               number     power of the whole chip in one example
energy.power_w                         table      power of the whole chip
energy.power_w_typical                 number     power of the whole chip
energy.board_floor_mw                  number     power of the board
energy.synaptic_events_per_s_max       number     highest rate of synaptic events
energy.tops_per_w_int8                 table      efficiency of the accelerator
energy.sram_read_pj_64b                table      a read of 64 bits by size of the memory
energy.dram_read_pj_64b                number     a read of 64 bits beside the chip
energy.sram_fj_per_bit                 number     a bit read
energy.link_fj_per_bit                 number     a bit sent
energy.add_pj                          table      an addition
energy.multiply_pj                     table      a multiplication
"""


def _read(table: str) -> dict[str, Key]:
    rows = [line.split(maxsplit=2) for line in table.strip().splitlines() if line]
    return {key: Key(key, kind, meaning, _CHOICES.get(key, ())) for key, kind, meaning in rows}


KEYS: Mapping[str, Key] = MappingProxyType(_read(_TABLE))
"""Every key by its dotted name."""

SECTIONS: tuple[str, ...] = tuple(dict.fromkeys(key.partition(".")[0] for key in KEYS))
"""The tables that hold figures."""
