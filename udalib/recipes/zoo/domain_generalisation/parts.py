"""What the recipes of domain generalisation share: one recipe for each way to learn from several source domains."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from udalib.engine.config import TrainConfig
from udalib.engine.optim.build import OptimizerSpec
from udalib.recipes.spec.options import Options
from udalib.recipes.spec.specs import (
    EvaluationSpec,
    MethodSpec,
    NetworkSpec,
    Published,
    Recipe,
    ScheduleSpec,
    StreamSpec,
)

Presets = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Kind:
    """A way to learn from source domains.

    Attributes:
        summary: in words.
        method: "joined-sources" or "pin-memory".
        options: of the method.
        memory: whether the network has one.
    """

    summary: str
    method: str
    options: Options = field(default_factory=Options)
    memory: bool = True


STRONG = (0.8, 0.8, 0.8, 0.3)
KINDS = {
    "joined": Kind("All sources at once, without a memory: the baseline.", "joined-sources", memory=False),
    "joined-strong": Kind(
        "All sources at once, half of the images jittered as strongly as meta-test domains are.",
        "joined-sources",
        Options(jitter=STRONG, jitter_probability=0.5),
        memory=False,
    ),
    "joined-memory": Kind("All sources at once with a memory, without meta-learning.", "joined-sources"),
    "meta-learning": Kind("Meta-learning over the sources without a memory.", "pin-memory", memory=False),
    "memory": Kind("Pin the Memory: meta-learning with a memory, first order as published.", "pin-memory"),
    "memory-second-order": Kind(
        "Pin the Memory with the second-order gradient that the paper writes.", "pin-memory", Options(second_order=True)
    ),
    "memory-no-read": Kind("Pin the Memory without feature cohesion.", "pin-memory", Options(lambda_read=0.0)),
    "memory-no-divergence": Kind(
        "Pin the Memory without memory divergence.", "pin-memory", Options(lambda_div=0.0, lambda_cls=0.0)
    ),
    "memory-gumbel": Kind(
        "Pin the Memory with Gumbel noise on its reading weights in training.", "pin-memory", Options(gumbel="training")
    ),
}


@dataclass(frozen=True)
class SetUp:
    """All that the recipes on one set of sources have in common.

    Attributes:
        family: first part of the recipes' names.
        title: the sources and what they are tested on, in words.
        label_space: of the classes.
        streams: one a domain, the first the one that a published accident favours.
        network: with a decoder of :mod:`udalib.models.pin_memory.host`.
        optimizer, schedule, train: how it is trained, the initialisation of the memory left out.
        evaluations: labelled images of domains not trained on; the first decides which weights are the best.
        init: iterations of the memory's initialisation.
        options: that all methods take.
        presets: overrides by preset; ``train.iterations`` again without the initialisation.
        init_by_preset: where the length of the initialisation differs.
    """

    family: str
    title: str
    label_space: str
    streams: tuple[StreamSpec, ...]
    network: NetworkSpec
    optimizer: OptimizerSpec
    schedule: ScheduleSpec
    train: TrainConfig
    evaluations: tuple[EvaluationSpec, ...]
    init: int
    options: Options
    presets: Presets
    init_by_preset: Mapping[str, int]


def recipe_of(setup: SetUp, kind: str, name: str = "", published: tuple[Published, ...] = ()) -> Recipe:
    """The recipe ``FAMILY/NAME`` (NAME = ``kind`` unless given) that trains by ``kind`` of :data:`KINDS`.

    With a memory it runs as many iterations more as the initialisation takes, so that all kinds train equally long.
    """
    how = KINDS[kind]
    streams = tuple(stream.name for stream in setup.streams)
    options: dict[str, Any] = {"domain_streams": streams, **setup.options, **how.options}
    presets = {preset: dict(setup.presets.get(preset, {})) for preset in ("quick", "laptop", "paper")}
    train, schedule = setup.train, setup.schedule
    if how.memory:
        options["init_iterations"] = setup.init
        train = replace(train, iterations=train.iterations + setup.init)
        schedule = _delayed(schedule, setup.init)
        for preset, values in presets.items():
            _initialised(values, setup, preset)
    return Recipe(
        name=f"{setup.family}/{name or kind}",
        summary=f"{setup.title}: {how.summary}",
        label_space=setup.label_space,
        streams=setup.streams,
        network=_with_memory(setup.network, how.memory),
        method=MethodSpec(how.method, Options(options)),
        optimizer=setup.optimizer,
        schedule=schedule,
        train=train,
        evaluations=setup.evaluations,
        published=published,
        presets=Options(presets),
    )


def _initialised(values: dict[str, Any], setup: SetUp, preset: str) -> None:
    """Make room for the initialisation in the overrides of ``preset``."""
    init = setup.init_by_preset.get(preset)
    if init is not None:
        values["method.init_iterations"] = init
        if "delay" in setup.schedule.options:
            values["schedule.delay"] = init
    if "train.iterations" in values:
        values["train.iterations"] += setup.init if init is None else init


def _delayed(schedule: ScheduleSpec, init: int) -> ScheduleSpec:
    """A schedule with a delay waits for the initialisation."""
    if "delay" not in schedule.options:
        return schedule
    return replace(schedule, options=schedule.options.updated("delay", init))


def _with_memory(network: NetworkSpec, memory: bool) -> NetworkSpec:
    assert network.decoder is not None
    if memory:
        return network
    return replace(network, decoder=replace(network.decoder, options=network.decoder.options.updated("memory", False)))
