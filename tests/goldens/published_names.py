"""Networks under the parameter names of the published state dicts."""

from __future__ import annotations

from torch import nn

from udalib.models.network import SegmentationNetwork


def official_view(network: SegmentationNetwork) -> nn.Module:
    """The parts of encoder and decoder side by side, as the published state dicts name them."""
    view = nn.Module()
    for name, child in (*network.encoder.named_children(), *network.decoder.named_children()):
        view.add_module(name, child)
    return view
