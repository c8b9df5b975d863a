"""ADVENT's recipes: AdvEnt and MinEnt, GTA5 and SYNTHIA to Cityscapes (advent sheet, section 5).

The setting is in :mod:`udalib.recipes.zoo.adversarial.setting`; the network sums all four branches of its classifiers.
GTA5 is trained on two levels. SYNTHIA has, by the authors' follow-up repository, 16 classes, one level and a schedule
of 90 000 iterations that is run to its end. MinEnt on one level does not run in the released code, which asks for the
auxiliary output.

The published loop makes one AdvEnt iteration more than the 120 000 here. The class-ratio prior and the entropy range of
the paper have no recipe, because their settings are not in our sources. The rows "AdvEnt + MinEnt" of the tables are
no training: they average the logits of two networks, which is what ``udalib evaluate A B`` does.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from udalib.recipes.registry import register
from udalib.recipes.spec.options import Options
from udalib.recipes.spec.specs import MethodSpec, NetworkSpec, Recipe, WeightsSpec
from udalib.recipes.zoo.adversarial.numbers import GTA, SYNTHIA
from udalib.recipes.zoo.adversarial.setting import Benchmark, Budget, deeplab_recipe, to_cityscapes

START = WeightsSpec("DeepLab_resnet_pretrained_imagenet.pth")
NETWORK = "advent_resnet101"
SUMMARIES = {"advent": "AdvEnt", "minent": "MinEnt"}
WEIGHTS = {"advent": ("lambda_adv", "lambda_adv_aux"), "minent": ("lambda_ent", "lambda_ent_aux")}

GTA_BUDGET = Budget(iterations=120_000, total=250_000, every=2000)
SYNTHIA_BUDGET = Budget(iterations=90_000, total=90_000, every=2000)
SYNTHIA16 = replace(to_cityscapes("synthia"), label_space="cityscapes16", subsets=("cityscapes13",))


def two_levels(benchmark: Benchmark, name: str, published: Any = ()) -> Recipe:
    """``name`` ("advent" or "minent") on main and auxiliary output."""
    main, aux = WEIGHTS[name]
    method = MethodSpec.of(name, **{main: 0.001, aux: 0.0002}, lambda_seg=0.1, official=True)
    network = NetworkSpec(NETWORK, weights=START)
    summary = f"{SUMMARIES[name]} on two levels."
    return deeplab_recipe(benchmark, name, summary, network, method, GTA_BUDGET, published=published)


def one_level(benchmark: Benchmark, name: str, published: Any = ()) -> Recipe:
    """``name`` on a network without auxiliary output, which leaves nothing for ``official`` to add."""
    main, aux = WEIGHTS[name]
    method = MethodSpec.of(name, **{main: 0.001, aux: 0.0}, lambda_seg=0.0)
    network = NetworkSpec(NETWORK, Options(multi_level=False), weights=START)
    summary = f"{SUMMARIES[name]} on one level, 16 classes."
    return deeplab_recipe(benchmark, name, summary, network, method, SYNTHIA_BUDGET, published=published)


for _name in SUMMARIES:
    register(two_levels(to_cityscapes("gta"), _name, GTA.get(_name, ())))
    register(one_level(SYNTHIA16, _name, SYNTHIA.get(_name, ())))
