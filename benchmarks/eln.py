"""Time ELN's step of stage 2 at the published setting, as ratios to a plain re-statement of it.

    python benchmarks/eln.py --out build/benchmarks/eln.json
    python benchmarks/eln.py --tiny --out build/benchmarks/eln-tiny.json

DeepLab-v3+ on ResNet-50, two auxiliary decoders, the localisation network on ResNet-34, 6 labelled and 6 unlabelled
images of 505 x 505; the recipe's method (``official``) in float32 and bfloat16, NCHW and channels_last. The peer, in
float32 without autocast, writes the published order of passes down in one function on copies of the same networks: it
asks each gate on the host, compares all pixels of a contrast window at once (memory squared in its pixels) and leaves
the recolouring out. ``--tiny`` takes small images and networks: on a CPU, this shows that the script works.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from _steps import Subject, parser, run
from torch import Tensor
from training import VARIANTS

from udalib.methods.eln import ELN
from udalib.recipes import get_recipe
from udalib.recipes.build import build_method

RECIPES = {"eln": "voc/eln-r50-1_8"}
SIZES, BATCHES = (505, 65), (6, 2)
"""Side and number of images, published and tiny."""


def enlarged(logits: Tensor, size: tuple[int, int]) -> Tensor:
    """Logits at the size of the labels."""
    return F.interpolate(logits, size, mode="bilinear", align_corners=True)


def judge_loss(verdict: Tensor, logits: Tensor, label: Tensor) -> Tensor:
    """Published localisation loss: void pixels count as wrong (eln sheet, 3.3)."""
    size = (label.shape[-2], label.shape[-1])
    right = (enlarged(logits, size).argmax(1) == label).float()
    bce = F.binary_cross_entropy_with_logits(enlarged(verdict, size)[:, 0], right, reduction="none")
    return ((right + (1 - right) * right.sum() / (1 - right).sum()) * bce).mean()


def contrast(anchors: Tensor, others: Tensor, label: Tensor, temperature: float) -> Tensor:
    """Contrastive loss of one window, (N, D) vectors and their labels (N,) (eln sheet, 3.5)."""
    near = torch.exp(F.normalize(anchors) @ F.normalize(others).T / temperature)
    losses = []
    for c in label[label != 255].unique():
        own, rest = label == c, (label != c) & (label != 255)
        pos, neg = (near[own][:, other].sum().clamp(min=1e-8) for other in (own, rest))
        losses.append(-torch.log(pos / (pos + neg)) / own.sum())
    return torch.stack(losses).mean() if losses else near.sum() * 0


def plain_step(kind: str, method: ELN, batches: dict[str, Any]) -> Callable[[], Tensor]:
    """One iteration of stage 2 in the order of the sheet's table (section 4), on copies of the parts of ``method``."""
    student, teacher = copy.deepcopy(method.network).train(), copy.deepcopy(method.teacher.network).train()
    judge, auxiliary = copy.deepcopy(method.eln).train(), copy.deepcopy(method.auxiliary).train()
    rates = ((student.encoder, 1e-5), (student.decoder, 1e-4), (judge.backbone, 1e-5), (auxiliary, 1e-4))
    known = {id(p) for p in judge.backbone.parameters()}
    groups = [{"params": [p for p in m.parameters() if p.requires_grad], "lr": lr} for m, lr in rates]
    groups.append({"params": [p for p in judge.parameters() if id(p) not in known], "lr": 1e-4})
    optimizer = torch.optim.AdamW(groups, weight_decay=1e-5)
    labelled, label, unlabelled = (
        batches[stream][key] for stream, key in (("labelled", "image"), ("labelled", "label"), ("unlabelled", "image"))
    )
    size, side, count = (label.shape[-2], label.shape[-1]), method.window, method.window_count

    def window_losses(ours: Tensor, theirs: Tensor, pseudo: Tensor) -> Tensor:
        losses = []
        for _ in range(count):
            top, left = (int(torch.randint(0, s - side + 1, ())) for s in pseudo.shape[-2:])
            crop = (..., slice(top, top + side), slice(left, left + side))
            vectors = [x[crop].permute(0, 2, 3, 1).flatten(0, 2) for x in (theirs, ours)]
            losses.append(contrast(*vectors, pseudo[crop].flatten(), method.temperature))
        return torch.stack(losses).mean()

    def labels_terms() -> list[Tensor]:
        sup = F.cross_entropy(enlarged(student(labelled), size), label, ignore_index=255)
        with torch.no_grad():
            features = student.features(labelled)
        errors = [F.cross_entropy(enlarged(d(features), size), label, ignore_index=255) for d in auxiliary]
        kept = [e for e, alpha in zip(errors, method.alphas, strict=True) if e.item() >= alpha * sup.item()]
        with torch.no_grad():
            features = student.features(labelled)
            shown = [*(decoder(features) for decoder in auxiliary), student.decode(features)]
        images = student.normalise(labelled)
        return [sup, *kept, *(judge_loss(judge(images, each), each, label) for each in shown)]

    def step() -> Tensor:
        optimizer.zero_grad()
        terms = labels_terms()
        seen = [student.decoder.both(student.features(unlabelled)) for _ in range(2)]  # plain, and unrecoloured
        with torch.no_grad():
            logits, anchors = teacher.decoder.both(teacher.features(unlabelled))
            verdict = enlarged(judge(student.normalise(unlabelled), logits), logits.shape[-2:])[:, 0]
            pseudo = torch.where(verdict.sigmoid().round().bool(), logits.argmax(1), 255)
        for own, vectors in seen:
            terms += [F.cross_entropy(own, pseudo, ignore_index=255), window_losses(vectors, anchors, pseudo)]
        loss = torch.stack(terms).sum()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            for old, new in zip(teacher.parameters(), student.parameters(), strict=True):
                old.data = method.teacher.alpha * old.data + (1 - method.teacher.alpha) * new.data
        return loss.detach()

    return step


def new_method(kind: str, options: argparse.Namespace) -> ELN:
    """The recipe's method at random weights, past its first stages; the same weights at every call."""
    changes: dict[str, Any] = {"method.pretrain_iterations": 0, "method.eln_iterations": 0}
    changes |= {"network.encoder.name": "streets"} if options.tiny else {}
    recipe = get_recipe(RECIPES[kind], "quick" if options.tiny else "paper", changes)
    torch.manual_seed(options.seed)
    method: ELN = build_method(recipe, pretrained=False)
    method.judged_from = method.stage2_from = -1  # not the iteration that copies the student to the teacher
    return method


def new_batches(options: argparse.Namespace, device: torch.device) -> dict[str, Any]:
    """Random images, and labels in blocks with a few to ignore."""
    generator = torch.Generator().manual_seed(options.seed)
    side, count = SIZES[options.tiny], BATCHES[options.tiny]
    cells = torch.randint(0, 22, (count, 5, 5), generator=generator)
    label = F.interpolate(cells.masked_fill(cells == 21, 255)[:, None].float(), (side, side))[:, 0].long()
    images = [torch.rand(count, 3, side, side, generator=generator).to(device) for _ in range(2)]
    return {"labelled": {"image": images[0], "label": label.to(device)}, "unlabelled": {"image": images[1]}}


SUBJECT = Subject(
    script="eln.py",
    doc=__doc__ or "",
    recipes=RECIPES,
    modes=[name for name in VARIANTS if "compile" not in name],
    sizes=lambda options: {"labelled": [SIZES[options.tiny]] * 2, "unlabelled": [SIZES[options.tiny]] * 2},
    new_method=new_method,
    new_batches=new_batches,
    plain_step=plain_step,
)


def main(arguments: list[str] | None = None) -> int:
    """Time the step; see :func:`_steps.run`."""
    return run(SUBJECT, parser(SUBJECT).parse_args(arguments), arguments)


if __name__ == "__main__":
    raise SystemExit(main())
