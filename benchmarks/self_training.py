"""Time the step of DAFormer (and DACS, MIC) at the published setting, as ratios to a plain re-statement of it.

    python benchmarks/self_training.py --out build/benchmarks/self-training.json
    python benchmarks/self_training.py --encoder mit_b0 --size 256 --out build/benchmarks/self-training-cpu.json

MiT-B5 with DAFormer's head, 2 source and 2 target images of 512 x 512, feature distance on things, jitter and blur as
drawn; in float32 and bfloat16, NCHW and channels_last, eager and compiled. The peer, in float32 without autocast,
writes the published order down in one function on copies of the same networks: EMA parameter by parameter, three
backward calls (one through a graph that is kept), classes by ``torch.unique`` and a loop over samples for the mix,
jitter and blur left out. ``--encoder mit_b0 --size 256`` is for two CPU cores; ``--tiny`` shows that the script works.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from _steps import Subject, parser, run
from torch import Tensor
from training import VARIANTS

from udalib.methods.daformer import DAFormer
from udalib.ops import THINGS
from udalib.recipes import EncoderSpec, get_recipe
from udalib.recipes.build import build_method

RECIPES = {"daformer": "gta2cityscapes/daformer", "dacs": "gta2cityscapes/dacs-segformer-mit_b5"}
RECIPES |= {"mic": "gta2cityscapes/mic-daformer"}
THRESHOLD, ALPHA, LAMBDA_FD, RATIO = 0.968, 0.999, 0.005, 0.75


def plain_step(kind: str, method: DAFormer, batches: dict[str, Any]) -> Callable[[], Tensor]:
    """DAFormer's published iteration (daformer sheet, section 5), whatever ``kind`` is timed beside it."""
    student, teacher = copy.deepcopy(method.network).train(), copy.deepcopy(method.teacher).train()
    reference = copy.deepcopy(method.network.encoder).eval().requires_grad_(False)
    head = [p for name, p in student.named_parameters() if name.startswith("decoder.")]
    groups = [{"params": list(student.encoder.parameters())}, {"params": head, "lr": 6e-4}]
    optimizer = torch.optim.AdamW(groups, lr=6e-5, weight_decay=0.01)
    source, label, target = batches["source"]["image"], batches["source"]["label"], batches["target"]["image"]

    def segmentation(features: list[Tensor], truth: Tensor, weight: Tensor | None = None) -> Tensor:
        logits = F.interpolate(student.decode(features), truth.shape[-2:], mode="bilinear", align_corners=False)
        loss = F.cross_entropy(logits, truth, ignore_index=255, reduction="none")
        return (loss if weight is None else loss * weight).mean()

    def distance(features: list[Tensor]) -> Tensor:
        with torch.no_grad():
            wanted = reference(student.normalise(source))[-1]
        scale = label.shape[-1] // wanted.shape[-1]
        shares = F.avg_pool2d(F.one_hot(label.where(label < 19, 19), 20).permute(0, 3, 1, 2).float(), scale)
        ratio, winner = shares.max(1)
        things = torch.isin(winner, torch.tensor(THINGS, device=label.device)) & (ratio >= RATIO)
        return LAMBDA_FD * (features[-1] - wanted).norm(dim=1)[things].mean()

    def mixture(pseudo: Tensor, confident: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        present, image, truth, weight = torch.unique(label), [], [], []
        for x, t, y, p in zip(source, target, label, pseudo, strict=True):
            chosen = present[torch.randperm(len(present))[: (len(present) + 1) // 2].to(present.device)]
            mask = torch.isin(y, chosen)
            image.append(torch.where(mask, x, t))
            truth.append(torch.where(mask, y, p))
            weight.append(torch.where(mask, 1.0, confident))
        return torch.stack(image), torch.stack(truth), torch.stack(weight)

    def step() -> Tensor:
        optimizer.zero_grad()
        with torch.no_grad():
            for old, new in zip(teacher.network.parameters(), student.parameters(), strict=True):
                old.data = ALPHA * old.data + (1 - ALPHA) * new.data
        features = student.features(source)
        on_source = segmentation(features, label)
        on_source.backward(retain_graph=True)
        kept = distance(features)
        kept.backward()
        confidence, pseudo = teacher(target).softmax(1).max(1)
        image, truth, weight = mixture(pseudo, (confidence >= THRESHOLD).float().mean())
        on_mixed = segmentation(student.features(image), truth, weight)
        on_mixed.backward()
        optimizer.step()
        return (on_source + kept + on_mixed).detach()

    return step


def new_method(kind: str, options: argparse.Namespace) -> DAFormer:
    """The recipe's method at random weights; the same ones at every call."""
    recipe = get_recipe(RECIPES[kind], "paper")
    encoder = EncoderSpec.of("mit_b0" if options.tiny else options.encoder)
    recipe = replace(recipe, network=replace(recipe.network, encoder=encoder))
    torch.manual_seed(options.seed)
    method: DAFormer = build_method(recipe, pretrained=False)
    return method


def side(options: argparse.Namespace) -> int:
    """Side of the square crops."""
    return 64 if options.tiny else int(options.size)


def new_batches(options: argparse.Namespace, device: torch.device) -> dict[str, Any]:
    """Random images, and labels in blocks of 32 pixels (or, at the tiny size, 16) with some to ignore."""
    generator = torch.Generator().manual_seed(options.seed)
    pixels, block = side(options), 16 if options.tiny else 32
    cells = torch.randint(0, 20, (2, pixels // block, pixels // block), generator=generator)
    label = cells.masked_fill(cells == 19, 255).repeat_interleave(block, 1).repeat_interleave(block, 2)
    image, target = (torch.rand(2, 3, pixels, pixels, generator=generator).to(device) for _ in range(2))
    return {"source": {"image": image, "label": label.to(device)}, "target": {"image": target}}


SUBJECT = Subject(
    script="self_training.py",
    doc=__doc__ or "",
    recipes=RECIPES,
    modes=list(VARIANTS),
    sizes=lambda options: {"source": [side(options)] * 2, "target": [side(options)] * 2},
    new_method=new_method,
    new_batches=new_batches,
    plain_step=plain_step,
)


def main(arguments: list[str] | None = None) -> int:
    """Time all methods; see :func:`_steps.run`. Compiling is left to GPUs unless it is asked for."""
    words = parser(SUBJECT)
    words.add_argument("--encoder", default="mit_b5", choices=[f"mit_b{n}" for n in range(6)])
    words.add_argument("--size", type=int, default=512, help="side of the crops")
    if not torch.cuda.is_available():
        words.set_defaults(variants=[name for name in SUBJECT.modes if "compile" not in name])
    return run(SUBJECT, words.parse_args(arguments), arguments)


if __name__ == "__main__":
    raise SystemExit(main())
