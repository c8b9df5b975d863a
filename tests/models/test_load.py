"""Loading published weights: names, prefixes, what does not fit, and files that must be refused."""

import os
import zipfile

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn

from udalib.core.errors import CheckpointError
from udalib.models import create_network
from udalib.models.encoders.mit import MiTConfig, MixTransformer
from udalib.models.weights.files import read_file
from udalib.models.weights.load import load_published


class Small(nn.Module):
    def __init__(self, classes=3):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 3)
        self.bn1 = nn.BatchNorm2d(4)
        self.layer5 = nn.Conv2d(4, classes, 1)


def official(scale=1.0, **kwargs):
    """A state dict as a stranger's training would have left it."""
    return {n: torch.full_like(t, scale) for n, t in Small(**kwargs).state_dict().items()}


def test_plain_state_dict_is_complete():
    model = Small()
    report = load_published(model, official(2.0), strict=True)
    assert report.complete
    assert set(report.loaded) == set(model.state_dict())
    assert model.conv1.weight.eq(2).all()


@pytest.mark.parametrize("suffix", ["pth", "pt", "safetensors"])
def test_files(tmp_path, suffix):
    path = tmp_path / f"weights.{suffix}"
    save = safetensors.torch.save_file if suffix == "safetensors" else torch.save
    save(official(2.0), path)
    model = Small()
    assert load_published(model, path).complete
    assert model.layer5.bias.eq(2).all()


def test_relative_path_is_found_in_the_weights_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("UDALIB_WEIGHTS", str(tmp_path))
    torch.save(official(), tmp_path / "somewhere.pth")
    assert load_published(Small(), "somewhere.pth").complete


def test_nested_checkpoint_with_meta(tmp_path):
    meta = {"time": "now", "epoch": 3, "best": np.float64(0.5), "config": "text"}
    torch.save({"meta": meta, "state_dict": official(2.0), "optimizer": {}}, tmp_path / "mm.pth")
    assert load_published(Small(), tmp_path / "mm.pth").complete


@pytest.mark.parametrize("prefix", ["module.", "model.", "Scale.", "module.model.", "anything.else."])
def test_prefix_is_found(prefix):
    report = load_published(Small(), {prefix + n: t for n, t in official().items()})
    assert report.complete
    assert report.prefix == prefix


def daformer_checkpoint():
    parts = {"model.": 1.0, "ema_model.": 2.0, "imnet_model.": 3.0}
    names = {"backbone.conv1.weight": "conv1.weight", "backbone.conv1.bias": "conv1.bias"}
    small = official()
    return {p + n: small[o] * value for p, value in reversed(parts.items()) for n, o in names.items()}


class Whole(nn.Module):
    published_prefixes = {"backbone.": "encoder."}

    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential()
        self.encoder.add_module("conv1", nn.Conv2d(3, 4, 3))


@pytest.mark.parametrize(("prefix", "value"), [(None, 1), ("model.", 1), ("ema_model.", 2), ("imnet_model.", 3)])
def test_daformer_student_and_teacher_by_prefix(prefix, value):
    model = Whole()
    report = load_published(model, {"state_dict": daformer_checkpoint()}, prefix=prefix, strict=True)
    assert model.encoder.conv1.weight.eq(value).all()
    assert report.prefix == (prefix or "model.")


def test_bare_encoder_from_a_whole_checkpoint():
    model = Whole().encoder
    assert load_published(model, daformer_checkpoint(), strict=True).prefix == "model.backbone."
    assert model.conv1.weight.eq(1).all()


def test_report_names_what_does_not_fit():
    state = official(2.0, classes=5) | {"head.weight": torch.zeros(2)}
    del state["conv1.bias"]
    model = Small()
    before = model.conv1.bias.clone(), model.layer5.weight.clone()
    report = load_published(model, state)
    assert report.missing == ("conv1.bias",)
    assert report.unexpected == ("head.weight",)
    assert report.shape_mismatch[0] == ("layer5.weight", (5, 4, 1, 1), (3, 4, 1, 1))
    assert [name for name, *_ in report.shape_mismatch] == ["layer5.weight", "layer5.bias"]
    assert model.conv1.weight.eq(2).all()
    assert model.conv1.bias.equal(before[0])
    assert model.layer5.weight.equal(before[1])
    for word in ("missing: conv1.bias", "unexpected: head.weight", "(5, 4, 1, 1)"):
        assert word in str(report)
    fresh = Small()
    before = fresh.conv1.weight.clone()
    with pytest.raises(CheckpointError, match="1 missing: conv1.bias"):
        load_published(fresh, state, strict=True)
    assert fresh.conv1.weight.equal(before), "a refused load must not change the model"


def test_start_weights_of_adaptsegnet():
    """Names carry one more component, the 21-class layer5 stays out even where it would fit, no batch counters."""
    state = {f"Scale.{n}": t for n, t in official(2.0).items() if not n.endswith("num_batches_tracked")}
    model = Small()
    report = load_published(model, state, skip=("layer5.",))
    assert not report.missing
    assert not report.unexpected
    assert model.conv1.weight.eq(2).all()
    assert not model.layer5.weight.eq(2).any()


def test_segformer_imagenet_weights_drop_the_classifier():
    encoder = MixTransformer(MiTConfig((8, 16, 40, 64), (1, 1, 1, 1)))
    state = {n: torch.ones_like(t) for n, t in encoder.state_dict().items()}
    report = load_published(encoder, state | {"head.weight": torch.ones(10, 64), "head.bias": torch.ones(10)})
    assert report.unexpected == ("head.weight", "head.bias")
    assert not report.missing
    assert not report.shape_mismatch


def test_half_precision_becomes_float32():
    model = Small()
    load_published(model, {n: t.half() if t.is_floating_point() else t for n, t in official(0.1).items()})
    assert model.conv1.weight.dtype == torch.float32
    assert torch.allclose(model.conv1.weight, torch.tensor(0.1), atol=1e-4)


def test_wrong_network_is_refused_with_both_name_lists():
    with pytest.raises(CheckpointError, match=r"none of its 2 tensors.*weight, bias.*conv1\.weight"):
        load_published(Small(), nn.Linear(2, 2).state_dict())
    with pytest.raises(CheckpointError, match="under the prefix 'ema_'"):
        load_published(Small(), official(), prefix="ema_")


class Malicious:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


@pytest.mark.parametrize("legacy", [False, True])
def test_file_that_needs_code_execution_is_refused(tmp_path, legacy):
    marker, path = tmp_path / "executed", tmp_path / "evil.pth"
    torch.save({"state_dict": official(), "x": Malicious(marker)}, path, _use_new_zipfile_serialization=not legacy)
    with pytest.raises(CheckpointError, match=r"running code.*mkdir.*safetensors"):
        load_published(Small(), path)
    assert not marker.exists()


def test_object_of_a_foreign_class_is_refused(tmp_path):
    torch.save(Small(), tmp_path / "module.pth")
    with pytest.raises(CheckpointError, match=r"asks for .*Small"):
        read_file(tmp_path / "module.pth")


def test_damaged_files(tmp_path):
    for suffix, save in (("pth", torch.save), ("safetensors", safetensors.torch.save_file)):
        path = tmp_path / f"cut.{suffix}"
        save(official(), path)
        content = path.read_bytes()
        for length in (len(content) // 2, 10):
            path.write_bytes(content[:length])
            with pytest.raises(CheckpointError, match="truncated"):
                read_file(path)
        path.write_bytes(b"")
        with pytest.raises(CheckpointError, match="empty"):
            read_file(path)
    (tmp_path / "page.pth").write_text("<html>404: not found</html>")
    with pytest.raises(CheckpointError, match="truncated or not a file"):
        read_file(tmp_path / "page.pth")
    with zipfile.ZipFile(tmp_path / "other.pth", "w") as archive:
        archive.writestr("readme.txt", "no weights here")
    with pytest.raises(CheckpointError, match="truncated or not a file"):
        read_file(tmp_path / "other.pth")


def test_missing_file_and_missing_tensors(tmp_path):
    with pytest.raises(CheckpointError, match=r"no weights file at .*UDALIB_WEIGHTS"):
        load_published(Small(), tmp_path / "nothing.pth")
    torch.save({"epoch": 3}, tmp_path / "empty.pth")
    with pytest.raises(CheckpointError, match=r"no state dict.*'epoch'"):
        load_published(Small(), tmp_path / "empty.pth")
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(CheckpointError, match="a list"):
        read_file(tmp_path / "list.pth")


def test_network_takes_published_names():
    network = create_network("daformer-mit_b0", num_classes=4, decoder_options={"channels": 8, "embed_dims": 8})
    names = {"encoder.": "model.backbone.", "decoder.": "model.decode_head."}
    state = {names[n[:8]] + n[8:]: torch.full_like(t, 2) for n, t in network.state_dict().items()}
    assert load_published(network, state, strict=True).complete
    assert network.decoder.conv_seg.bias.eq(2).all()
