"""Places in a network that one can look at, by name, and what passes there while it predicts.

Besides every module's own name (``named_modules()``) there are names that all segmentation networks share:
``encoder.0``, ``encoder.1``, ... are the encoder's features, finest first; ``decoder`` is what the classifier sees;
then ``logits``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from udalib.core.errors import ConfigError, unknown_name
from udalib.models import SegmentationNetwork


@dataclass(frozen=True)
class Tap:
    """One place: what comes out of ``module`` (its part ``index`` where that is a list), or what goes in."""

    module: nn.Module
    index: int | None = None
    before: bool = False


def layer_names(module: nn.Module) -> list[str]:
    """Every layer of a method or network: the shared names first, then those of its modules."""
    networks = _networks(module)
    stages = max((len(_stages(network)) for network in networks), default=0)
    shared = [*(f"encoder.{i}" for i in range(stages)), "decoder", "logits"] if networks else []
    return list(dict.fromkeys([*shared, *(name for name, _ in module.named_modules() if name)]))


def check_layers(module: nn.Module, layers: Sequence[str]) -> None:
    """Refuse a layer that ``module`` does not have; the message lists the nearest names.

    Raises:
        UnknownNameError: no such layer.
        ConfigError: none was asked for, or one twice.
    """
    if not layers or len(set(layers)) != len(layers):
        raise ConfigError(f"layers are {', '.join(layers) or 'none'}; name one or more, each once.")
    known = layer_names(module)
    for layer in layers:
        if layer not in known:
            raise unknown_name("layer", layer, known)


@contextmanager
def captured(module: nn.Module, layers: Sequence[str]) -> Iterator[dict[str, Tensor]]:
    """Watch ``layers`` of a method or network; after the ``with`` block the dictionary holds a map (B, C, h, w) each.

    Of a module that runs several times in the block the first time counts: HRDA's context, not its detail windows. Of
    several networks (student and teacher) the shared names mean the one that ran.

    >>> with captured(nn.Sequential(nn.Conv2d(3, 5, 2)), ["0"]) as maps:
    ...     pass
    Traceback (most recent call last):
    ...
    udalib.core.errors.ConfigError: the layer '0' did not run: the prediction does not pass there.

    Raises:
        UnknownNameError: no such layer.
        ConfigError: a layer that did not run, or that gives something other than a map.
    """
    check_layers(module, layers)
    taps = {layer: _taps(module, layer) for layer in layers}
    seen: dict[Tap, Any] = {}
    maps: dict[str, Tensor] = {}
    with ExitStack() as hooks:
        for tap in {tap for each in taps.values() for tap in each}:
            hooks.callback(_watch(tap, seen).remove)
        yield maps
    for layer, places in taps.items():
        ran = [seen[tap] for tap in places if tap in seen]
        if not ran:
            raise ConfigError(f"the layer {layer!r} did not run: the prediction does not pass there.")
        maps[layer] = _as_map(layer, ran[0])


def _networks(module: nn.Module) -> list[SegmentationNetwork]:
    return [each for each in module.modules() if isinstance(each, SegmentationNetwork)]


def _stages(network: SegmentationNetwork) -> Sequence[int]:
    stages: Sequence[int] = getattr(network.encoder, "channels", ())
    return stages


def _taps(module: nn.Module, layer: str) -> list[Tap]:
    """Where ``layer`` may be found, the most wanted place first; those that do not run are passed over."""
    networks = _networks(module)
    kind, _, index = layer.partition(".")
    if networks and layer == "logits":
        return [Tap(network) for network in networks]
    if networks and layer == "decoder":
        return [Tap(conv, before=True) for network in networks for conv in _classifiers(network)]
    if kind == "encoder" and index.isdecimal() and any(int(index) < len(_stages(n)) for n in networks):
        return [Tap(network.encoder, int(index)) for network in networks if int(index) < len(_stages(network))]
    return [Tap(module.get_submodule(layer))]


def _classifiers(network: SegmentationNetwork) -> list[nn.Conv2d]:
    """Convolutions of the decoder that give one channel a class, the last first; not HRDA's scale attention."""
    head = getattr(network.decoder, "head", network.decoder)
    found = [m for m in head.modules() if isinstance(m, nn.Conv2d) and m.out_channels == network.num_classes]
    return found[::-1]


def _watch(tap: Tap, seen: dict[Tap, Any]) -> Any:
    def before(_: nn.Module, inputs: tuple[Any, ...]) -> None:
        seen.setdefault(tap, inputs[0])

    def after(_: nn.Module, __: Any, output: Any) -> None:
        seen.setdefault(tap, output if tap.index is None else output[tap.index])

    return tap.module.register_forward_pre_hook(before) if tap.before else tap.module.register_forward_hook(after)


def _as_map(layer: str, value: Any) -> Tensor:
    if isinstance(value, Tensor) and value.ndim == 4:
        return value.detach().float()
    what = f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else f"a {type(value).__name__}"
    raise ConfigError(
        f"the layer {layer!r} gives {what}, not a map (B, C, h, w); look at a convolution, or at encoder.0, ..."
    )
