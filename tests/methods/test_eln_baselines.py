"""What ELN is compared with, and what all three have in common: switches, error probabilities, predictions."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from udalib.core.errors import ConfigError

W = 2  # stage 2 of the toy begins here


@pytest.fixture(scope="session")
def toy(load_script):
    return load_script(Path(__file__).with_name("eln_toy.py"))


def state(module):
    return {name: value.clone() for name, value in module.state_dict().items()}


@pytest.mark.parametrize("name", ["eln", "s-ecn", "confidence-threshold"])
def test_switches_leave_terms_out(toy, name):
    logs = toy.method(name, lambda_contrast=0.0, embedding=0).step(toy.batches(), W)
    assert not any("contrast" in key for key in logs)
    logs = toy.method(name, lambda_pseudo=0.0, lambda_contrast=0.0).step(toy.batches(), W)
    assert not any("pseudo" in key for key in logs)
    if name != "confidence-threshold":
        for alphas in ((), (20.0,), (20.0, 50.0, 100.0)):
            logs = toy.method(name, alphas=alphas).step(toy.batches(), 1)
            assert sum(key.startswith("gate") for key in logs) == len(alphas)
            assert ("loss_aux" in logs) == bool(alphas)
        method = toy.method(name, eln_inputs=("entropy", "image"))
        assert method.eln.backbone.conv1.in_channels == 4
        method.step(toy.batches(), W)


def test_the_threshold_keeps_the_sure_and_the_corrector_everything(toy):
    images, logits = torch.rand(2, 3, 32, 32), torch.randn(2, 3, 16, 16)
    label = toy.method("confidence-threshold", threshold=0.5).pseudo_label(images, logits)
    sure = logits.softmax(1).amax(1) > 0.5
    assert torch.equal(label, torch.where(sure, logits.argmax(1), 255))
    corrector = toy.method("s-ecn")
    corrected = corrector.pseudo_label(images, logits)
    assert corrected.max() < 3
    assert (corrected != logits.argmax(1)).any()
    assert corrector.eln.classifier[2].out_channels == 3


@pytest.mark.parametrize("name", ["eln", "s-ecn", "confidence-threshold"])
def test_judgements_and_predictions_have_the_size_of_the_images_and_change_nothing(toy, name):
    method = toy.method(name).eval()
    images = torch.rand(2, 3, 40, 32)
    before = state(method)
    judged = method.judge(images)
    assert judged.error.shape == judged.rejected.shape == (2, 40, 32)
    assert (judged.error >= 0).all()
    assert (judged.error <= 1).all()
    assert torch.equal(judged.label, method.predict(images).argmax(1))
    assert all(torch.equal(before[n], v) for n, v in method.state_dict().items())


def test_the_corrector_learns_to_correct(toy):
    """Its loss is the cross-entropy of the true classes; a few steps on one learnable batch bring it down."""
    method, samples = toy.method("s-ecn", eln_iterations=100), [toy.Blocks()[i] for i in range(4)]
    image, label = (torch.stack([s[key] for s in samples]) for key in ("image", "label"))
    data = {"labelled": {"image": image / 255, "label": label.long()}}
    losses = [float(method.step(data, 1)["eln_main"]) for _ in range(30)]
    assert losses[-1] < 0.7 * losses[0]


def test_a_threshold_that_nothing_exceeds_is_refused(toy):
    with pytest.raises(ConfigError, match=r"threshold is 1.0"):
        toy.method("confidence-threshold", threshold=1.0)
