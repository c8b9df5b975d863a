"""Multi-label training and both stages of DSCL: they learn, are scored, and refuse what does not fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from udalib.core.errors import ConfigError, DataError
from udalib.data import custom_space
from udalib.data.sets.long_tail import SmallPictures
from udalib.engine.evaluation.long_tail import LongTailEvaluator
from udalib.engine.evaluation.multi_label import MultiLabelEvaluator
from udalib.methods import create_method
from udalib.models import create_network
from udalib.recipes import run_recipe

SPACE = custom_space("colours", ["red", "green", "blue"])


class Colours:
    """Noise with any of three colours added; ``classes`` says which."""

    name = "colours"

    def __len__(self) -> int:
        return 16

    def __getitem__(self, index: int) -> dict[str, Any]:
        shown = torch.tensor([index >> bit & 1 for bit in range(3)], dtype=torch.int8)
        noise = torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(index))
        image = (noise * 80 + 150 * shown[:, None, None]).to(torch.uint8)
        areas = shown.float() * (100 if index % 2 else 5000)
        return {"image": image, "classes": shown, "areas": areas, "target": torch.tensor(index % 3), "name": str(index)}


def batch() -> dict[str, Any]:
    samples = [Colours()[i] for i in range(16)]
    joined = {key: torch.stack([s[key] for s in samples]) for key in ("image", "classes", "target")}
    return {**joined, "image": joined["image"].float() / 255}


def method(name: str, **options: Any) -> Any:
    torch.manual_seed(0)
    network = create_network("pooled-streets", num_classes=3)
    return create_method(name, network, torch.optim.AdamW(network.parameters(), lr=5e-3), 3, **options)


def test_multi_label_training_learns_and_is_scored() -> None:
    made = method("multi-label")
    losses = [float(made.step({"labelled": batch()}, i)["loss"]) for i in range(20)]
    assert losses[-1] < 0.7 * losses[0]
    scores = MultiLabelEvaluator(Colours(), SPACE, batch_size=5).evaluate(made.eval().predict)
    assert scores["map"] > 0.95
    assert scores["images"] == 16
    assert {"map_small", "map_medium", "cf1", "of1_top3", "of1_top3_official"} <= set(scores)


def test_a_batch_without_any_label_is_trained_on() -> None:
    data = batch()
    data["classes"] = torch.zeros_like(data["classes"])
    assert np.isfinite(float(method("multi-label").step({"labelled": data}, 0)["loss"]))


def test_what_multi_label_training_refuses() -> None:
    data = batch()
    with pytest.raises(DataError, match=r"needs `classes` \(16, 3\) .* hold none"):
        method("multi-label").step({"labelled": {"image": data["image"]}}, 0)
    with pytest.raises(ConfigError, match="nor both 0"):
        method("multi-label", bce_weight=0.0, asymmetric_weight=0.0)
    network = create_network("streets", num_classes=3)
    made = create_method("multi-label", network, torch.optim.SGD(network.parameters(), 0.1), 3)
    with pytest.raises(ConfigError, match="one logit a class"):
        made.step({"labelled": data}, 0)
    with pytest.raises(ConfigError, match=r"predicts \(8, 2\)"):
        MultiLabelEvaluator(Colours(), SPACE, batch_size=8).evaluate(lambda x: x.new_zeros(len(x), 2))


OPTIONS = {"dim": 16, "queue": 64, "view": (16, 16), "patches": 2, "patch_size": 16, "momentum": 0.9}


def test_dscl_fills_its_queue_and_moves_its_keys() -> None:
    made = method("dscl", **OPTIONS)
    key = made.key.network.fc[0].weight.clone()
    logs = [made.step({"labelled": batch()}, i) for i in range(3)]
    assert set(logs[0]) == {"loss", "loss_contrast", "loss_patches"}
    assert (made.queue.labels >= 0).sum() == 48
    assert not key.equal(made.key.network.fc[0].weight)
    assert all(p.grad is None for p in made.key.parameters())
    assert made.eval().predict(batch()["image"]).shape == (16, 3)


def test_without_distillation_no_patch_is_cut() -> None:
    made = method("dscl", **OPTIONS, patch_weight=0.0, positives="alike")
    assert made.views.patches == 0
    assert float(made.step({"labelled": batch()}, 0)["loss_patches"]) == 0


@pytest.mark.parametrize("official", [False, True])
def test_the_second_stage_trains_the_linear_layer_alone(official: bool) -> None:
    made = method("linear-classifier", official=official).train()
    before = {k: v.clone() for k, v in made.network.state_dict().items()}
    losses = [float(made.step({"labelled": batch()}, i)["loss"]) for i in range(10)]
    assert losses[-1] < losses[0]
    moved = {k for k, v in made.network.state_dict().items() if not v.equal(before[k])}
    assert all("running" in k or "num_batches" in k for k in moved)
    assert bool(moved) is official


def test_what_dscl_refuses() -> None:
    with pytest.raises(ConfigError, match="a queue of 0 features"):
        method("dscl", **{**OPTIONS, "queue": 0})
    with pytest.raises(ConfigError, match="positives 'some'"):
        method("dscl", **OPTIONS, positives="some")
    with pytest.raises(DataError, match="one class a picture"):
        method("dscl", **OPTIONS).step({"labelled": {"image": batch()["image"]}}, 0)


def test_the_long_tail_evaluator_needs_the_training_part() -> None:
    with pytest.raises(DataError, match="does not know how many training pictures"):
        LongTailEvaluator(Colours(), SPACE).evaluate(lambda x: x.new_zeros(len(x), 3))
    images = np.zeros((6, 3, 8, 8), dtype=np.uint8)
    pictures = SmallPictures("p", images, np.arange(6) % 3, "cityscapes_things", [500, 50, 5, *[50] * 7], ".")
    pictures.label_space = SPACE
    pictures.class_counts = [500, 50, 5]
    scores = LongTailEvaluator(pictures, SPACE, batch_size=4).evaluate(lambda x: torch.eye(3)[[0] * len(x)])
    assert (scores["many"], scores["medium"], scores["few"]) == (1.0, 0.0, 0.0)


@pytest.mark.slow
def test_both_stages_run_from_their_recipes(tmp_path) -> None:
    tiny = {"train.iterations": 3, "train.progress": False}
    result = run_recipe("streets-crops/dscl-pbsd", "quick", overrides=tiny, out=tmp_path, device="cpu")
    assert result.recipe.start is not None
    assert {"test/accuracy", "test/many", "test/medium", "test/few"} <= set(result.results)
