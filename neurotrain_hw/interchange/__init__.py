"""NIR graphs in and out, with what NIR leaves unsaid."""

from neurotrain_hw.interchange.graph import OWN_DIALECT, Graph
from neurotrain_hw.interchange.hdf5 import Limits
from neurotrain_hw.interchange.meaning import Meaning, NodeMeaning, Quantisation
from neurotrain_hw.interchange.nir_file import read_nir, write_nir

__all__ = ["Graph", "Limits", "Meaning", "NodeMeaning", "OWN_DIALECT", "Quantisation", "read_nir", "write_nir"]
