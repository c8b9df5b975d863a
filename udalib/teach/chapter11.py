"""Graders of notebook 11: the order of the pastes, which classes a target template takes, weights, mixed features."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from udalib.core.types import IGNORE_INDEX
from udalib.ops.feature_mixing import mix_features
from udalib.teach.check import exercise, require, require_function


@exercise(
    "11.1",
    "write quad(source, target, cut_s, mask_s, cut_t, mask_t): the two learned images, T to (S to S) first.",
)
def _quad(answer: Any) -> str:
    require_function(answer)
    source, target, cut_s, cut_t = (torch.full((3, 2, 2), float(value)) for value in range(4))
    mask_s = torch.tensor([[True, True], [False, False]])
    mask_t = torch.tensor([[True, False], [True, False]])
    got = answer(source, target, cut_s, mask_s, cut_t, mask_t)
    require(isinstance(got, (tuple, list)) and len(got) == 2, "two images: the mixed source and the mixed target.")
    first, second = (torch.as_tensor(each) for each in got)
    shapes = [tuple(each.shape) for each in (first, second)]
    require(shapes == [(3, 2, 2)] * 2, f"both images keep their shape (3, 2, 2); got {shapes}.")
    swapped = _same(first, [3, 2, 3, 1]) and _same(second, [3, 2, 3, 0])
    require(not swapped, "the mixed SOURCE comes first.")
    require(float(first[0, 0, 0]) != 2, "where both templates are, the target template wins: paste it last.")
    require(_same(first, [3, 2, 3, 0]), "the mixed source holds the source template, and the target template over it.")
    require(_same(second, [3, 2, 3, 1]), "the mixed target gets the same two templates at the same places.")
    return "four pastes, two images; S to S and S to T are only steps on the way."


@exercise("11.2", "write target_ids(present, source_ids): the ids that a target template may take, as a sorted list.")
def _target_ids(answer: Any) -> str:
    require_function(answer)
    got = [int(i) for i in answer([0, 2, 8, 13, IGNORE_INDEX], [8, 13])]
    require(IGNORE_INDEX not in got, "255 means that nobody labelled the pixel; it is no class to paste.")
    require(
        8 not in got and 13 not in got, "classes of the source template stay out, by their IDS, not by their places."
    )
    require(got == [0, 2], f"of 0, 2, 8, 13 without 8 and 13: 0 and 2; got {got}.")
    places = [int(i) for i in answer([0, 1, 5], [5])]
    require(places == [0, 1], f"5 is the third of the ids present, but 2 is not meant: 0 and 1 are left; got {places}.")
    require(list(answer([4], [4])) == [], "nothing may be left; then the template is empty.")
    return "the published image code compares ids with places in a list, so a class can meet itself."


@exercise("11.3", "write weights(mask_s, mask_t, w_t, w_earlier): pixel weights of T to (S to S) and T to (S to T).")
def _weights(answer: Any) -> str:
    require_function(answer)
    mask_s = torch.tensor([[True, True], [False, False]])
    mask_t = torch.tensor([[True, False], [True, False]])
    w_t, w_earlier = torch.full((2, 2), 0.5), torch.full((2, 2), 0.25)
    got = answer(mask_s, mask_t, w_t, w_earlier)
    require(isinstance(got, (tuple, list)) and len(got) == 2, "two maps of weights, one for each learned image.")
    first, second = (torch.as_tensor(each).float() for each in got)
    require(
        _equal(first, [0.25, 1, 0.25, 1]), "the mixed source: source pixels weigh 1, the target template w_earlier."
    )
    require(
        not _equal(second, [0.5, 1, 0.5, 0.5]), "a template brings the weight of the iteration it was CUT from along."
    )
    require(_equal(second, [0.25, 1, 0.25, 0.5]), "the mixed target: w_earlier, else 1 under mask_s, else w_t.")
    return "labels that were given weigh 1, wherever they are pasted; pseudo labels keep the doubt they were made with."


@exercise("11.4", "write mixed_features(x, other, mask, share): features (B, C, h, w), mask (B, H, W) at image size.")
def _mixed_features(answer: Any) -> str:
    require_function(answer)
    random = torch.Generator().manual_seed(0)
    x, other = (torch.randn(1, 2, 2, 4, generator=random) for _ in range(2))
    mask = torch.zeros(1, 8, 16, dtype=torch.bool)
    mask[:, :4, :8] = True
    got = torch.as_tensor(answer(x, other, mask, 0.3))
    require(tuple(got.shape) == tuple(x.shape), f"features keep their shape {tuple(x.shape)}; got {tuple(got.shape)}.")
    require(not torch.allclose(got, x), "this gives x back: the published slip. Return what you mixed.")
    outside = mix_features(x, other, torch.ones_like(mask), 0.3)
    require(not torch.allclose(got, outside, atol=1e-5), "outside the mask x stays as it is.")
    swapped = mix_features(x, other, mask, 0.7)
    require(not torch.allclose(got, swapped, atol=1e-5), "share belongs to the OTHER image's features, 1 - share to x.")
    want = mix_features(x, other, mask, 0.3)
    require(torch.allclose(got, want, atol=1e-5), "inside the mask: share * other + (1 - share) * x.")
    return "both images show the same paste there, so their features should agree on it."


def _same(image: Tensor, values: list[float]) -> bool:
    return bool((image == torch.tensor(values).view(2, 2)).all())


def _equal(weights: Tensor, values: list[float]) -> bool:
    return tuple(weights.shape) == (2, 2) and bool(torch.allclose(weights, torch.tensor(values).view(2, 2)))
