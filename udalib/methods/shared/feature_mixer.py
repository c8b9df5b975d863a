"""Feature-level mixing between two passes through one encoder (quadmix sheet, section 4.6)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from udalib.core.errors import ConfigError
from udalib.ops.feature_mixing import mix_features


class FeatureMixer:
    """Keeps what an encoder gives in one pass, and mixes it into what it gives in the next.

    Only the first call of each pass counts: the context of a network of two scales (its details lie elsewhere in each
    pass), the current frame of a clip. The kept features keep their graph, so both passes go back together.

    Args:
        encoder: images -> list of features.
        mask: where both images show the same paste, (B, H, W).
        weight: see :func:`udalib.ops.feature_mixing.mix_features`.
    """

    def __init__(self, encoder: nn.Module, mask: Tensor, weight: float) -> None:
        self.encoder, self.mask, self.weight = encoder, mask, weight
        self.kept: list[Tensor] = []

    @contextmanager
    def keeping(self) -> Iterator[None]:
        """The pass whose features are kept."""

        def keep(features: Sequence[Tensor]) -> None:
            self.kept = list(features)

        with self._first_call(keep):
            yield

    @contextmanager
    def mixing(self) -> Iterator[None]:
        """The pass whose features are mixed with the kept ones.

        Raises:
            ConfigError: nothing was kept.
        """
        if not self.kept:
            raise ConfigError("there are no features to mix in; run a pass in keeping() first.")

        def mix(features: Sequence[Tensor]) -> list[Tensor]:
            pairs = zip(features, self.kept, strict=True)
            return [mix_features(own, other, self.mask, self.weight) for own, other in pairs]

        with self._first_call(mix):
            yield

    @contextmanager
    def _first_call(self, change: Callable[[Sequence[Tensor]], Any]) -> Iterator[None]:
        called = False

        def hook(_module: nn.Module, _inputs: Any, output: Any) -> Any:
            nonlocal called
            first, called = not called, True
            return change(output) if first else None

        handle = self.encoder.register_forward_hook(hook)
        try:
            yield
        finally:
            handle.remove()


def check_feature_weight(weight: float) -> None:
    """Raise :class:`ConfigError` unless a share of other features lies in [0, 1)."""
    if not 0 <= weight < 1:
        raise ConfigError(f"feature_mix is {weight}; the share of the other image's features must lie in [0, 1).")
