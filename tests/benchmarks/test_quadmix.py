"""The peer of QuadMix's benchmark runs as many passes as the method; the script times both."""

import argparse
import json

import pytest
import torch
from _steps import PEER

TINY = argparse.Namespace(tiny=True, seed=3)


def calls_of(module, call):
    """How often the encoder of ``module`` runs in ``call``, with and without a gradient."""
    counts = {True: 0, False: 0}

    def count(*_):
        counts[torch.is_grad_enabled()] += 1

    handle = module.register_forward_hook(count)
    call()
    handle.remove()
    return counts


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["image", "video"])
def test_the_peer_makes_the_passes_of_the_method(quadmix, kind, monkeypatch):
    method = quadmix.new_method(kind, TINY).train()
    batches = quadmix.new_batches(kind, TINY, torch.device("cpu"))
    method.step(batches, 0)
    assert not method.bank.is_empty
    ours = calls_of(method.network.encoder, lambda: method.step(batches, 1))
    copies = []
    monkeypatch.setattr(quadmix.copy, "deepcopy", lambda x: copies.append(x) or x)
    step = quadmix.plain_step(kind, method, batches)
    assert calls_of(copies[0].encoder, step) == ours
    assert calls_of(copies[1].encoder, step)[False] > 0


@pytest.mark.slow
def test_record(quadmix, tmp_path, capsys):
    out = tmp_path / "quadmix.json"
    words = ["--tiny", "--device", "cpu", "--rounds", "1", "--steps", "1", "--warmup", "1", "--out", str(out)]
    assert quadmix.main(["video", *words, "--variants", "fp32"]) == 0
    record = json.loads(out.read_text())
    assert record["sizes"]["target"] == [64, 64]
    assert record["command"].startswith("python benchmarks/quadmix.py video --tiny")
    (method,) = record["methods"]
    assert [r["variant"] for r in method["results"]] == [PEER, "fp32"]
    assert "of the peer" in capsys.readouterr().out


def test_a_kind_must_be_named(quadmix, capsys):
    assert quadmix.main(["--out", "x.json"]) == 2
    assert "{image,video}" in capsys.readouterr().err
