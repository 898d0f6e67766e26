"""Any torch module as a Graph: record a forward pass, find the one step in it, write layers and neurons as nodes."""

from neurotrain_hw.networks.tracing.graph import trace_graph

__all__ = ["trace_graph"]
