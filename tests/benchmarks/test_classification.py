"""The published construction of group k-NN computes what ours does; the script times both and a step of each method."""

import json

import pytest
import torch


def test_both_constructions_agree(classification):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(1, 80, 16, 16, generator=generator)
    y = torch.nn.functional.avg_pool2d(x, 4).flatten(2)
    ours, published = (f(x.flatten(2), y, 16) for f in (classification.our_messages, classification.published_messages))
    assert torch.allclose(ours, published, atol=1e-5)


@pytest.mark.slow
def test_record(classification, tmp_path, capsys):
    out = tmp_path / "classification.json"
    words = ["--tiny", "--device", "cpu", "--repeats", "1", "--steps", "1", "--sizes", "64", "--out", str(out)]
    assert classification.main([*words, "--limit-gib", "0"]) == 0
    record = json.loads(out.read_text())
    (row,) = record["group_knn"]
    assert "published" not in row
    assert "GiB" in row["skipped"]
    assert {r["method"] for r in record["training"]} == {"gkgnet", "dscl"}
    assert "images a second" in capsys.readouterr().out
