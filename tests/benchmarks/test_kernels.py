"""Each peer computes what ours does; the record has a ratio a size and an exponent a way."""

import json

import pytest
import torch

CPU = torch.device("cpu")


@pytest.mark.parametrize(("name", "size"), [("pixel contrast", 8), ("group k-nn", 16), ("classmix", 64)])
def test_ours_and_the_peer_agree(pieces, name, size):
    ours, peer = pieces.KERNELS[name].make(size, CPU)
    assert torch.allclose(ours(), peer(), atol=1e-5) if name != "group k-nn" else ours() == peer()


def test_the_same_files_are_drawn(pieces):
    ours, peer = pieces.rcs(200, CPU)
    assert ours() == peer()


def test_dense_attention_puts_every_cell_into_one_group_and_back(pieces):
    dense = pieces.DenseAttention(64, positions=False)
    qkv = torch.randn(2, 3 * dense.hidden, 4, 6)
    groups = dense.split(qkv, 0)
    assert groups.shape == (3, 2, dense.num_heads, 1, 24, dense.hidden // dense.num_heads)
    for kind, part in zip(groups, qkv.chunk(3, dim=1), strict=True):
        assert torch.equal(dense.join(kind, 0, (4, 6)), part)


def test_a_teacher_moves_as_far(pieces):
    ours, peer = pieces.teacher(3, CPU)
    old = [p.clone() for p in peer.teacher.parameters()]
    peer()
    moved = [p.clone() for p in peer.teacher.parameters()]
    for parameter, before in zip(peer.teacher.parameters(), old, strict=True):
        parameter.data.copy_(before)
    ours()
    assert not torch.equal(moved[0], old[0])
    assert all(torch.allclose(a, b, atol=1e-7) for a, b in zip(moved, peer.teacher.parameters(), strict=True))


def test_record(kernels, tmp_path, capsys):
    out = tmp_path / "kernels.json"
    words = ["--tiny", "--device", "cpu", "--rounds", "1", "--least", "0", "--kernels", "rcs", "classmix"]
    assert kernels.main([*words, "--out", str(out)]) == 0
    record = json.loads(out.read_text())
    assert [k["kernel"] for k in record["kernels"]] == ["rcs", "classmix"]
    assert all(len(k["sizes"]) == 2 and set(k["exponent"]) == {"ours", "peer"} for k in record["kernels"])
    assert "peer takes" in capsys.readouterr().out
