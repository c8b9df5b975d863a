"""Stacks of residual layers in a network, found by name: what an execution plan can be applied to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from torch import nn

from udalib.core.errors import ConfigError, unknown_name

ENDINGS = ("Block", "Layer")
"""How the classes of residual layers are called: timm's and MiT's Block, BertLayer, LlamaDecoderLayer, ..."""


@dataclass(frozen=True)
class Stack:
    """Layers that map a state to one of the same shape, in the order the network runs them.

    To adapt a network that :func:`find_stack` does not know, build one from its layers. A layer is called as
    ``layer(state, ...)`` and returns the next state, or a tuple that begins with it; whatever else the network passes
    (size of the map, attention mask, rotary embedding) goes unchanged to every layer that runs in its place.

    Args:
        name: for messages and pictures.
        layers: distinct modules.

    Raises:
        ConfigError: no layer, or one that occurs twice (shared weights: there is nothing to tell apart).
    """

    name: str
    layers: tuple[nn.Module, ...] = field(repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "layers", tuple(self.layers))
        if not self.layers or len(set(map(id, self.layers))) < len(self.layers):
            raise ConfigError(f"stack {self.name!r} needs layers, each of them once; got {len(self.layers)}.")

    def __len__(self) -> int:
        return len(self.layers)


def find_stacks(network: nn.Module) -> dict[str, Stack]:
    """Every list of two or more residual layers in ``network``, by its dotted name.

    Such a list (ModuleList or Sequential) holds modules of one class, called ...Block or ...Layer, with parameters of
    the same shapes: the blocks of a timm ViT, one stage of a Mix Transformer, the layers of BERT or Llama.
    """
    return dict(_find(network, ""))


def find_stack(network: nn.Module, name: str | None = None) -> Stack:
    """The stack called ``name``: a dotted name or its end (``"block3"`` for ``"encoder.block3"``).

    Without a name, the only one there is. The full name of any other ModuleList or Sequential is taken as well, and a
    part of one: ``"encoder.body.blocks.3[1:]"`` are the layers from number 1 on (MobileNet's stages begin with a layer
    that changes width and resolution). That they are residual and of one width is then the caller's word.

    Raises:
        UnknownNameError: no stack of that name, with the nearest ones.
        ConfigError: none is named and there is not exactly one, several end in ``name``, it is no list of layers, or
            the part holds none.
    """
    part = re.fullmatch(r"(.*)\[(\d*):(\d*)\]", name or "")
    if part:
        first, last = (int(number) if number else None for number in part.groups()[1:])
        return Stack(str(name), find_stack(network, part[1]).layers[first:last])
    found = find_stacks(network)
    if name is None:
        return _only(found, f"{type(network).__name__} has {len(found)} stacks of residual layers")
    ending = {full: stack for full, stack in found.items() if f".{full}".endswith(f".{name}")}
    if name in found or ending:
        return found[name] if name in found else _only(ending, f"{len(ending)} stacks are called {name!r}")
    module = dict(network.named_modules()).get(name) if name else None
    if module is None:
        raise unknown_name("stack", name, {*found, *(full.rpartition(".")[2] for full in found)})
    if not isinstance(module, nn.ModuleList | nn.Sequential):
        raise ConfigError(f"{name!r} is a {type(module).__name__}, no list of layers; known: {', '.join(found)}.")
    return Stack(name, tuple(module))


def _find(module: nn.Module, name: str) -> Iterator[tuple[str, Stack]]:
    """Stacks below ``module``; what lies inside the layers of a stack is not looked at."""
    for key, child in module.named_children():
        full = f"{name}.{key}" if name else key
        if isinstance(child, nn.ModuleList | nn.Sequential) and _is_stack(list(child)):
            yield full, Stack(full, tuple(child))
        else:
            yield from _find(child, full)


def _is_stack(layers: list[nn.Module]) -> bool:
    shapes = {tuple((n, tuple(p.shape)) for n, p in layer.named_parameters()) for layer in layers}
    kinds = {type(layer).__name__ for layer in layers}
    alike = len(layers) > 1 and len(shapes) == len(kinds) == 1 and len(next(iter(shapes))) > 0
    return alike and next(iter(kinds)).endswith(ENDINGS)


def _only(found: dict[str, Stack], text: str) -> Stack:
    if len(found) == 1:
        return next(iter(found.values()))
    names = ", ".join(f"{name} ({len(stack)} layers)" for name, stack in found.items()) or "none"
    raise ConfigError(f"{text}: {names}. Name one of them, or pass a Stack of your own layers.")
