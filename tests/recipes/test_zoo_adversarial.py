"""AdaptSegNet's and ADVENT's recipes against the facts sheets: settings, groups, schedules, published numbers; runs."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
from published_size import paper, published_size
from torch import Tensor

from udalib.core.errors import CheckpointError, ConfigError
from udalib.data import label_space
from udalib.engine.optim.build import OptimizerSpec, build_optimizer
from udalib.methods.adaptsegnet import AdaptSegNet
from udalib.recipes import apply_overrides, get_recipe, list_recipes, run_recipe
from udalib.recipes.build import build_dataset, build_schedules
from udalib.recipes.networks import build_network

CITIES = ("rome", "rio", "tokyo", "taipei")
BENCHMARKS = ("gta2cityscapes", "synthia2cityscapes")
VARIANTS = ("single", "multi", "feature", "ls", "vgg-single")
ADAPTSEGNET = [f"{family}/adaptsegnet-{variant}" for family in BENCHMARKS for variant in VARIANTS]
ADAPTSEGNET += [f"cityscapes2crosscity/adaptsegnet-{variant}-{city}" for variant in VARIANTS[:2] for city in CITIES]
ADVENT = [f"{family}/{method}" for family in BENCHMARKS for method in ("advent", "minent")]
SOURCE_ONLY = [*(f"{family}/source-only-adaptsegnet" for family in BENCHMARKS), "cityscapes2crosscity/source-only"]
ALL = [*ADAPTSEGNET, *ADVENT, *SOURCE_ONLY]
RESNET = [name for name in ALL if "vgg" not in name]

# adaptsegnet sheet 4; advent sheet 5: lambda_seg, main weight, auxiliary weight, criterion
LAMBDAS = {
    "adaptsegnet-single": (0.0, 0.001, 0.0, "vanilla"),
    "adaptsegnet-vgg-single": (0.0, 0.001, 0.0, "vanilla"),
    "adaptsegnet-feature": (0.0, 0.001, 0.0, "vanilla"),
    "adaptsegnet-ls": (0.0, 0.01, 0.0, "ls"),
    "adaptsegnet-multi": (0.1, 0.001, 0.0002, "vanilla"),
    "gta2cityscapes/advent": (0.1, 0.001, 0.0002, "vanilla"),
    "gta2cityscapes/minent": (0.1, 0.001, 0.0002, None),
    "synthia2cityscapes/advent": (0.0, 0.001, 0.0, "vanilla"),
    "synthia2cityscapes/minent": (0.0, 0.001, 0.0, None),
}

# adaptsegnet sheet 11, advent sheet 7: recipe, value, metric; typed from the sheets
PUBLISHED = [
    ("gta2cityscapes/source-only-adaptsegnet", 36.6, "target/miou"),
    ("gta2cityscapes/source-only-adaptsegnet", 35.95, "target/miou"),
    ("gta2cityscapes/source-only-adaptsegnet", 37.3, "target/miou"),
    ("gta2cityscapes/adaptsegnet-feature", 39.3, "target/miou"),
    ("gta2cityscapes/adaptsegnet-single", 41.4, "target/miou"),
    ("gta2cityscapes/adaptsegnet-multi", 42.4, "target/miou"),
    ("gta2cityscapes/adaptsegnet-multi", 42.5, "target/miou"),
    ("gta2cityscapes/adaptsegnet-multi", 39.5, "target/miou"),
    ("gta2cityscapes/adaptsegnet-multi", 42.0, "target/miou"),
    ("gta2cityscapes/adaptsegnet-ls", 44.1, "target/miou"),
    ("gta2cityscapes/adaptsegnet-vgg-single", 35.0, "target/miou"),
    ("synthia2cityscapes/source-only-adaptsegnet", 41.5, "target/subsets/cityscapes13"),
    ("synthia2cityscapes/adaptsegnet-multi", 46.7, "target/subsets/cityscapes13"),
    ("synthia2cityscapes/adaptsegnet-vgg-single", 37.6, "target/subsets/cityscapes13"),
    ("gta2cityscapes/advent", 43.8, "target/miou"),
    ("gta2cityscapes/minent", 42.2, "target/miou"),
    ("synthia2cityscapes/advent", 47.6, "target/subsets/cityscapes13"),
    ("synthia2cityscapes/advent", 47.9, "target/subsets/cityscapes13"),
    ("cityscapes2crosscity/source-only", 51.0, "rome/miou"),
    ("cityscapes2crosscity/source-only", 48.9, "rio/miou"),
    ("cityscapes2crosscity/source-only", 47.8, "tokyo/miou"),
    ("cityscapes2crosscity/source-only", 46.3, "taipei/miou"),
    ("cityscapes2crosscity/source-only", 48.2, "rio/miou"),
    ("cityscapes2crosscity/adaptsegnet-multi-rio", 51.6, "rio/miou"),
]
ROWS = {
    "gta2cityscapes/source-only-adaptsegnet",
    "gta2cityscapes/adaptsegnet-multi",
    "gta2cityscapes/adaptsegnet-vgg-single",
    "gta2cityscapes/advent",
    "synthia2cityscapes/adaptsegnet-multi",
    "synthia2cityscapes/adaptsegnet-vgg-single",
}


def main_groups(name: str) -> list[dict[str, Any]]:
    return published_size(name).optimizers()["main"].param_groups


def test_the_issue_s_recipes_exist() -> None:
    families = (*BENCHMARKS, "cityscapes2crosscity")
    found = {name for family in families for name in list_recipes(f"{family}/*")}
    adversarial = {name for name in found if get_recipe(name).method.name in ("adaptsegnet", "advent", "minent")}
    assert adversarial == set(ALL) - set(SOURCE_ONLY)
    assert set(SOURCE_ONLY) <= found


@pytest.mark.parametrize("name", [*ADAPTSEGNET, *ADVENT])
def test_weights_of_the_losses_are_the_sheets(name: str) -> None:
    key = name if name in LAMBDAS else next(k for k in LAMBDAS if k in name)
    options = paper(name).method.options
    term = "lambda_ent" if "minent" in name else "lambda_adv"
    gan = None if "minent" in name else options.get("gan", "vanilla")
    assert (options["lambda_seg"], options[term], options[f"{term}_aux"], gan) == LAMBDAS[key]
    assert options.get("space", "output") == ("feature" if "feature" in name else "output")
    one_output = "vgg" in name or name in ("synthia2cityscapes/advent", "synthia2cityscapes/minent")
    assert options.get("official", False) is not one_output
    assert "lambda_prior" not in options


@pytest.mark.parametrize("name", ALL)
def test_data_is_read_as_published(name: str) -> None:
    recipe = paper(name)
    sizes = {"gta5": (720, 1280), "synthia": (760, 1280), "cityscapes": (512, 1024), "crosscity": (512, 1024)}
    assert [stream.name for stream in recipe.streams] == ["source"] if name in SOURCE_ONLY else ["source", "target"]
    for stream in recipe.streams:
        (resize,) = stream.sample_transforms
        assert (resize.name, resize.options) == ("pil_resize", {"size": sizes[stream.dataset.name]})
        assert (stream.batch_size, stream.batch_transforms, stream.workers) == (1, (), 4)
        assert stream.dataset.options.get("labels", True) is (stream.name == "source")
    for evaluation in recipe.evaluations:
        (resize,) = evaluation.sample_transforms
        assert (resize.name, resize.options["size"]) == ("pil_resize", (512, 1024))


@pytest.mark.parametrize("name", RESNET)
def test_groups_repeat_the_backbone_and_train_heads_ten_times_faster(name: str) -> None:
    groups = main_groups(name)
    assert {(g["weight_decay"], g["momentum"], g.get("nesterov", False)) for g in groups} == {(5e-4, 0.9, False)}
    backbone = {g.get("visits", 1): len(g["params"]) for g in groups if g["initial_lr"] == 2.5e-4}
    assert backbone == {1: 1, 3: 99, 4: 4}
    assert (sum(backbone.values()), sum(v * n for v, n in backbone.items())) == (104, 314)
    (heads,) = [g for g in groups if g["initial_lr"] != 2.5e-4]
    two = ("adaptsegnet" in name and name not in SOURCE_ONLY) or (name.startswith("gta2cityscapes/") and name in ADVENT)
    assert heads["initial_lr"] == pytest.approx(2.5e-3)
    assert len(heads["params"]) == (16 if two else 8)
    assert all(n.startswith("decoder.layer") for n in heads["parameter_names"])


@pytest.mark.parametrize("name", [n for n in ALL if "vgg" in n])
def test_vgg_has_one_group(name: str) -> None:
    (group,) = main_groups(name)
    assert (group["lr"], len(group["params"]), group.get("visits", 1)) == (2.5e-4, 38, 1)
    assert sum(p.numel() for p in published_size(name).network.parameters()) == 29_573_004


@pytest.mark.parametrize("name", [n for n in RESNET if n.startswith("gta") and n not in SOURCE_ONLY])
def test_two_level_networks_have_the_published_size(name: str) -> None:
    network: Any = published_size(name).network
    assert sum(p.numel() for p in network.parameters()) == 44_601_560
    assert len(network.state_dict()) == 640
    branches = {m.active_branches for m in network.modules() if hasattr(m, "active_branches")}
    assert branches == ({4} if name in ADVENT else {2})


@pytest.mark.parametrize("name", [*ADAPTSEGNET, *ADVENT])
def test_discriminators_are_the_published_ones(name: str) -> None:
    method: Any = published_size(name)
    optimizers = {key: o for key, o in method.optimizers().items() if key != "main"}
    one = any(word in name for word in ("feature", "vgg")) or name == "synthia2cityscapes/advent"
    levels = {"discriminator_main"} if one else {"discriminator_main", "discriminator_aux"}
    assert set(optimizers) == (set() if "minent" in name else levels)
    for key, optimizer in optimizers.items():
        (group,) = optimizer.param_groups
        assert (type(optimizer).__name__, group["lr"], group["betas"]) == ("Adam", 1e-4, (0.9, 0.99))
        assert group["weight_decay"] == 0
        discriminator = method.discriminators[key.removeprefix("discriminator_")]
        channels = 2048 if "feature" in name else label_space(paper(name).label_space).num_classes
        assert (discriminator.channels, discriminator.stride) == (channels, 32)
        size = sum(p.numel() for p in discriminator.parameters())
        assert size == {19: 2_781_121, 2048: 4_858_817}.get(channels, size)


# recipes, iterations, where the rate would reach 0, rates of the last iteration (golden lr_schedule_and_groups)
ENDS = [
    ("adaptsegnet", [*ADAPTSEGNET, *SOURCE_ONLY], 150_000, 250_000, 1.09596809e-4, 4.38387236e-5),
    ("advent, GTA5", ADVENT[:2], 120_000, 250_000, 1.38786117e-4, 5.55144467e-5),
    ("advent, SYNTHIA", ADVENT[2:], 90_000, 90_000, 2.5e-4 * (1 / 90_000) ** 0.9, 1e-4 * (1 / 90_000) ** 0.9),
]


@pytest.mark.parametrize(
    ("name", "iterations", "total", "lr", "lr_d"), [(name, *end[2:]) for end in ENDS for name in end[1]]
)
def test_schedules_end_before_they_reach_zero(name: str, iterations: int, total: int, lr: float, lr_d: float) -> None:
    recipe, method = paper(name), published_size(name)
    assert (recipe.train.iterations, recipe.schedule.options) == (iterations, {"power": 0.9, "total": total})
    assert recipe.train.evaluate_every == (2000 if name in ADVENT else 5000)
    schedules = build_schedules(recipe, method)
    for key, optimizer in method.optimizers().items():
        bases = {group.get("initial_lr", group["lr"]) for group in optimizer.param_groups}
        rates = {schedules[key](base, iterations - 1) for base in bases}
        wanted = lr if key == "main" else lr_d
        assert min(rates) == pytest.approx(wanted, rel=1e-6)
        assert max(rates) <= 10.0001 * wanted


@pytest.mark.parametrize("name", ALL)
def test_start_weights_and_classes(name: str) -> None:
    recipe = paper(name)
    files = {True: "DeepLab_resnet_pretrained_imagenet.pth", False: "DeepLab_resnet_pretrained_init-f81d91e8.pth"}
    assert recipe.network.weights is not None
    assert recipe.network.weights.part == "encoder"
    if "vgg" not in name:
        assert recipe.network.weights.file == files[name in ADVENT]
    spaces = {"gta": "cityscapes19", "synthia": "cityscapes19", "cityscapes": "cityscapes13"}
    wanted = "cityscapes16" if name in ADVENT[2:] else spaces[name.split("2")[0]]
    assert recipe.label_space == wanted


@pytest.mark.parametrize("name", ALL)
def test_published_numbers_are_in_the_sheets(name: str) -> None:
    numbers = paper(name).published
    assert {(name, p.value, p.metric) for p in numbers} == {entry for entry in PUBLISHED if entry[0] == name}
    assert any(p.classes for p in numbers) is (name in ROWS)
    for number in numbers:
        names = label_space("cityscapes13" if number.metric.endswith("13") else "cityscapes19").names
        if number.classes:
            assert tuple(number.classes) == names
            # the published mean was taken before rounding: 0.05 for itself and 0.05 for the rows, at most
            assert sum(number.classes.values()) / len(names) == pytest.approx(number.value, abs=0.1)


def small(recipe: str, **changes: Any) -> dict[str, Any]:
    """Overrides for the smallest run that the method admits: ResNet-18, 32 x 64, two iterations."""
    quick = get_recipe(recipe, "quick")
    places = [f"streams.{s.name}" for s in quick.streams] + [f"evaluations.{e.name}" for e in quick.evaluations]
    sizes = {f"{place}.sample_transforms.pil_resize.size": (32, 64) for place in places}
    depth = {} if "vgg" in recipe else {"network.depth": 18}
    return {**sizes, **depth, "train.iterations": 2, "train.progress": False, **changes}


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "gta2cityscapes/adaptsegnet-multi",
        "gta2cityscapes/adaptsegnet-feature",
        "gta2cityscapes/minent",
        "synthia2cityscapes/adaptsegnet-vgg-single",
        "cityscapes2crosscity/adaptsegnet-single-rio",
        "cityscapes2crosscity/source-only",
    ],
)
def test_recipes_run_on_miniature_trees(real_data: Path, tmp_path: Path, name: str) -> None:
    result = run_recipe(name, "quick", 0, "cpu", small(name), tmp_path / "runs")
    for evaluation in result.recipe.evaluations:
        assert 0 <= result.results[f"{evaluation.name}/miou"] <= 1
        assert result.results[f"{evaluation.name}/images"] == 2


@pytest.mark.slow
@pytest.mark.parametrize(("name", "classes"), [("adaptsegnet-single", 19), ("advent", 16)])
def test_synthia_never_shows_some_classes_and_is_scored_over_those_it_has(
    real_data: Path, tmp_path: Path, name: str, classes: int
) -> None:
    name = f"synthia2cityscapes/{name}"
    result = run_recipe(name, "quick", 0, "cpu", small(name), tmp_path / "runs")
    assert result.method is not None
    assert result.method.predict(torch.rand(1, 3, 32, 64)).shape == (1, classes, 32, 64)
    assert len(result.results["target/iou"]) == classes
    subsets = {"cityscapes13"} if classes == 16 else {"cityscapes13", "cityscapes16"}
    assert set(result.results["target/subsets"]) == subsets


def test_labels_of_classes_that_a_network_lacks_become_255(real_data: Path) -> None:
    recipe = get_recipe("synthia2cityscapes/advent", "quick")
    target = build_dataset(recipe.evaluations[0].dataset, recipe.label_space)[0]["label"]
    source = build_dataset(recipe.streams[0].dataset, recipe.label_space)[0]["label"]
    names = (*label_space("cityscapes16").names, "ignored")
    found = [{names[min(int(i), 16)] for i in label.unique()} for label in (target, source)]
    assert found[0] == {"road", "building", "car", "ignored"}  # raw ids 7, 11, 26; terrain 22 and truck 27
    assert found[1] == {"sky", "building", "road", "car", "ignored"}  # raw ids 1, 2, 3, 8; 14 and terrain 16
    assert target.unique().tolist()[-1] == 255


def test_a_discriminator_for_other_classes_is_refused() -> None:
    network = build_network(get_recipe("streets/source-only").network, 13)
    method = AdaptSegNet(
        network,
        build_optimizer(OptimizerSpec("sgd"), network.named_parameters()),
        num_classes=19,
        lambda_seg=0.0,
        lambda_adv_aux=0.0,
    )
    batch = {"image": torch.rand(1, 3, 32, 64), "label": torch.zeros(1, 32, 64, dtype=torch.long)}
    with pytest.raises(ConfigError, match="made for 19 channels and got a map of 13"):
        method.step({"source": batch, "target": batch}, 0)


def start_file(state: dict[str, Tensor], classes: int) -> dict[str, Tensor]:
    """Start weights as published: another prefix, and a classifier on 2048 channels that is to be skipped."""
    own = {f"Scale.{n}": torch.full_like(w, 0.5).half() for n, w in state.items() if "num_batches" not in n}
    for branch in range(4):
        own[f"Scale.layer5.conv2d_list.{branch}.weight"] = torch.full((classes, 2048, 3, 3), 0.25).half()
        own[f"Scale.layer5.conv2d_list.{branch}.bias"] = torch.full((classes,), 0.25).half()
    return own


@pytest.mark.slow
@pytest.mark.parametrize("classes", [19, 21])
@pytest.mark.parametrize(
    "name", ["gta2cityscapes/adaptsegnet-multi", "gta2cityscapes/source-only-adaptsegnet", "synthia2cityscapes/advent"]
)
def test_start_weights_fill_the_encoder_and_skip_layer5(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, classes: int
) -> None:
    monkeypatch.setenv("UDALIB_WEIGHTS", str(tmp_path))
    spec = apply_overrides(paper(name).network, {"depth": 50})
    torch.manual_seed(0)
    bare = build_network(dataclasses.replace(spec, weights=None), classes)
    assert spec.weights is not None
    torch.save(start_file(bare.encoder.state_dict(), 21), tmp_path / spec.weights.file)
    torch.manual_seed(0)
    filled = build_network(spec, classes)
    values = {n: w for n, w in filled.encoder.state_dict().items() if "num_batches" not in n}
    assert all(bool((w == 0.5).all()) for w in values.values())
    for key, weight in filled.decoder.state_dict().items():
        assert torch.equal(weight, bare.decoder.state_dict()[key]), key


def test_a_file_of_another_network_is_no_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UDALIB_WEIGHTS", str(tmp_path))
    spec = paper("gta2cityscapes/adaptsegnet-vgg-single").network
    assert spec.weights is not None
    encoder = build_network(dataclasses.replace(spec, weights=None), 19).encoder.state_dict()
    kept = {name: weight for name, weight in encoder.items() if int(name.split(".")[1]) < 23}
    torch.save(kept, tmp_path / spec.weights.file)
    with pytest.raises(CheckpointError, match="do not fill the encoder.*features.23"):
        build_network(spec, 19)
