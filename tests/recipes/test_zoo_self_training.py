"""DACS, DAFormer, HRDA and MIC: recipes against the facts sheets (daformer, mic_hrda), and runs on miniature trees."""

from __future__ import annotations

import dataclasses
from math import inf
from pathlib import Path
from typing import Any

import pytest
import torch
from published_size import paper, published_size

from udalib.core.errors import CheckpointError
from udalib.data import label_space
from udalib.engine.optim.schedules import Poly, WarmupPoly
from udalib.recipes import apply_overrides, get_recipe, list_recipes, run_recipe
from udalib.recipes.build import build_schedules
from udalib.recipes.networks import build_network

SYNTHETIC = ("gta2cityscapes", "synthia2cityscapes")
ADVERSE = ("cityscapes2acdc", "cityscapes2darkzurich")
DACS_ROWS = ("dacs-deeplabv2", "dacs-segformer-mit_b5", "daformer-ablation-no-warmup")
STRATEGY_ROWS = ("rcs-uniform", "rcs", "fd-everywhere", "fd", "fd-rcs", "strategies", "deeplabv2")
DECODER_ROWS = ("conv1", "aspp", "isa", "sepaspp_bottleneck")
ABLATION = [f"daformer-ablation-{row}" for row in (*STRATEGY_ROWS, *DECODER_ROWS)]
ONE_SCALE = [*DACS_ROWS, *ABLATION, "daformer", "daformer-mit_b3", "daformer-mit_b4", "mic-daformer", "mic-deeplabv2"]
MODERN = ["daformer-convnext_base", "daformer-dinov2_vitb14", "daformer-dinov3_vitb16"]
TWO_SCALES = ["hrda", "mic-hrda"]
ORACLES = [f"cityscapes/oracle-{name}" for name in ("deeplabv2", "segformer-mit_b5", "daformer")]

HRDA = [f"{family}/{name}" for family in (*SYNTHETIC, *ADVERSE) for name in TWO_SCALES]
ADAPTED = [f"{family}/{name}" for family in SYNTHETIC for name in ONE_SCALE]
ADAPTED += [f"{family}/{name}" for family in ADVERSE for name in ("daformer", "mic-daformer")]
PAPERS = [*ADAPTED, *HRDA]
ALL = [*PAPERS, *(f"gta2cityscapes/{name}" for name in MODERN), *ORACLES]

# daformer sheet 12.1 to 12.6, mic_hrda sheet 6: recipe, value, metric, whether a row of classes comes with it
MIOU, MIOU13, MIOU16 = "target/miou", "target/subsets/cityscapes13", "target/subsets/cityscapes16"
PUBLISHED = [
    ("gta2cityscapes/dacs-deeplabv2", 54.2, MIOU, False),
    ("gta2cityscapes/dacs-deeplabv2", 52.1, MIOU, False),
    ("gta2cityscapes/dacs-segformer-mit_b5", 58.2, MIOU, False),
    ("gta2cityscapes/daformer", 68.3, MIOU, True),
    ("gta2cityscapes/daformer", 68.85, MIOU, False),
    ("gta2cityscapes/daformer", 66.2, MIOU, False),
    ("gta2cityscapes/daformer", 67.1, MIOU, False),
    ("gta2cityscapes/daformer", 66.1, MIOU, False),
    ("gta2cityscapes/daformer-mit_b3", 67.91, MIOU, False),
    ("gta2cityscapes/daformer-mit_b4", 66.69, MIOU, False),
    ("gta2cityscapes/hrda", 73.8, MIOU, False),
    ("gta2cityscapes/mic-hrda", 75.9, MIOU, False),
    ("synthia2cityscapes/dacs-deeplabv2", 48.3, MIOU16, False),
    ("synthia2cityscapes/daformer", 60.9, MIOU16, True),
    ("synthia2cityscapes/daformer", 67.4, MIOU13, True),
    ("synthia2cityscapes/daformer", 51.0, MIOU, False),
    ("synthia2cityscapes/hrda", 65.8, MIOU16, False),
    ("synthia2cityscapes/mic-hrda", 74.0, MIOU13, False),
    ("cityscapes2acdc/daformer", 55.4, "target/test-server", False),
    ("cityscapes2acdc/hrda", 68.0, "target/test-server", False),
    ("cityscapes2acdc/mic-hrda", 70.4, "target/test-server", False),
    ("cityscapes2darkzurich/daformer", 53.8, "target/test-server", False),
    ("cityscapes2darkzurich/hrda", 55.9, "target/test-server", False),
    ("cityscapes2darkzurich/mic-hrda", 60.3, "target/test-server", False),
    ("cityscapes/oracle-deeplabv2", 72.1, MIOU, False),
    ("cityscapes/oracle-segformer-mit_b5", 76.4, MIOU, False),
    ("cityscapes/oracle-daformer", 77.6, MIOU, False),
]


def test_these_recipes_exist_and_no_other_has_their_methods() -> None:
    methods = ("dacs", "daformer", "hrda", "mic", "mic-hrda")
    found = {n for family in (*SYNTHETIC, *ADVERSE) for n in list_recipes(f"{family}/*")}
    assert {n for n in found if get_recipe(n).method.name in methods} == set(ALL) - set(ORACLES)
    assert set(list_recipes("cityscapes/oracle-*")) == set(ORACLES)


@pytest.mark.parametrize("name", ALL)
def test_published_numbers_are_in_the_sheets(name: str) -> None:
    numbers = paper(name).published
    own = [(name, p.value, p.metric, bool(p.classes)) for p in numbers]
    assert own == [entry for entry in PUBLISHED if entry[0] == name]
    assert all("test server" in p.note for p in numbers if p.metric == "target/test-server")
    for p in numbers:
        if p.classes:
            names = label_space({MIOU: "cityscapes19", MIOU13: "cityscapes13", MIOU16: "cityscapes16"}[p.metric]).names
            assert tuple(p.classes) == names
            # the mean was taken before rounding: 0.05 for itself and 0.05 for the rows, at most
            assert sum(p.classes.values()) / len(names) == pytest.approx(p.value, abs=0.1)


def test_the_authors_seeds_stand_in_a_note() -> None:
    assert "75.62, 76.03, 75.90" in paper("gta2cityscapes/mic-hrda").published[0].note


# daformer sheet 7, mic_hrda sheet 3: resize at half resolution, data set, folder's domain
SIZES = {
    "gta2cityscapes": ("gta5", (720, 1280), "cityscapes", (512, 1024), None),
    "synthia2cityscapes": ("synthia", (760, 1280), "cityscapes", (512, 1024), None),
    "cityscapes2acdc": ("cityscapes", (512, 1024), "acdc", (540, 960), None),
    "cityscapes2darkzurich": ("cityscapes", (512, 1024), "dark_zurich", (540, 960), "night"),
}


@pytest.mark.parametrize("name", [n for n in ALL if n not in ORACLES])
def test_data_is_read_as_published(name: str) -> None:
    recipe, scale = paper(name), 2 if name in HRDA else 1
    source_set, source_size, target_set, target_size, domain = SIZES[name.split("/")[0]]
    source, target = recipe.streams
    assert (source.name, target.name) == ("source", "target")
    assert (source.dataset.name, source.dataset.options) == (source_set, {})
    assert (target.dataset.name, target.dataset.options.get("domain")) == (target_set, domain)
    assert target.dataset.options["labels"] is False
    for stream, size in ((source, source_size), (target, target_size)):
        steps = {step.name: step.options for step in stream.sample_transforms}
        assert [n for n in steps if n != "valid_margins"] == ["resize", "crop", "flip", "pad"]
        assert steps["resize"] == {"size": (size[0] * scale, size[1] * scale), "keep_ratio": True}
        assert steps["crop"]["size"] == steps["pad"]["size"] == (512 * scale, 512 * scale)
        assert steps["crop"]["cat_max_ratio"] == (0.75 if stream is source else 1.0)
        assert (stream.batch_size, stream.batch_transforms, stream.workers) == (2, (), 4 if scale == 1 else 1)
        first = stream.sample_transforms[0]
        margins = first.options.get("margins")
        rectified = stream is target and scale == 2 and target_set == "cityscapes"
        assert margins == ((30, 240, 30, 30) if rectified else None)


@pytest.mark.parametrize("name", [n for n in ALL if n not in ORACLES])
def test_rare_classes_are_sampled_as_published(name: str) -> None:
    sampler, target = (stream.sampler for stream in paper(name).streams)
    assert target.name == "shuffle"
    without = (*DACS_ROWS, "daformer-ablation-fd", "daformer-ablation-fd-everywhere")
    if name.split("/")[1] in without:
        assert sampler.name == "shuffle"
        return
    ratio = 2.0 if name in HRDA else 0.5
    temperature = inf if name.endswith("rcs-uniform") else 0.01
    assert sampler.name == "rare_class"
    assert sampler.options == {"temperature": temperature, "min_pixels": 3000, "min_crop_ratio": ratio}


@pytest.mark.parametrize("name", [n for n in ALL if n not in ORACLES])
def test_training_steps_are_the_sheets(name: str) -> None:
    family, row = name.split("/")
    options = {"alpha": 0.99, "threshold": 0.968, "official": True}
    early = (*DACS_ROWS, *(f"daformer-ablation-{r}" for r in STRATEGY_ROWS[:5]))
    kind = "dacs" if row in (*DACS_ROWS, "daformer-ablation-rcs", "daformer-ablation-rcs-uniform") else "daformer"
    if kind != "dacs":
        options |= {"lambda_fd": 0.005, "fd_min_ratio": 0.75}
    if row == "daformer-ablation-fd-everywhere":
        options |= {"fd_everywhere": True}
    if row not in early:
        options |= {"alpha": 0.999}
        if family in SYNTHETIC and name not in HRDA:
            options |= {"ignore_top": 15, "ignore_bottom": 120}
    if name in HRDA:
        kind, options = "hrda", options | {"detail_weight": 0.1}
    if row.startswith("mic-"):
        kind = {"hrda": "mic-hrda"}.get(kind, "mic")
        options |= {"mask_block": 64 if name in HRDA else 32, "mask_ratio": 0.7, "lambda_mask": 1.0}
        options |= {"mask_domains": "both", "mask_augment": False} if family in ADVERSE else {"mask_domains": "target"}
    assert (paper(name).method.name, paper(name).method.options) == (kind, options)


DECODERS = {"conv1": "conv1", "aspp": "aspp", "isa": "isa", "sepaspp_bottleneck": "sepaspp_bottleneck"}


@pytest.mark.parametrize("name", [*PAPERS, *ORACLES])
def test_networks_are_the_published_ones(name: str) -> None:
    network, row = paper(name).network, name.split("/")[1].removeprefix("oracle-")
    assert network.encoder is not None
    assert network.decoder is not None
    deeplab = row.endswith("deeplabv2")
    variant = row.removeprefix("daformer-") if row.startswith("daformer-mit") else "mit_b5"
    segformer = "segformer" in row or row.removeprefix("daformer-ablation-") in (*STRATEGY_ROWS[:6], "no-warmup")
    wanted = "dlv2red" if deeplab else "segformer" if segformer else "daformer"
    assert network.encoder.name == ("resnet101_v1c_d8" if deeplab else variant)
    assert network.weights is not None
    assert network.weights.file == ("resnet101_v1c.pth" if deeplab else f"{variant}.pth")
    assert network.decoder.name == wanted
    assert network.decoder.options.get("fusion") == DECODERS.get(row.removeprefix("daformer-ablation-"))
    if name in HRDA:
        scales = network.multi_resolution
        assert scales is not None
        assert (scales.detail, scales.context_scale, scales.divisible) == ((512, 512), 0.5, 8)
        assert (scales.attention, scales.overlap) == ("classwise", True)
    else:
        assert network.multi_resolution is None


@pytest.mark.parametrize("name", [*PAPERS, *ORACLES])
def test_groups_and_rates_are_the_sheet_s(name: str) -> None:
    groups = published_size(name).optimizers()["main"].param_groups
    seen = set()
    for group in groups:
        assert (group["betas"], group["eps"]) == ((0.9, 0.999), 1e-8)
        for parameter in group["parameter_names"]:
            head = parameter.startswith("decoder.")
            rate, decay = (6e-4, 0.01) if head else (6e-5, 0.0 if "norm" in parameter else 0.01)
            assert (group["lr"], group["weight_decay"]) == (pytest.approx(rate), decay), parameter
            seen.add(parameter)
    network: Any = published_size(name).network
    assert seen == {n for n, _ in network.named_parameters()}
    assert any(n.startswith("decoder.scale_attention.") for n in seen) is (name in HRDA)


@pytest.mark.parametrize("name", [n for n in ALL if not n.endswith("no-warmup")])
def test_schedule_is_the_sheet_s(name: str) -> None:
    recipe = paper(name)
    assert (recipe.train.iterations, recipe.train.evaluate_every) == (40_000, 4000)
    schedule = build_schedules(recipe, published_size("gta2cityscapes/dacs-deeplabv2"))["main"]
    assert schedule == WarmupPoly(40_000, power=1.0, min_lr=0.0, warmup=1500, ratio=1e-6)


def test_rates_that_the_sheet_quotes() -> None:
    method = published_size("gta2cityscapes/daformer")
    schedule = build_schedules(paper("gta2cityscapes/daformer"), method)["main"]
    assert schedule(6e-5, 0) == pytest.approx(6e-11)
    assert schedule(6e-5, 49) == pytest.approx(1.958e-6, abs=5e-10)
    assert schedule(6e-5, 1500) == pytest.approx(5.775e-5)


def test_without_warm_up_the_encoder_s_rate_rises() -> None:
    recipe = paper("gta2cityscapes/daformer-ablation-no-warmup")
    schedule = build_schedules(recipe, published_size(recipe.name))["main"]
    assert schedule == Poly(40_000, power=1.0, min_lr=1e-4)
    assert schedule(6e-5, 0) == 6e-5
    assert schedule(6e-5, 39_999) == pytest.approx(1e-4, rel=1e-4)
    assert "RISES" in recipe.summary


@pytest.mark.parametrize("name", ["gta2cityscapes/daformer", "gta2cityscapes/hrda"])
def test_dropout_of_paths_and_maps(name: str) -> None:
    network: Any = published_size(name).network
    rates = [m.drop_prob for m in network.encoder.modules() if type(m).__name__ == "DropPath"]
    assert (len(rates), max(rates)) == (51, pytest.approx(0.1, abs=1e-6))  # the first of 52 blocks has none
    maps = [m.p for m in network.decoder.modules() if isinstance(m, torch.nn.Dropout2d)]
    assert set(maps) == {0.1}


@pytest.mark.parametrize("name", ALL)
def test_whole_images_or_windows_are_scored(name: str) -> None:
    recipe = paper(name)
    family = "gta2cityscapes" if name in ORACLES else name.split("/")[0]
    (evaluation,) = recipe.evaluations
    scale, (_, _, dataset, size, domain) = 2 if name in HRDA else 1, SIZES[family]
    assert (evaluation.name, evaluation.dataset.name, evaluation.dataset.split) == ("target", dataset, "val")
    assert evaluation.dataset.options == ({} if domain is None else {"domain": domain})
    (resize,) = evaluation.transforms
    assert (resize.name, resize.options) == ("resize", {"size": (size[0] * scale, size[1] * scale)})
    windows = {"crop": (1024, 1024), "stride": (512, 512)} if name in HRDA else {}
    assert evaluation.inference.options == windows
    synthia = family == "synthia2cityscapes"
    assert evaluation.subsets == (("cityscapes16", "cityscapes13") if synthia else ())


@pytest.mark.parametrize("name", ORACLES)
def test_oracles_learn_from_labels_of_the_target(name: str) -> None:
    (stream,) = paper(name).streams
    assert (stream.name, stream.dataset.name, stream.dataset.split) == ("target", "cityscapes", "train")
    assert stream.dataset.options.get("labels", True)
    assert stream.sample_transforms[1].options["cat_max_ratio"] == 0.75
    assert paper(name).method.options == {"loss": "official", "stream": "target"}


# beyond the papers: encoder's rate, and a parameter of each kind with (rate, decay)
RATES = {
    "daformer-convnext_base": (6e-5, "encoder.body.stages_0.blocks.0.gamma"),
    "daformer-dinov2_vitb14": (1e-5, "encoder.body.model.pos_embed"),
    "daformer-dinov3_vitb16": (1e-5, "encoder.body.model.reg_token"),
}


@pytest.mark.parametrize("name", MODERN)
def test_modern_backbones_have_rates_of_their_own(name: str) -> None:
    method: Any = published_size(f"gta2cityscapes/{name}")
    rate, undecayed = RATES[name]
    found = {n: (g["lr"], g["weight_decay"]) for g in method.optimizer.param_groups for n in g["parameter_names"]}
    for parameter, (lr, decay) in found.items():
        new = parameter.startswith(("decoder.", "encoder.neck."))
        assert lr == pytest.approx(6e-4 if new else rate), parameter
        still = not new and any(word in parameter for word in ("norm", "gamma", "token", "pos_embed"))
        assert decay == (0.0 if still else 0.01), parameter
    assert found[undecayed][1] == 0.0
    assert method.network.encoder.strides == (4, 8, 16, 32)
    assert method.network.decode(method.network.features(torch.rand(1, 3, 512, 512, device="meta"))).shape[2:] == (
        128,
        128,
    )
    assert "beyond the papers" in paper(f"gta2cityscapes/{name}").summary


def test_weights_of_modern_backbones_are_asked_for_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UDALIB_WEIGHTS", str(tmp_path))
    spec = paper("gta2cityscapes/daformer-dinov3_vitb16").network
    with pytest.raises(CheckpointError, match=r"vit_base_patch16_dinov3\.lvd1689m\.safetensors"), torch.device("meta"):
        build_network(spec, 19)


TINY = {"vit_pyramid": "vit_pyramid:vit_tiny_patch16_224", "timm": "timm:convnext_atto", "mit_b5": "mit_b0"}
TINY["resnet101_v1c_d8"] = "resnet50_v1c_d8"
SMALL_PIXELS = {"min_pixels": 20, "min_crop_ratio": 0.03}
NARROW = {"daformer": {"channels": 16, "embed_dims": 16}, "segformer": {"embed_dim": 16}}


def small(name: str) -> dict[str, Any]:
    """Overrides for a run of two iterations on trees of 64 x 128 pixels."""
    quick = get_recipe(name, "quick")
    encoder = quick.network.encoder
    assert encoder is not None
    changes: dict[str, Any] = {"train.iterations": 2, "train.progress": False}
    family = encoder.name.split(":")[0]
    changes["network.encoder.name"] = TINY.get(family, encoder.name)
    changes["evaluations.target.transforms.resize.size"] = (64, 128)
    decoder = quick.network.decoder
    assert decoder is not None
    changes |= {f"network.decoder.{key}": width for key, width in NARROW.get(decoder.name, {}).items()}
    for stream in quick.streams:
        steps = [step.name for step in stream.sample_transforms]
        changes |= {
            f"streams.{stream.name}.sample_transforms.{s}.size": (64, 64) for s in steps if s in ("crop", "pad")
        }
        if "valid_margins" in steps:
            changes[f"streams.{stream.name}.sample_transforms.valid_margins.margins"] = (2, 15, 2, 2)
        if stream.sampler.name == "rare_class":
            changes |= {f"streams.{stream.name}.sampler.{key}": value for key, value in SMALL_PIXELS.items()}
    if quick.network.multi_resolution is not None:
        changes |= {"network.multi_resolution.detail": (32, 32), "network.multi_resolution.attention_channels": 16}
        changes |= {"evaluations.target.inference.crop": (64, 64), "evaluations.target.inference.stride": (32, 32)}
    return changes


RUNS = {
    "gta2cityscapes/dacs-segformer-mit_b5": {"loss_source", "loss_mixed"},
    "gta2cityscapes/daformer-ablation-no-warmup": {"loss_source", "loss_mixed"},
    "synthia2cityscapes/daformer": {"loss_source", "loss_mixed", "loss_fd"},
    "gta2cityscapes/daformer-ablation-deeplabv2": {"loss_source", "loss_mixed", "loss_fd"},
    "cityscapes2acdc/mic-daformer": {"loss_source", "loss_mixed", "loss_fd", "loss_masked"},
    "gta2cityscapes/hrda": {"loss_source_fused", "loss_source_detail", "loss_fd"},
    "cityscapes2darkzurich/mic-hrda": {"loss_masked_fused", "loss_mixed_detail"},
    "gta2cityscapes/daformer-dinov2_vitb14": {"loss_source", "loss_mixed", "loss_fd"},
    "gta2cityscapes/daformer-convnext_base": {"loss_source", "loss_mixed", "loss_fd"},
    "cityscapes/oracle-segformer-mit_b5": {"loss"},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", RUNS)
def test_recipes_run_on_miniature_trees(
    real_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("UDALIB_CACHE", str(tmp_path / "cache"))
    result = run_recipe(name, "quick", 0, "cpu", small(name), tmp_path / "runs")
    assert 0 <= result.results["target/miou"] <= 1
    assert result.results["target/images"] == 2
    logged = (result.folder / "metrics.jsonl").read_text()
    for key in RUNS[name]:
        assert f'"{key}"' in logged or f'/{key}"' in logged, logged


def test_presets_shrink_pixels_and_nothing_else() -> None:
    for name in ALL:
        published = paper(name)
        for preset in ("quick", "laptop"):
            recipe = get_recipe(name, preset)
            assert recipe.method.name == published.method.name
            changed = {k for k, v in recipe.method.options.items() if published.method.options[k] != v}
            assert changed <= {"ignore_top", "ignore_bottom", "mask_block"}
            assert recipe.optimizer == published.optimizer
            crops = {
                s.options["size"] for stream in recipe.streams for s in stream.sample_transforms if s.name == "crop"
            }
            assert crops == {(128, 128)}
            rest = apply_overrides(dataclasses.replace(published, preset=preset), dict(published.presets[preset]))
            assert rest == recipe
