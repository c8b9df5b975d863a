"""Classification with the encoder of a segmentation network, and the evaluator of its accuracy."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from udalib.core.errors import ConfigError, DataError
from udalib.data import custom_space
from udalib.engine import ClassificationEvaluator
from udalib.methods import create_method
from udalib.methods.classification import Classification
from udalib.models import create_network
from udalib.recipes.spec.tasks import TASKS

SPACE = custom_space("colours", ["red", "green", "blue"])


def picture(index: int) -> dict[str, Any]:
    """A noisy picture of one colour."""
    generator = torch.Generator().manual_seed(index)
    image = torch.randint(0, 128, (3, 16, 16), generator=generator, dtype=torch.uint8)
    image[index % 3] += 100
    return {"image": image, "target": torch.tensor(index % 3), "name": f"p{index}"}


class Colours:
    name = "colours"

    def __init__(self, length: int) -> None:
        self.length = length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> dict[str, Any]:
        return picture(index)


def batch(size: int = 12) -> dict[str, Any]:
    samples = [picture(i) for i in range(size)]
    image = torch.stack([s["image"] for s in samples]).float().div(255)
    return {"image": image, "target": torch.stack([s["target"] for s in samples])}


def method(**options: Any) -> Classification:
    torch.manual_seed(0)
    network = create_network("streets", num_classes=5)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-2)
    built = create_method("classification", network, optimizer, 3, **options)
    assert isinstance(built, Classification)
    return built


def test_it_learns_and_leaves_the_decoder_alone() -> None:
    made = method()
    decoder = {k: v.clone() for k, v in made.network.decoder.state_dict().items()}
    encoder = made.network.encoder.stem[0][0].weight.detach().clone()  # type: ignore[index, union-attr]
    logs = [made.step({"labelled": batch()}, i) for i in range(25)]
    assert float(logs[-1]["loss"]) < 0.2 * float(logs[0]["loss"])
    assert float(logs[-1]["accuracy"]) == 1.0
    assert all(torch.equal(v, decoder[k]) for k, v in made.network.decoder.state_dict().items())
    assert not torch.equal(made.network.encoder.stem[0][0].weight, encoder)  # type: ignore[index, union-attr]


def test_the_linear_layer_is_trained_at_the_optimiser_s_rate() -> None:
    made = method()
    (group,) = [g for g in made.optimizers()["main"].param_groups if g.get("name") == "classifier"]
    assert group["lr"] == 1e-2
    assert {id(p) for p in group["params"]} == {id(p) for p in made.classifier.parameters()}


def test_predict_gives_one_row_a_picture() -> None:
    made = method().eval()
    images = torch.rand(4, 3, 24, 40)
    logits = made.predict(images)
    assert logits.shape == (4, 3)
    feature = made.network.features(images)[-1]
    assert torch.allclose(logits, made.classifier(feature.flatten(2).mean(2)), atol=1e-6)


@pytest.mark.parametrize(
    ("target", "found"),
    [
        (None, "hold none"),
        (torch.zeros(12, 16, 16, dtype=torch.long), r"hold torch.int64 \(12, 16, 16\)"),
        (torch.zeros(12), r"hold torch.float32 \(12,\)"),
    ],
)
def test_a_batch_without_classes_is_refused(target: Any, found: str) -> None:
    given = {**batch(), "target": target}
    with pytest.raises(DataError, match=f"`target` int64 .B,., in the stream 'pictures'; its batches {found}"):
        method(stream="pictures").step({"pictures": given}, 0)


def test_a_network_without_an_encoder_is_refused() -> None:
    network = nn.Conv2d(3, 3, 1)
    with pytest.raises(ConfigError, match="encoder of a SegmentationNetwork, got a Conv2d"):
        create_method("classification", network, torch.optim.SGD(network.parameters(), 0.1), 3)


def test_the_evaluator_counts_pictures() -> None:
    evaluator = ClassificationEvaluator(Colours(7), SPACE, batch_size=3)  # 0 1 2 0 1 2 0

    def always_red_but_blue(images: torch.Tensor) -> torch.Tensor:
        assert images.dtype == torch.float32
        assert images.max() <= 1.0
        blue = images.mean((2, 3)).argmax(1) == 2
        return torch.stack([~blue, torch.zeros_like(blue), blue], 1).float()

    scores = evaluator.evaluate(always_red_but_blue)
    assert scores["accuracy"] == pytest.approx(5 / 7)
    assert scores["mean_accuracy"] == pytest.approx(2 / 3)
    assert scores["class_accuracy"] == {"red": 1.0, "green": 0.0, "blue": 1.0}
    assert scores["confusion"] == [[3, 0, 0], [2, 0, 0], [0, 0, 2]]
    assert scores["images"] == 7
    assert {TASKS.get("classification").score, TASKS.get("classification").class_score} <= set(scores)
    assert ClassificationEvaluator.score == TASKS.get("classification").score


def test_the_evaluator_s_errors() -> None:
    class Unlabelled(Colours):
        def __getitem__(self, index: int) -> dict[str, Any]:
            return {"image": picture(index)["image"], "name": "p"}

    def dense(images: torch.Tensor) -> torch.Tensor:
        return torch.zeros(len(images), 3, 4, 4)

    with pytest.raises(DataError, match="'colours' is empty"):
        ClassificationEvaluator(Colours(0), SPACE)
    with pytest.raises(DataError, match="sample p has no target"):
        ClassificationEvaluator(Unlabelled(2), SPACE).evaluate(dense)
    with pytest.raises(ConfigError, match=r"predicts \(2, 3, 4, 4\) for 2 pictures; .* 3 logits for each"):
        ClassificationEvaluator(Colours(2), SPACE, batch_size=2).evaluate(dense)
