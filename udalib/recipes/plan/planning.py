"""What a training step of a recipe will take: parameters, arithmetic, peak memory. Nothing is trained for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import DynamicOutputShapeException
from torch.utils._pytree import tree_leaves

from udalib.core.errors import ConfigError
from udalib.core.types import Batch
from udalib.engine.recompute import recompute_blocks
from udalib.methods import Method, count_parameters
from udalib.recipes.build import build_method, check
from udalib.recipes.plan.meter import Meter, Work
from udalib.recipes.plan.standin import stand_in_batches
from udalib.recipes.plan.weightless import TypicalValues, settle, weightless
from udalib.recipes.spec.options import Options
from udalib.recipes.spec.specs import Recipe

MIB = 2**20


@dataclass(frozen=True)
class Plan:
    """A training step of a recipe on paper.

    Attributes:
        recipe: what was planned.
        images: shape of each stream's images, (B, 3, H, W) or (B, T, 3, H, W), in one micro-batch.
        trainable: number of parameters that gradients reach.
        held: MiB of all networks' parameters and buffers, teachers and frozen ones included.
        states: MiB of the optimisers' states.
        peak: MiB of the tensors that are alive at once at the most, by PyTorch's count of allocated memory. Scratch
            space of libraries, the caching allocator's gaps and the context of the process come on top.
        work: operations of one micro-batch, forward and backward, and of the optimiser.
    """

    recipe: Recipe
    images: Mapping[str, tuple[int, ...]]
    trainable: int
    held: float
    states: float
    peak: float
    work: tuple[Work, ...]

    @property
    def flops(self) -> int:
        """Floating point operations of products (matrices, convolutions, attention) in one iteration."""
        return self.recipe.train.accumulate * sum(each.flops for each in self.work)


def plan_recipe(recipe: Recipe) -> Plan:
    """Plan an iteration of ``recipe`` in which everything runs: the last one.

    Needs no data: images of the published size stand in. What it takes grows with the operations, not with the size.

    Raises:
        ConfigError: the recipe cannot run, its batches cannot be cut into ``train.accumulate`` parts, or its step asks
            for values in a way that no plan can answer.
    """
    check(recipe)
    small = _micro(recipe)
    method = build_method(without_weights(small), pretrained=False).train()
    if recipe.train.activation_checkpointing:
        recompute_blocks(method)
    batches = stand_in_batches(small)
    images = {name: tuple(_pictures(batch).shape) for name, batch in batches.items()}
    trainable = count_parameters(method)
    with weightless(method, recipe.train.precision) as fake:
        meter = Meter()
        held, states = _measure(recipe, method, fake(batches), meter)
    return Plan(recipe, images, trainable, held / MIB, states / MIB, meter.peak / MIB, tuple(meter.work))


def _measure(recipe: Recipe, method: Method, batches: dict[str, Batch], meter: Meter) -> tuple[int, int]:
    with meter, TypicalValues():  # type: ignore[no-untyped-call]
        meter.watch([*method.parameters(), *method.buffers()])
        held = meter.alive
        settle(method)
        states = meter.alive - held
        meter.watch(_tensors(batches))
        stash = _gradients(method) if recipe.train.accumulate > 1 else None
        meter.peak = meter.alive
        meter.work.clear()
        try:
            method.step(batches, recipe.train.iterations - 1)
        except DynamicOutputShapeException as error:
            raise ConfigError(
                f"recipe {recipe.name!r}: the size of a result depends on what is in the images ({error}), so that a "
                "step cannot be planned without them."
            ) from error
        del stash
    return held, states


def _micro(recipe: Recipe) -> Recipe:
    """``recipe`` with the batches of one micro-batch."""
    parts = recipe.train.accumulate
    for stream in recipe.streams:
        if stream.batch_size % parts:
            raise ConfigError(
                f"recipe {recipe.name!r}: {stream.batch_size} samples of the stream {stream.name!r} cannot be cut into "
                f"{parts} equal parts; choose another train.accumulate."
            )
    streams = tuple(replace(stream, batch_size=stream.batch_size // parts) for stream in recipe.streams)
    return replace(recipe, streams=streams)


def without_weights(recipe: Recipe) -> Recipe:
    """``recipe`` whose method reads no weight files of its own."""
    options = {key: None if key.endswith("weights") else value for key, value in recipe.method.options.items()}
    return replace(recipe, start=None, method=replace(recipe.method, options=Options(options)))


def _pictures(batch: Batch) -> Tensor:
    pictures: Tensor = batch["frames"] if "frames" in batch else batch["image"]
    return pictures


def _tensors(batches: Mapping[str, Batch]) -> Iterator[Tensor]:
    return (leaf for leaf in tree_leaves(dict(batches)) if isinstance(leaf, Tensor))


def _gradients(method: Method) -> list[Tensor]:
    """What gradient accumulation keeps aside: one gradient of every parameter."""
    return [torch.zeros_like(p) for p in method.parameters() if p.requires_grad]
