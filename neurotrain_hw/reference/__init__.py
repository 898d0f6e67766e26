"""NIR graphs run in floating point, as the framework runs them that wrote them: what integers are compared with."""

from neurotrain_hw.reference.run import Recording, run_graph

__all__ = ["Recording", "run_graph"]
