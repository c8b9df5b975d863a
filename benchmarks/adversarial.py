"""Time the adversarial steps at the published setting, as ratios to a plain re-statement of the published step.

    python benchmarks/adversarial.py --out build/benchmarks/adversarial.json
    python benchmarks/adversarial.py --tiny --out build/benchmarks/adversarial-tiny.json

AdaptSegNet on two levels and AdvEnt, each on its DeepLab-v2 ResNet-101, one source image of 1280 x 720 and one target
image of 1024 x 512, in float32 and bfloat16, NCHW and channels_last. The peer, in float32 without autocast, writes
the published order of passes down in one function on a copy of the same network and discriminators; its SGD updates
each tensor once, while the recipes repeat the backbone's updates as the published code did.
``--tiny`` takes small images and a ResNet-18: on a CPU, this shows that the script works and measures nothing.
"""

from __future__ import annotations

import argparse
import copy
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from _steps import Subject, parser, run
from torch import Tensor
from training import VARIANTS

from udalib.methods.adversarial import Adversarial
from udalib.recipes import get_recipe
from udalib.recipes.build import build_method

RECIPES = {"adaptsegnet": "gta2cityscapes/adaptsegnet-multi", "advent": "gta2cityscapes/advent"}
LEVELS = (("main", 0.001), ("aux", 0.0002))
BETWEEN = {"source": ((720, 1280), (32, 64)), "target": ((512, 1024), (32, 48))}
"""Size (h, w) of each domain's image, published and tiny."""


def evidence(kind: str, logits: Tensor) -> Tensor:
    """What the discriminator is shown: class probabilities, or ADVENT's weighted self-information."""
    p = F.softmax(logits, dim=1)
    return p if kind == "adaptsegnet" else -p * torch.log2(p + 1e-30) / math.log2(p.shape[1])


def plain_step(kind: str, method: Adversarial, batches: dict[str, Any]) -> Callable[[], Tensor]:
    """The published step in order (adaptsegnet sheet, section 5), on copies of the parts of ``method``."""
    network, judges = copy.deepcopy(method.network).train(), copy.deepcopy(method.discriminators).train()
    trained = [(n, p) for n, p in network.named_parameters() if p.requires_grad]
    groups = [{"params": [p for n, p in trained if n.startswith("decoder.") is head], "lr": lr}
              for head, lr in ((False, 2.5e-4), (True, 2.5e-3))]  # fmt: skip
    optimizers: list[torch.optim.Optimizer] = [torch.optim.SGD(groups, lr=2.5e-4, momentum=0.9, weight_decay=5e-4)]
    optimizers += [torch.optim.Adam(judges[level].parameters(), lr=1e-4, betas=(0.9, 0.99)) for level, _ in LEVELS]
    source, label, target = batches["source"]["image"], batches["source"]["label"], batches["target"]["image"]

    def forward(images: Tensor) -> list[Tensor]:
        heads = network.decode_all(network.features(images))
        return [F.interpolate(x, size=images.shape[-2:], mode="bilinear", align_corners=True) for x in heads]

    def judge(level: str, logits: Tensor, domain: float) -> Tensor:
        verdict: Tensor = judges[level](evidence(kind, logits))
        return F.binary_cross_entropy_with_logits(verdict, torch.full_like(verdict, domain))

    def step() -> Tensor:
        for optimizer in optimizers:
            optimizer.zero_grad()
        judges.requires_grad_(False)
        on_source = forward(source)
        main, aux = (F.cross_entropy(x, label, ignore_index=255) for x in on_source)
        segmentation = main + 0.1 * aux
        segmentation.backward()
        on_target = forward(target)
        weighted = [w * judge(level, x, 0.0) for (level, w), x in zip(LEVELS, on_target, strict=True)]
        fooling = weighted[0] + weighted[1]
        fooling.backward()
        judges.requires_grad_(True)
        for outputs, domain in ((on_source, 0.0), (on_target, 1.0)):
            for (level, _), logits in zip(LEVELS, outputs, strict=True):
                (judge(level, logits.detach(), domain) / 2).backward()
        for optimizer in optimizers:
            optimizer.step()
        return (segmentation + fooling).detach()

    return step


def new_method(kind: str, options: argparse.Namespace) -> Adversarial:
    """The recipe's method at random weights; the same ones at every call."""
    recipe = get_recipe(RECIPES[kind], "paper")
    if options.tiny:
        network = replace(recipe.network, options=recipe.network.options.updated("depth", 18))
        recipe = replace(recipe, network=network)
    torch.manual_seed(options.seed)
    method = build_method(recipe, pretrained=False)
    assert isinstance(method, Adversarial)
    return method


def new_batches(options: argparse.Namespace, device: torch.device) -> dict[str, Any]:
    """Random images of both domains, and a label map with some pixels to ignore, on the device."""
    generator = torch.Generator().manual_seed(options.seed)
    size = {name: sizes[options.tiny] for name, sizes in BETWEEN.items()}
    label = torch.randint(0, 20, (1, *size["source"]), generator=generator)
    images = {name: torch.rand(1, 3, *hw, generator=generator).to(device) for name, hw in size.items()}
    source = {"image": images["source"], "label": label.masked_fill(label == 19, 255).to(device)}
    return {"source": source, "target": {"image": images["target"]}}


SUBJECT = Subject(
    script="adversarial.py",
    doc=__doc__ or "",
    recipes=RECIPES,
    modes=[name for name in VARIANTS if "compile" not in name],
    sizes=lambda options: {name: list(sizes[options.tiny]) for name, sizes in BETWEEN.items()},
    new_method=new_method,
    new_batches=new_batches,
    plain_step=plain_step,
)


def main(arguments: list[str] | None = None) -> int:
    """Time all methods; see :func:`_steps.run`."""
    return run(SUBJECT, parser(SUBJECT).parse_args(arguments), arguments)


if __name__ == "__main__":
    raise SystemExit(main())
