"""AdaptSegNet and ADVENT on the embedded streets, each from the source-only model of the same seed.

What differs from the published settings, and why, is said in notebook 03: the discriminators see patches of the
published share of the image, and the weights of the adversarial losses were chosen for this world (on seeds that the
results do not use). ``streets/adversarial-control`` is the same training with a weight of 0: the difference to it, not
to source-only, is what the adversary does, because longer training and target batches in BatchNorm help by themselves.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from udalib.recipes.registry import register
from udalib.recipes.specs import MethodSpec, Recipe, ScheduleSpec, StartSpec
from udalib.recipes.zoo.streets import world_recipe, world_stream

ONE_LEVEL: dict[str, Any] = {"lambda_seg": 0.0, "lambda_adv_aux": 0.0}
DISCRIMINATOR: dict[str, Any] = {"discriminator_depth": 3, "discriminator_lr": 1e-3}


def adversarial_recipe(name: str, summary: str, method: str, *, auxiliary: bool = False, **options: Any) -> Recipe:
    """500 iterations from the source-only model, on unlabelled target images beside the source."""
    streams = (world_stream("source"), world_stream("target"))
    recipe = world_recipe(f"streets/{name}", summary, streams, MethodSpec.of(method, **options), iterations=500)
    return replace(
        recipe,
        network=replace(recipe.network, auxiliary=-2 if auxiliary else None),
        optimizer=replace(recipe.optimizer, lr=2e-3),
        schedule=ScheduleSpec.of("warmup_poly", power=0.9, warmup=20),
        start=StartSpec("streets/source-only"),
    )


register(
    adversarial_recipe(
        "adversarial-control",
        "The adversarial training with weight 0: longer training, and BatchNorm that has seen the target.",
        "adaptsegnet",
        **ONE_LEVEL,
        **DISCRIMINATOR,
        lambda_adv=0.0,
    )
)
register(
    adversarial_recipe(
        "adaptsegnet-single",
        "AdaptSegNet on one level: soft-max maps of the target are to look like those of the source.",
        "adaptsegnet",
        **ONE_LEVEL,
        **DISCRIMINATOR,
        lambda_adv=0.01,
    )
)
register(
    adversarial_recipe(
        "adaptsegnet-ls",
        "AdaptSegNet on one level with the least-squares criterion.",
        "adaptsegnet",
        **ONE_LEVEL,
        **DISCRIMINATOR,
        lambda_adv=0.01,
        gan="ls",
    )
)
register(
    adversarial_recipe(
        "adaptsegnet-multi",
        "AdaptSegNet on two levels, the auxiliary one on the second to last feature.",
        "adaptsegnet",
        auxiliary=True,
        **DISCRIMINATOR,
        lambda_adv=0.01,
        lambda_adv_aux=0.002,
    )
)
register(
    adversarial_recipe(
        "adaptsegnet-feature",
        "The ablation: the discriminator is shown the encoder's last feature instead of the output.",
        "adaptsegnet",
        **ONE_LEVEL,
        **DISCRIMINATOR,
        lambda_adv=0.01,
        space="feature",
    )
)
register(
    adversarial_recipe(
        "advent",
        "AdvEnt on one level: maps of weighted self-information of the target are to look like those of the source.",
        "advent",
        **ONE_LEVEL,
        **DISCRIMINATOR,
        lambda_adv=0.01,
    )
)
register(
    adversarial_recipe(
        "minent",
        "MinEnt on one level: low entropy of target predictions, no discriminator.",
        "minent",
        lambda_seg=0.0,
        lambda_ent=0.01,
        lambda_ent_aux=0.0,
    )
)
