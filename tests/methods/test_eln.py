"""ELN's training step: phases, passes, gradients, the teacher, the quirks behind ``official``."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from udalib.core.errors import ConfigError
from udalib.methods.eln import ELN
from udalib.metrics.error_localization import ThresholdSweep
from udalib.models import create_network
from udalib.models.eln import load_eln_checkpoint
from udalib.models.norm import batch_norms
from udalib.ops import resize
from udalib.ops.contrastive import pixel_contrast

W = 2  # stage 2 of the toy begins here
TOYS = Path(__file__).with_name("eln_toy.py")


@pytest.fixture(scope="session")
def toy(load_script):
    return load_script(TOYS)


def state(module):
    return {name: value.clone() for name, value in module.state_dict().items()}


def same(before, module, kind=""):
    return all(torch.equal(before[n], v) for n, v in module.state_dict().items() if n.endswith(kind))


def passes(module):
    """How often each BatchNorm below has seen a batch; all must agree."""
    (count,) = {int(m.num_batches_tracked) for m in module.modules() if isinstance(m, nn.BatchNorm2d)}
    return count


def test_phases_bring_their_losses(toy):
    method, data = toy.method(), toy.batches()
    judge, teacher = state(method.eln), state(method.teacher)
    first = method.step(data, 0)
    assert set(first) == {"loss", "loss_sup"}
    assert same(judge, method.eln)
    second = method.step(data, 1)
    assert {k for k in second if k.startswith("loss_")} == {"loss_sup", "loss_aux", "loss_eln"}
    assert not same(judge, method.eln, "weight")
    assert same(teacher, method.teacher)
    third = method.step(data, W)
    views = {f"loss_{term}_{view}" for term in ("pseudo", "contrast") for view in ("plain", "strong")}
    assert {k for k in third if k.startswith("loss_")} == {"loss_sup", "loss_aux", "loss_eln"} | views
    for logs in (first, second, third):
        assert float(logs["loss"]) == pytest.approx(sum(float(v) for k, v in logs.items() if k.startswith("loss_")))


@pytest.mark.parametrize(
    ("official", "counts"), [(True, (5, 4, 2, 4, 1)), (False, (3, 3, 1, 4, 1))], ids=["official", "default"]
)
def test_passes_through_each_module_in_stage_2(toy, official, counts):
    """The table of the sheet, section 4: student encoder, main decoder, each auxiliary decoder, ELN, teacher."""
    method = toy.method(official=official)
    method.step(toy.batches(), W)
    # Proj heads have no norm; the decoder's norms are those of ASPP and trunk
    modules = [method.network.encoder, method.network.decoder, method.auxiliary, method.eln, method.teacher]
    assert tuple(passes(m) for m in modules) == counts


def test_the_repeated_passes_change_no_loss_without_dropout(toy):
    """Float32 sums in the same order: equal but for what the flag itself changes (void pixels)."""
    data = toy.batches()
    logs = [
        toy.method(official=o, void_is_wrong=True, dropout=False, train_norms=True).step(data, W) for o in (True, False)
    ]
    assert logs[0].keys() == logs[1].keys()
    for name, value in logs[0].items():
        torch.testing.assert_close(value, logs[1][name], rtol=1e-5, atol=1e-6)


def test_stage_2_losses_are_those_of_the_sheet(toy):
    """Written again from plain pieces, on the method's own views and windows."""
    method, data = toy.method(dropout=False), toy.batches()
    images, label = data["labelled"]["image"], data["labelled"]["label"]
    plain = data["unlabelled"]["image"]
    strong = method.strong_view(plain, W)
    windows = {view: method.windows(view, torch.zeros(2, 16, 16), W) for view in ("strong", "plain")}
    assert windows["strong"] != windows["plain"]
    twin = toy.method(dropout=False)
    with torch.no_grad():
        logits = twin.network(images)
        up = F.interpolate(logits, label.shape[-2:], mode="bilinear", align_corners=True)
        sup = F.cross_entropy(up, label, ignore_index=255)
        both = {
            v: twin.network.decoder.both(twin.network.features(x)) for v, x in (("strong", strong), ("plain", plain))
        }
        teacher = twin.network.decoder.both(twin.network.features(plain))  # at W a copy of the student
        verdict = resize(twin.eln(twin.network.normalise(plain), teacher.logits), (16, 16), align_corners=True)
        method.eln.classifier[2].bias -= verdict.median()  # so that some pixels are accepted and some are not
        verdict = verdict - verdict.median()
        pseudo = torch.where(verdict[:, 0] > 0, teacher.logits.argmax(1), 255)
        want = {"loss_sup": sup, "accepted": (pseudo != 255).float().mean()}
        for view, seen in both.items():
            want[f"loss_pseudo_{view}"] = F.cross_entropy(seen.logits, pseudo, ignore_index=255)
            options = {"window": 6, "num_classes": 3}
            want[f"loss_contrast_{view}"] = pixel_contrast(
                teacher.embedding, seen.embedding, pseudo, windows[view], **options
            )
    logs = method.step(data, W)
    assert 0.02 < float(logs["accepted"]) < 0.98
    for name, value in want.items():
        torch.testing.assert_close(logs[name], value, rtol=1e-4, atol=1e-6)


def test_who_gets_gradients_from_what(toy):
    """The table of the sheet, 2.6; the gates are opened so that auxiliary decoders learn."""
    method = toy.method(alphas=(1e-6, 1e-6))
    method.step(toy.batches(), 1)
    with_gradient = {n for n, p in method.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}
    assert not any(".proj." in n or n.startswith("teacher.") for n in with_gradient)
    for part in ("network.encoder", "network.decoder.cls", "auxiliary.0.cls", "auxiliary.1.decoder", "eln.backbone"):
        assert any(n.startswith(part) for n in with_gradient), part
    method.step(toy.batches(), W)
    with_gradient = {n for n, p in method.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}
    assert any(n.startswith("network.decoder.proj") for n in with_gradient)
    assert not any(n.startswith(("auxiliary.0.proj", "auxiliary.1.proj", "teacher.")) for n in with_gradient)


def test_what_the_auxiliary_decoders_and_eln_learn_stays_out_of_the_student(toy):
    """The student's gradients in stage 1 are those of pre-training."""
    data, gradients = toy.batches(), []
    for iteration in (0, 1):
        method = toy.method(alphas=(1e-6, 1e-6), dropout=False)
        method.step(data, iteration)
        gradients.append({n: p.grad for n, p in method.network.named_parameters() if p.grad is not None})
    assert gradients[0].keys() == gradients[1].keys()
    assert all(torch.equal(g, gradients[1][n]) for n, g in gradients[0].items())


def test_a_closed_gate_leaves_its_decoder_where_it_is(toy):
    method = toy.method(alphas=(1e-6, 1e6), eln_weight_decay=0.0)
    before = [state(decoder) for decoder in method.auxiliary]
    logs = method.step(toy.batches(), 1)
    assert (float(logs["gate_aux_0"]), float(logs["gate_aux_1"])) == (1, 0)
    assert float(logs["loss_aux"]) == float(logs["ce_aux_0"])
    assert not same(before[0], method.auxiliary[0], "weight")
    assert all(torch.equal(before[1][n], p) for n, p in method.auxiliary[1].named_parameters())


def test_the_teacher_is_copied_at_w_and_follows_in_its_parameters(toy):
    method, data = toy.method(), toy.batches()
    for i in range(W):
        method.step(data, i)
    student = state(method.network)
    method.step(data, W)
    for name, p in method.teacher.network.named_parameters():
        want = 0.995 * student[name] + 0.005 * method.network.state_dict()[name]
        torch.testing.assert_close(p, want, rtol=1e-6, atol=1e-7)
    mean = "encoder.norm1.running_mean"  # moved by the one plain batch alone, from the student's of W
    seen = method.network.encoder.first(method.network.normalise(data["unlabelled"]["image"]))
    assert not torch.equal(method.teacher.network.state_dict()[mean], student[mean])
    assert seen.shape[1] == 6
    assert passes(method.teacher) == passes(method.network.encoder) - 3 + 1


@pytest.mark.parametrize("official", [True, False])
def test_the_student_starts_each_epoch_from_the_teacher_if_asked(toy, official):
    method, data = toy.method(official=official), toy.batches()
    for i in range(W + 2):
        method.step(data, i)
    teacher, student = state(method.teacher.network), state(method.network)
    method.start(W + 2)
    assert same(teacher, method.network) is official
    assert same(student, method.network) is not official
    method.start(W + 3)
    assert same(teacher, method.network) is official


def test_official_leaves_the_norms_of_the_host_untrained_and_the_default_trains_them(toy):
    for official in (True, False):
        method, data = toy.method(official=official, alphas=(1e-6, 1e-6)), toy.batches()
        norms = {n for n, m in method.named_modules() if isinstance(m, nn.BatchNorm2d)}
        host = [f"{n}.weight" for n in norms if n.startswith(("network", "auxiliary"))]
        judge = [f"{n}.weight" for n in norms if n.startswith("eln")]
        before = state(method)
        for i in range(W + 1):
            method.step(data, i)
        moved = {n for n, p in method.named_parameters() if not torch.equal(p, before[n])}
        assert set(judge) <= moved
        assert set(host) & moved == (set() if official else set(host))


def test_tensors_in_the_optimisers_are_as_many_as_published():
    """53 of 159 of the encoder, 19 of 35 of each decoder, 108 and 31 of ELN (sheet, section 4)."""
    with torch.device("meta"):
        network = create_network("seg_proj-resnet50_multigrid", 21, decoder_options={"embedding": 128})
        rates = [
            {"params": list(network.encoder.parameters()), "lr": 1e-5},
            {"params": list(network.decoder.parameters())},
        ]
        method = ELN(network, torch.optim.AdamW(rates, 1e-4), 21, official=True)
    main, judge = method.optimizers().values()
    assert [(len(g["params"]), g["lr"]) for g in main.param_groups] == [(53, 1e-5), (19, 1e-4)]
    assert [(len(g["params"]), g["lr"]) for g in judge.param_groups] == [(108, 1e-5), (31 + 2 * 19, 1e-4)]
    assert {g["weight_decay"] for g in judge.param_groups} == {1e-5}
    sizes = [sum(p.numel() for p in part.parameters()) for part in method.published_parts().values()]
    sizes += [sum(p.numel() for p in method.teacher.parameters())]
    assert round(sum(sizes) / 1e6, 1) == 142.2  # sheet, 2.5


def test_void_labels_and_rejected_pseudo_labels_give_zero_losses(toy):
    method, data = toy.method(), toy.batches()
    method.eln.classifier[2].bias.data.fill_(-1e4)
    data["labelled"]["label"].fill_(255)
    logs = method.step(data, W)
    assert float(logs["accepted"]) == 0
    assert all(float(value) == 0 for name, value in logs.items() if name.startswith(("loss", "eln_", "ce_")))
    assert all(p.isfinite().all() for p in method.parameters())


def test_a_published_checkpoint_fills_every_part(toy, tmp_path):
    method, other = toy.method(), toy.method()
    for p in method.parameters():
        p.data.uniform_()
    parts = method.published_parts()
    saved = {key: module.state_dict() for key, module in parts.items()}
    saved["enc_state_dict"] = {f"backbone.{n}": v for n, v in saved["enc_state_dict"].items()}
    torch.save({"epoch": 3, **saved, "optimizer_state_dict": {}, "scaler_state_dict": {}}, tmp_path / "eln.pth")
    load_eln_checkpoint(other.published_parts(), tmp_path / "eln.pth")
    for key, module in parts.items():
        assert same(state(module), other.published_parts()[key]), key
    with pytest.raises(ConfigError, match="but not dec_1"):
        load_eln_checkpoint(parts, {k: v for k, v in saved.items() if k != "dec_1"})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"embedding": 0}, "projection head"),
        ({"pretrain_iterations": -1}, "pretrain_iterations is -1"),
        ({"epoch_iterations": 0}, "epoch_iterations is 0"),
        ({"lambda_pseudo": -1.0}, "lambda_pseudo is -1"),
        ({"alpha": 1.0}, "alpha of a teacher is 1.0"),
        ({"alphas": (20.0, 0.0)}, "alphas"),
        ({"eln_iterations": -1}, "eln_iterations -1"),
        ({"eln_inputs": ()}, "inputs of the error localisation network"),
        ({"eln_blocks": (1, 1)}, "4 stages"),
        ({"hue": 0.7}, "hue at most 0.5"),
    ],
)
def test_what_cannot_be_is_refused(toy, options, message):
    with pytest.raises(ConfigError, match=message):
        toy.method(**options)


def test_other_decoders_and_small_maps_are_refused(toy):
    network = create_network("streets", 3)
    with pytest.raises(ConfigError, match="take the decoder 'seg_proj'"):
        ELN(network, torch.optim.AdamW(network.parameters()), 3, lambda_contrast=0.0)
    with pytest.raises(ConfigError, match="Set contrast_window"):
        toy.method(contrast_window=17).step(toy.batches(), W)


def test_the_localisation_network_learns_where_predictions_are_wrong(toy):
    """Logits of 4 x 4 blocks, of which three in ten say another class than the picture: found on pictures not seen."""
    method, data = toy.method(eln_width=8, eln_channels=16, dropout=False), [toy.Blocks()[i] for i in range(60)]
    images, labels = (torch.stack([s[key] for s in data]) for key in ("image", "label"))
    images, labels = images / 255, labels.long()
    generator = torch.Generator().manual_seed(0)
    moved = torch.randint(1, 3, (60, 4, 4), generator=generator) * (torch.rand(60, 4, 4, generator=generator) < 0.3)
    shown = (labels + moved.repeat_interleave(8, 1).repeat_interleave(8, 2)) % 3
    logits = 4 * F.one_hot(shown, 3).permute(0, 3, 1, 2).float()
    optimizer = torch.optim.AdamW(method.eln.parameters(), 1e-2)
    for i in range(40):
        part = [(8 * i + k) % 48 for k in range(8)]
        verdict = method.eln(method.network.normalise(images[part]), logits[part])
        loss = method.judge_loss(verdict, logits[part], labels[part])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    sweep, rest = ThresholdSweep(), slice(48, 60)
    verdict = method.verdict(images[rest], logits[rest])[:, 0]
    wrong = shown[rest] != labels[rest]
    sweep.update(1 - verdict.sigmoid(), wrong)
    assert sweep.curve().average_precision > 0.8 > 2 * float(wrong.float().mean())


def test_judging_in_eval_mode_goes_by_the_batch_and_leaves_no_trace(toy):
    """The running statistics of a judge mix the decoders it learned from: they must not matter, nor move."""
    method, images = toy.method("eln", eln_iterations=100).eval(), torch.rand(2, 3, 32, 32)
    for layer in batch_norms(method.eln):
        layer.running_mean.fill_(3.0)
    before = state(method)
    with torch.no_grad():
        judged, logits = method.judge(images), method.network(images)
        assert same(before, method)
        assert not any(layer.training for layer in batch_norms(method.eln))
        by_mixture = method.verdict(images, logits)
        method.eln.train()
        by_batch = method.verdict(images, logits)
    want = resize(by_batch, images.shape[-2:], align_corners=True)[:, 0]
    assert torch.allclose(judged.error, 1 - want.sigmoid(), atol=1e-6)
    assert torch.equal(judged.rejected, want.sigmoid() <= 0.5)
    assert not torch.allclose(by_mixture, by_batch, atol=1e-2)
