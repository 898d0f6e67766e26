"""NIR graphs in and out, with what NIR leaves unsaid."""

from neurotrain_hw.interchange.graph import Graph
from neurotrain_hw.interchange.meaning import Meaning, NodeMeaning, Quantisation

__all__ = ["Graph", "Meaning", "NodeMeaning", "Quantisation"]
