"""Graders of notebook 09: which layers a plan runs, the parallel middle, alike states, shares of a score, its cost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from udalib.analysis.layers import create_plan, layer_similarity, split
from udalib.teach.check import exercise, require, require_close, require_function


@exercise("09.1", "write skipped(layers, start): the list of layers that run when the middle is left out.")
def _skipped(answer: Any) -> str:
    require_function(answer)
    got = [int(i) for i in answer(8, 1)]
    require(got != [0, 7], "layers 0 to start are kept, BOTH ends included: with start 1 these are 0 and 1.")
    require(got != [0, 1, 6, 7], "the kept end is one layer shorter than the kept beginning: with start 1 it is 7.")
    require(got == [0, 1, 7], f"8 layers, start 1: 0, 1, 7; got {got}.")
    alone = [int(i) for i in answer(7, 0)]
    require(alone == [0], f"start 0 keeps layer 0 and nothing at the end (careful with a slice from -0); got {alone}.")
    for layers, start in ((7, 3), (8, 3), (12, 4)):
        want, got = list(create_plan("skip", layers, start).executed), [int(i) for i in answer(layers, start)]
        require(got == want, f"{layers} layers, start {start}: {want}, got {got}.")
    return "2s + 1 layers are left, whatever the length of the stack."


@exercise("09.2", "write parallel(state, layers, loops): all layers on one input, their mean is the next loop's input.")
def _parallel(answer: Any) -> str:
    require_function(answer)
    random = torch.Generator().manual_seed(0)
    state = torch.randn(2, 5, 4, generator=random, dtype=torch.float64)
    weights = [torch.randn(4, 4, generator=random, dtype=torch.float64) for _ in range(3)]
    layers = [_layer(weight) for weight in weights]
    one = torch.stack([layer(state) for layer in layers]).mean(0)
    got = answer(state, layers, 1)
    require(isinstance(got, Tensor) and got.shape == state.shape, "the answer is a state of the same shape.")
    updates = sum((layer(state) - state for layer in layers), torch.zeros_like(state))
    require(not torch.allclose(got, one - state), "a layer returns state + update; average what it RETURNS.")
    require(not torch.allclose(got, state + updates), "the updates are averaged, not added up: divide by the layers.")
    row = state
    for layer in layers:
        row = layer(row)
    require(not torch.allclose(got, row), "that runs one layer after another; all of them get the SAME input.")
    require(torch.allclose(got, one), "one loop is the mean of all layers' outputs on the state that came in.")
    two = torch.stack([layer(one) for layer in layers]).mean(0)
    looped = answer(state, layers, 2)
    require(not torch.allclose(looped, one), "with two loops the mean goes through all layers once more.")
    require(torch.allclose(looped, two), "the input of the second loop is the mean that the first one gave.")
    return "the painters stand around one canvas, and the mean of their canvases is passed on."


def _layer(weight: Tensor) -> Callable[[Tensor], Tensor]:
    return lambda state: state + torch.tanh(state @ weight)


@exercise("09.3", "write alike(a, b): cosine similarity of two states (B, T, D), as published: one vector an image.")
def _alike(answer: Any) -> str:
    require_function(answer)
    random = torch.Generator().manual_seed(1)
    a = torch.randn(3, 6, 4, generator=random, dtype=torch.float64)
    a[0] *= 20
    b = a + torch.randn(3, 6, 4, generator=random, dtype=torch.float64) * torch.linspace(0, 3, 6)[:, None]
    got = float(answer(a, b))
    by_token = float(torch.cosine_similarity(a, b, dim=2).mean())
    whole = float(torch.cosine_similarity(a.flatten(), b.flatten(), dim=0))
    require(abs(got - by_token) > 1e-6, "one cosine a TOKEN is another measure; make one long vector of each image.")
    require(abs(got - whole) > 1e-6, "one vector for the whole batch lets a bright image decide; one for EACH image.")
    require_close(got, float(layer_similarity(torch.stack([a, b]))[0, 1]), "the similarity", 1e-6)
    return "tokens of large norm decide it; that is worth knowing before one believes a heat map."


@exercise("09.4", "write share(score, full, chance): 1 for the untouched network, 0 for chance.")
def _share(answer: Any) -> str:
    require_function(answer)
    require(abs(float(answer(30.0, 30.0, 4.0)) - 1) < 1e-9, "the untouched network itself has the share 1.")
    require(abs(float(answer(4.0, 30.0, 4.0))) < 1e-9, "a score at chance has the share 0: take chance off both.")
    require(float(answer(2.0, 30.0, 4.0)) < 0, "what is below chance has a share below 0; clip it in a picture only.")
    require_close(answer(17.0, 30.0, 4.0), 0.5, "the share of 17 between 4 and 30")
    return "two networks of unlike quality can now be compared in what they lose."


@exercise(
    "09.5", "write cost(layers, start, loops): of the looped parallel plan, (layers executed, steps one after another)."
)
def _cost(answer: Any) -> str:
    require_function(answer)
    for layers, start, loops in ((8, 1, 3), (12, 3, 2), (24, 9, 1), (7, 3, 4)):
        plan = create_plan("loop_parallel", layers, start, loops=loops)
        got = tuple(int(v) for v in answer(layers, start, loops))
        want, middle = (len(plan.executed), plan.sequential_depth), len(split(layers, start).middle)
        where = f"{layers} layers, start {start}, {loops} loops"
        require(len(got) == 2, f"two numbers, executed and steps; got {len(got)}.")
        require(got != want[::-1] or want[0] == want[1], "first how many layers are executed, then the steps.")
        require(middle > 0 or got == want, f"{where}: the middle is empty, and nothing is looped: {want}, got {got}.")
        require(got == want, f"{where}: 2s + 1 = {2 * start + 1} kept, {middle} in the middle; got {got}.")
    return "as many multiplications as before or more, but fewer of them have to wait for one another."
