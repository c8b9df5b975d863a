"""The method of a run, fresh from training or read back from its folder, predicts the same."""

import torch

from udalib.analysis import trained_method
from udalib.recipes import run_recipe

TINY = {
    "train.iterations": 2,
    "train.progress": False,
    "streams.source.dataset.length": 4,
    "streams.source.dataset.size": (32, 64),
    "evaluations.target.dataset.length": 2,
    "evaluations.target.dataset.size": (32, 64),
    "evaluations.source.dataset.length": 2,
    "evaluations.source.dataset.size": (32, 64),
}


def test_a_finished_run_gives_back_the_network_it_trained(tmp_path, monkeypatch):
    monkeypatch.setenv("UDALIB_CACHE", str(tmp_path / "cache"))
    first, again = (run_recipe("streets/source-only", "quick", 0, "cpu", TINY, tmp_path) for _ in range(2))
    assert first.method is not None
    assert again.method is None
    images = torch.rand(1, 3, 32, 64)
    with torch.no_grad():
        want, got = trained_method(first).predict(images), trained_method(again).predict(images)
    assert torch.equal(got, want)
