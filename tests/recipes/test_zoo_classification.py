"""Recipes of GKGNet and DSCL: published numbers, what the rows of a comparison share, sizes of the networks."""

from __future__ import annotations

import pytest

from udalib.recipes import get_recipe, list_recipes
from udalib.recipes.build import build_method
from udalib.recipes.comparisons import get_comparison


def test_published_numbers_are_those_of_the_sources() -> None:
    def values(name: str) -> list[float]:
        return [p.value for p in get_recipe(name).published]

    assert values("coco/gkgnet-576") == [87.65, 87.7]
    assert values("coco/gkgnet-448") == [86.7]
    assert values("coco/gkgnet-448-knn") == [85.5]
    assert values("coco/gkgnet-448-patch") == [82.5]
    assert values("voc2007/gkgnet") == [96.8]
    assert [values(f"{d}/vig-ti-{k}")[0] for d in ("imagenet", "flowers102") for k in ("knn", "group-knn")] == [
        78.2,
        79.3,
        83.6,
        87.2,
    ]
    assert values("imagenet-lt/dscl") == [52.6, 63.4, 50.0, 31.4]
    assert values("imagenet-lt/scl") == [51.2, 61.6, 48.6, 30.3]
    assert values("imagenet-lt/dscl-pbsd") == [57.7]
    assert not any(get_recipe(name).published for name in list_recipes("inaturalist2018/*") + list_recipes("cifar1*"))


def test_the_published_schedule_of_imagenet_lt() -> None:
    recipe = get_recipe("imagenet-lt/dscl-pbsd-features", "paper")
    epoch = -(-115_846 // 256)
    assert recipe.train.iterations == 200 * epoch
    assert recipe.schedule.options == {"warmup": 10 * epoch}
    assert (recipe.optimizer.lr, recipe.optimizer.weight_decay) == (0.1, 5e-4)
    assert get_recipe("imagenet-lt/dscl-pbsd").optimizer.lr == 10.0
    assert get_recipe("imagenet-lt/dscl-pbsd").streams[0].sampler.name == "class_balanced"


@pytest.mark.parametrize("name", ["streets-gkgnet", "streets-crops", "cifar10-lt"])
def test_rows_of_a_comparison_differ_in_what_they_compare_alone(name: str) -> None:
    comparison = get_comparison(name)
    assert len(comparison.seeds) == (3 if name == "cifar10-lt" else 5)
    rows = [get_recipe(row) for row in comparison.recipes]
    assert len({row.evaluations for row in rows}) == 1
    assert len({row.streams[0].dataset for row in rows}) == 1
    totals = {
        row.train.iterations + (get_recipe(row.start.recipe).train.iterations if row.start else 0) for row in rows
    }
    assert len(totals) == 1


def test_networks_of_the_streets_are_of_about_one_size() -> None:
    sizes = {
        name: sum(p.numel() for p in build_method(get_recipe(name, "quick")).network.parameters()) / 1e6
        for name in get_comparison("streets-gkgnet").recipes
    }
    assert sizes["streets/gkgnet"] == sizes["streets/gkgnet-knn"]
    assert all(0.33 < size < 0.53 for size in sizes.values()), sizes


def test_gkgnet_is_augmented_in_the_published_order() -> None:
    stream = get_recipe("coco/gkgnet-448", "paper").streams[0]
    assert [(t.name, t.options) for t in stream.sample_transforms] == [("crop_mixup", {"size": (448, 448)})]
    assert [t.name for t in stream.batch_transforms] == ["flip", "random_erasing", "jitter", "trivial_augment"]
    (evaluation,) = get_recipe("coco/gkgnet-448", "paper").evaluations
    assert [t.name for t in evaluation.sample_transforms] == ["pil_resize"]
    quick = get_recipe("coco/gkgnet-448", "quick").streams[0]
    assert quick.sample_transforms[0].options["size"] == (128, 128)
