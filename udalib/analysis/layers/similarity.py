"""How alike the states between layers are: cosine similarity (painters sheet, section 3)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize

from udalib.core.errors import ConfigError, unknown_name

TOKENS = ("all", "cls", "patch")


def select_tokens(states: Tensor, tokens: str = "all", *, prefix_tokens: int = 1) -> Tensor:
    """Some tokens of states (L, B, T, D): "all", the class token "cls" (the first), or "patch" (those of the image).

    Args:
        states: as :func:`~udalib.analysis.layers.states.layer_states` gives them.
        tokens: which.
        prefix_tokens: tokens before those of the image: 1 for a plain ViT, more with registers, 0 for a MiT
            (timm's attribute ``num_prefix_tokens``).

    Raises:
        UnknownNameError: another choice.
        ConfigError: "cls" where there is no prefix, or nothing would be left.
    """
    if tokens not in TOKENS:
        raise unknown_name("choice of tokens", tokens, TOKENS)
    if tokens == "all":
        return states
    if not 0 <= prefix_tokens < states.shape[2] or (tokens == "cls" and prefix_tokens == 0):
        raise ConfigError(f"{tokens!r} of {states.shape[2]} tokens with {prefix_tokens} before those of the image.")
    return states[:, :, :1] if tokens == "cls" else states[:, :, prefix_tokens:]


def layer_similarity(states: Tensor, tokens: str = "all", *, prefix_tokens: int = 1) -> Tensor:
    """Cosine similarity of every two states: (L, L), float64, symmetric with unit diagonal.

    Each sample's state is one long vector (its tokens one after another, padding included), and the mean is over the
    samples, as published. The similarities of all tokens hide what the class token does: see ``tokens``.

    Args:
        states: (L, B, T, D), or (L, B, ...) with all tokens; entry 0 is the input of the first layer.
        tokens: as for :func:`select_tokens`.
        prefix_tokens: as for :func:`select_tokens`.

    Several batches of one size: the mean of their matrices.
    """
    chosen = select_tokens(states, tokens, prefix_tokens=prefix_tokens).double().flatten(2)
    unit = normalize(chosen, dim=2)
    return torch.einsum("ibf,jbf->ijb", unit, unit).mean(2)


def similarity_groups(matrix: Tensor, threshold: float = 0.9) -> list[tuple[int, int]]:
    """Runs of neighbouring states of which every two are at least ``threshold`` alike: (first, last), both inclusive.

    From the first state on, each run is made as long as it can be; a state like none of its neighbours is a run alone.
    Our rule: the paper reads its groups off the picture.

    >>> similarity_groups(torch.tensor([[1.0, 0.2, 0.1], [0.2, 1.0, 0.95], [0.1, 0.95, 1.0]]))
    [(0, 0), (1, 2)]
    """
    groups, first = [], 0
    for last in range(1, len(matrix) + 1):
        if last == len(matrix) or float(matrix[first : last + 1, last].min()) < threshold:
            groups.append((first, last - 1))
            first = last
    return groups
