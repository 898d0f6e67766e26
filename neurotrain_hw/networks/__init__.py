"""Spiking networks: read from `models/*.toml`, built in torch (snnTorch, Brevitas), turned into a graph.

Reading an architecture never imports torch; `build`, `to_graph` and the network classes do, when first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from neurotrain_hw.lazy import lazy_names
from neurotrain_hw.networks.model_files import load_model, model_names, parse_model
from neurotrain_hw.networks.spec import LayerSpec, ModelSpec, Surrogate

if TYPE_CHECKING:
    from neurotrain_hw.networks.export import to_graph
    from neurotrain_hw.networks.module_network import from_module
    from neurotrain_hw.networks.network import LayerParts, LayerWeights, SpikingNetwork, build

__all__ = [
    "LayerParts", "LayerSpec", "LayerWeights", "ModelSpec", "SpikingNetwork", "Surrogate",
    "build", "from_module", "load_model", "model_names", "parse_model", "to_graph",
]  # fmt: skip

__getattr__ = lazy_names(
    __name__,
    {
        "LayerParts": "network",
        "LayerWeights": "network",
        "SpikingNetwork": "network",
        "build": "network",
        "from_module": "module_network",
        "to_graph": "export",
    },
)
