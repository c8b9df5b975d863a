"""What the adversarial recipes on the streets and on CamVid share: variants, and how one follows a source-only run.

Discriminators are narrower than the published ones (16 channels first), trained faster (Adam 1e-3: hundreds of
iterations, not 150,000), and as deep as keeps the patch they judge small beside the image.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from udalib.recipes.spec.options import Options
from udalib.recipes.spec.specs import MethodSpec, Recipe, ScheduleSpec, StartSpec, StreamSpec

SUMMARIES = {
    "adversarial-control": "The adversarial training with weight 0: what longer training on both streams does.",
    "adaptsegnet-single": "AdaptSegNet, one level: soft-max maps of the target are to look like those of the source.",
    "adaptsegnet-deep": "AdaptSegNet, one level, a discriminator of the published depth, which sees the whole image.",
    "adaptsegnet-ls": "AdaptSegNet, one level, with the least-squares criterion.",
    "adaptsegnet-multi": "AdaptSegNet, two levels; the auxiliary one on the second to last feature.",
    "adaptsegnet-feature": "AdaptSegNet's ablation: the encoder's last feature is judged instead of the output.",
    "advent": "AdvEnt, one level: self-information maps of the target are to look like those of the source.",
    "minent": "MinEnt, one level: low entropy of target predictions, no discriminator.",
}


def adversary(method: str, depth: int, lambda_adv: float, **options: Any) -> MethodSpec:
    """An adversarial method on one level unless ``options`` say otherwise."""
    one_level = {"lambda_seg": 0.0, "lambda_adv_aux": 0.0}
    discriminator = {"discriminator_depth": depth, "discriminator_width": 16, "discriminator_lr": 1e-3}
    return MethodSpec.of(method, **{**one_level, **discriminator, "lambda_adv": lambda_adv, **options})


def min_entropy(lambda_ent: float) -> MethodSpec:
    """MinEnt on one level."""
    return MethodSpec.of("minent", lambda_seg=0.0, lambda_ent=lambda_ent, lambda_ent_aux=0.0)


def adapted(
    source_only: Recipe,
    variant: str,
    method: MethodSpec,
    target: StreamSpec,
    *,
    iterations: int,
    lr: float,
    presets: Mapping[str, Mapping[str, Any]],
) -> Recipe:
    """Training by ``method`` from the model of ``source_only``, with unlabelled ``target`` images beside its source.

    ``presets`` are what the source-only presets lack; a method that trains on two levels gets a network that has them.
    """
    levels = -2 if method.options.get("lambda_seg") else None
    return replace(
        source_only,
        name=f"{source_only.name.split('/')[0]}/{variant}",
        summary=SUMMARIES[variant],
        streams=(*source_only.streams, target),
        network=replace(source_only.network, auxiliary=levels),
        method=method,
        optimizer=replace(source_only.optimizer, lr=lr),
        schedule=ScheduleSpec.of("warmup_poly", power=0.9, warmup=20),
        train=replace(source_only.train, iterations=iterations),
        start=StartSpec(source_only.name),
        presets=Options({name: {**source_only.presets[name], **presets.get(name, {})} for name in source_only.presets}),
    )
