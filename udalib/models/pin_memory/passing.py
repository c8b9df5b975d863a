"""One forward pass through a network with memory, as a module: what meta-learning runs with other parameters.

``torch.func.functional_call`` replaces the parameters of a module for one call of its ``forward``. A step of
meta-learning needs more of a network than its logits, so the pass is a module of its own, made where it is needed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from torch import Tensor, nn
from torch.func import functional_call

from udalib.core.errors import ConfigError
from udalib.models.memory import Noise
from udalib.models.network import SegmentationNetwork
from udalib.models.pin_memory.host import MemoryDecoder, Seen
from udalib.ops.memory import ClassSums


class Passed(NamedTuple):
    """Result of a pass: what was seen, unless only written, and the class sums, if a label was to be written."""

    seen: Seen | None
    sums: ClassSums | None


class MemoryPass(nn.Module):
    """A forward pass of ``network``: reading, writing, or both.

    Raises:
        ConfigError: the network's decoder is none of :mod:`udalib.models.pin_memory.host`.
    """

    def __init__(self, network: SegmentationNetwork) -> None:
        super().__init__()
        host_decoder(network)
        self.network = network

    def forward(
        self,
        images: Tensor,
        items: Tensor | None = None,
        noise: Noise | None = None,
        *,
        label: Tensor | None = None,
        read: bool = True,
    ) -> Passed:
        """Images (B, 3, H, W) in [0, 1].

        Args:
            images: of the pass.
            items: (C, D) that are read; None = the stored ones.
            noise: of the read, see :meth:`udalib.models.memory.ClassMemory.read`.
            label: (B, H, W) that the memory is written by: its sums by class are returned.
            read: False runs no further than the context feature.
        """
        decoder = host_decoder(self.network)
        features = self.network.features(images)
        seen = decoder.seen(features, items, noise) if read else None
        if label is None or decoder.memory is None:
            return Passed(seen, None)
        feature = decoder.context(features) if seen is None else seen.feature
        return Passed(seen, decoder.memory.sums(feature, label))

    def called(self, parameters: Mapping[str, Tensor], *arguments: Any, **options: Any) -> Passed:
        """:meth:`forward` with other ``parameters``, by their names in the network.

        BatchNorm in training mode normalises by the batch as ever; what it writes into running statistics is lost.
        """
        state = {f"network.{name}": value.clone() for name, value in self.network.named_buffers()}
        state |= {f"network.{name}": value for name, value in parameters.items()}
        passed: Passed = functional_call(self, state, arguments, options)
        return passed


def host_decoder(network: SegmentationNetwork) -> MemoryDecoder:
    """The decoder of ``network``, if it is one of :mod:`udalib.models.pin_memory.host`."""
    decoder = network.decoder
    if not isinstance(decoder, MemoryDecoder):
        raise ConfigError(
            f"the network's decoder is a {type(decoder).__name__}; take 'pin_v3plus' or 'pin_v2' (memory=False leaves "
            "the memory out), whose context feature a memory works on."
        )
    return decoder


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Everything below ``module`` in eval mode inside the context."""
    modes = [(layer, layer.training) for layer in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for layer, training in modes:
            layer.training = training
