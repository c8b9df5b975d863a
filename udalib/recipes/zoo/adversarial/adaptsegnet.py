"""AdaptSegNet's recipes: GTA5 and SYNTHIA to Cityscapes, Cityscapes to four other cities (adaptsegnet sheet).

The setting is in :mod:`udalib.recipes.zoo.adversarial.setting`, the weights of the losses are those of section 4. For
PyTorch from 0.4 on, the authors' README advises half and a quarter of the two adversarial weights of the multi-level
recipe: ``--set method.lambda_adv=0.0005 method.lambda_adv_aux=0.00005``.

What the authors did not release, and what we take instead:

 - SYNTHIA: 19 outputs, of which terrain, truck and train get no labels; scored over the classes that the paper
   reports (``cityscapes13``) and over 16. Lengths and weights as for GTA5.
 - Cross-City: 13 outputs, both domains at 512 x 1024, as later methods have it; lengths and weights as for GTA5. One
   source-only training is scored on all four cities.
 - Feature space: code. The discriminator gets the feature before the classifier, enlarged to the image: a map of
   2048 x 512 x 1024 numbers takes 4.3 GB.
 - VGG-16: training code and a name for its start weights. One learning rate for all parameters, as their optimiser
   hook has it. ``vgg16_deeplab_init.pth`` is a name of ours for an ImageNet VGG-16 under the parameter names of
   :class:`udalib.models.deeplab_v2.VGG16`, which has one classifier and therefore no idle auxiliary level.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from udalib.recipes.registry import register
from udalib.recipes.spec.options import Options
from udalib.recipes.spec.specs import DatasetSpec, MethodSpec, NetworkSpec, Recipe, WeightsSpec
from udalib.recipes.zoo.adversarial.numbers import CROSSCITY, GTA, SYNTHIA
from udalib.recipes.zoo.adversarial.setting import (
    TARGET_SIZE,
    Benchmark,
    Budget,
    deeplab_recipe,
    to_cityscapes,
)

START = WeightsSpec("DeepLab_resnet_pretrained_init-f81d91e8.pth")
TWO_LEVELS = NetworkSpec("adaptsegnet_resnet101", weights=START)
ONE_HEAD = NetworkSpec("adaptsegnet_resnet101_single", weights=START)
VGG = NetworkSpec("adaptsegnet_vgg16", weights=WeightsSpec("vgg16_deeplab_init.pth"))
BUDGET = Budget(iterations=150_000, total=250_000, every=5000)

ONE_LEVEL: dict[str, Any] = {"lambda_seg": 0.0, "lambda_adv_aux": 0.0}
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "single": ("AdaptSegNet on one level.", {**ONE_LEVEL, "lambda_adv": 0.001}),
    "multi": ("AdaptSegNet on two levels.", {"lambda_seg": 0.1, "lambda_adv": 0.001, "lambda_adv_aux": 0.0002}),
    "feature": ("AdaptSegNet's ablation in feature space.", {**ONE_LEVEL, "lambda_adv": 0.001, "space": "feature"}),
    "ls": ("AdaptSegNet on one level, least-squares criterion.", {**ONE_LEVEL, "lambda_adv": 0.01, "gan": "ls"}),
}
CITIES = ("rome", "rio", "tokyo", "taipei")


def adapted(benchmark: Benchmark, variant: str, name: str = "", published: Any = ()) -> Recipe:
    """AdaptSegNet's ``variant`` on ResNet-101; idle levels run and train as in the published code."""
    summary, options = VARIANTS[variant]
    method = MethodSpec.of("adaptsegnet", **options, official=True)
    name = name or f"adaptsegnet-{variant}"
    return deeplab_recipe(benchmark, name, summary, TWO_LEVELS, method, BUDGET, published=published)


def adapted_vgg(benchmark: Benchmark, published: Any = ()) -> Recipe:
    """One level on VGG-16."""
    summary, options = VARIANTS["single"]
    method = MethodSpec.of("adaptsegnet", **options)
    return deeplab_recipe(
        benchmark,
        "adaptsegnet-vgg-single",
        f"{summary.removesuffix('.')}, VGG-16.",
        VGG,
        method,
        BUDGET,
        rules=(),
        published=published,
    )


def source_only(benchmark: Benchmark, name: str, published: Any = ()) -> Recipe:
    """Source-only training of the single-head network."""
    summary = "without adaptation, DeepLab-v2 ResNet-101 in AdaptSegNet's setting."
    benchmark = replace(benchmark, target=None)
    return deeplab_recipe(benchmark, name, summary, ONE_HEAD, MethodSpec.of("supervised"), BUDGET, published=published)


def crosscity(*cities: str) -> Benchmark:
    """Cityscapes to ``cities`` of Cross-City; the first one is the target domain. Evaluations are named after them."""
    return Benchmark(
        family="cityscapes2crosscity",
        title=f"Cityscapes to {', '.join(city.capitalize() for city in cities)}",
        source=DatasetSpec("cityscapes"),
        source_size=TARGET_SIZE,
        target=DatasetSpec.of("crosscity", city=cities[0], labels=False),
        evaluations=tuple((city, DatasetSpec("crosscity", Options(city=city), split="test")) for city in cities),
        label_space="cityscapes13",
    )


for _source, _numbers in (("gta", GTA), ("synthia", SYNTHIA)):
    _benchmark = to_cityscapes(_source)
    register(source_only(_benchmark, "source-only-adaptsegnet", _numbers.get("source-only-adaptsegnet", ())))
    for _variant in VARIANTS:
        register(adapted(_benchmark, _variant, published=_numbers.get(f"adaptsegnet-{_variant}", ())))
    register(adapted_vgg(_benchmark, _numbers.get("adaptsegnet-vgg-single", ())))

register(source_only(crosscity(*CITIES), "source-only", CROSSCITY["source-only"]))
for _city in CITIES:
    for _variant in ("single", "multi"):
        _name = f"adaptsegnet-{_variant}-{_city}"
        register(adapted(crosscity(_city), _variant, _name, CROSSCITY.get(_name, ())))
