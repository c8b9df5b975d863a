"""From the specifications of a recipe to live objects: streams, method, schedules, evaluators."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from udalib.core.errors import ConfigError
from udalib.core.seeding import derive_seed
from udalib.data import Stream, label_space
from udalib.engine.optim.build import build_optimizer
from udalib.methods import Method
from udalib.models import SegmentationNetwork
from udalib.recipes.networks import build_network, check_network
from udalib.recipes.registry import get_recipe
from udalib.recipes.spec.datasets import First, WithImageTransforms, in_label_space
from udalib.recipes.spec.parts import option_types, parameters_of, parts_of
from udalib.recipes.spec.specs import DatasetSpec, EvaluationSpec, Recipe, StreamSpec
from udalib.recipes.spec.tasks import TASKS


def check(recipe: Recipe) -> None:
    """Refuse a recipe that cannot run, by looking at names alone: nothing is loaded yet.

    Raises:
        ConfigError: a stream that the method reads is missing, or two parts share a name.
        UnknownNameError: a name or an option that its registry or factory does not know.
    """
    for kind, items in (("stream", recipe.streams), ("evaluation", recipe.evaluations)):
        names = [item.name for item in items]
        if len(set(names)) != len(names):
            raise ConfigError(f"recipe {recipe.name!r}: two {kind}s share a name among {', '.join(names)}.")
    check_streams(recipe, needed_streams(recipe))
    if recipe.start is not None:
        _check_start(recipe)
    label_space(recipe.label_space)
    for evaluation in recipe.evaluations:
        TASKS.get(evaluation.task)
    for part in parts_of(recipe):
        part.check_options()
    check_network(recipe.network)


def _check_start(recipe: Recipe) -> None:
    assert recipe.start is not None
    if recipe.preset:
        get_recipe(recipe.start.recipe, recipe.preset)
    else:
        raise ConfigError(
            f"recipe {recipe.name!r} starts from a run of {recipe.start.recipe!r} at its own preset, and has none; "
            "take it from get_recipe(name, preset), or set start to None."
        )


def needed_streams(recipe: Recipe) -> tuple[str, ...]:
    """Streams that the method of ``recipe`` says it reads: its class's ``streams`` and its ``stream`` arguments.

    A constructor argument called ``stream`` or ``..._stream`` names one, and one called ``..._streams`` several, by the
    recipe's option or by its default.
    """
    factory, options = recipe.method.factory(), recipe.method.options
    named = {
        name: options.get(name, parameter.default)
        for name, (parameter, _) in (parameters_of(factory) or {}).items()
        if name == "stream" or name.endswith(("_stream", "_streams"))
    }
    values = [(value,) if isinstance(value, str) else value for value in named.values()]
    listed = [name for value in values if isinstance(value, tuple | list) for name in value]
    return tuple(dict.fromkeys([*getattr(factory, "streams", ()), *listed]))


def check_streams(recipe: Recipe, needed: Sequence[str]) -> None:
    """Raise :class:`ConfigError` if ``recipe`` lacks one of the streams ``needed``."""
    have = [stream.name for stream in recipe.streams]
    for name in needed:
        if name not in have:
            title = getattr(recipe.method.factory(), "__name__", recipe.method.name)
            raise ConfigError(
                f"recipe {recipe.name!r}: the method {title} reads the stream {name!r}, but the recipe has "
                f"{', '.join(map(repr, have)) or 'none'}. Add a StreamSpec({name!r}, ...) to its streams."
            )


def build_dataset(spec: DatasetSpec, space: str) -> Any:
    """Data set of ``spec`` with its labels in the label space ``space``."""
    dataset = in_label_space(spec.build(split=spec.split), space)
    return dataset if spec.limit is None else First(dataset, spec.limit)


def build_stream(spec: StreamSpec, space: str, seed: int) -> Stream:
    """Stream of ``spec``; its order and its draws depend on ``seed`` and its name alone."""
    dataset = build_dataset(spec.dataset, space)
    return Stream(
        spec.name,
        dataset,
        spec.batch_size,
        sampler=spec.sampler.build(dataset, derive_seed("stream", seed, spec.name)),
        sample_transforms=[transform.build() for transform in spec.sample_transforms],
        batch_transforms=[transform.build() for transform in spec.batch_transforms],
        seed=seed,
        workers=spec.workers,
    )


def build_method(
    recipe: Recipe, *, pretrained: bool = True, prepare: Callable[[SegmentationNetwork], None] | None = None
) -> Method:
    """Method of ``recipe`` with its network and optimiser.

    The method's constructor gets what it asks for by name: ``network``, ``optimizer`` (of the network) and
    ``num_classes``.

    Args:
        recipe: what is built.
        pretrained: False leaves weight files unread.
        prepare: called with the network before the method, which may copy it, gets it: the place to load weights.

    Raises:
        ConfigError: the method reads a stream that the recipe lacks.
    """
    network = build_network(recipe.network, label_space(recipe.label_space).num_classes, pretrained=pretrained)
    if prepare is not None:
        prepare(network)
    optimizer = build_optimizer(recipe.optimizer, network.named_parameters())
    given: dict[str, Any] = {"network": network, "optimizer": optimizer, "num_classes": network.num_classes}
    accepted = option_types(recipe.method.factory()) or {}
    method: Method = recipe.method.build(**{key: value for key, value in given.items() if key in accepted})
    check_streams(recipe, method.streams)
    return method


def build_schedules(recipe: Recipe, method: Method) -> dict[str, Any]:
    """One schedule for all optimisers of ``method``; ``total`` is the number of iterations unless it is given."""
    accepted = option_types(recipe.schedule.factory()) or {}
    total = {"total": recipe.train.iterations} if "total" in accepted and "total" not in recipe.schedule.options else {}
    schedule = recipe.schedule.build(**total)
    return dict.fromkeys(method.optimizers(), schedule)


def build_evaluator(spec: EvaluationSpec, space_name: str, *, align_corners: bool = False) -> Any:
    """Evaluator of ``spec`` for a network whose classes are those of the label space ``space_name``."""
    space = label_space(space_name)
    dataset = build_dataset(spec.dataset, space.name)
    if spec.sample_transforms:
        dataset = WithImageTransforms(dataset, [transform.build() for transform in spec.sample_transforms])
    return TASKS.get(spec.task).evaluator(dataset, space, spec, align_corners)


def build_evaluators(recipe: Recipe, method: Method) -> Mapping[str, Any]:
    """Evaluators of ``recipe`` by name, the first one first; the corner convention is that of the method's network."""
    corners = bool(getattr(getattr(method, "network", None), "align_corners", False))
    space = recipe.label_space
    return {spec.name: build_evaluator(spec, space, align_corners=corners) for spec in recipe.evaluations}
