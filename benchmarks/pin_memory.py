"""Time a step of Pin the Memory at the published setting, first and second order, as ratios to a plain re-statement.

    python benchmarks/pin_memory.py --out build/benchmarks/pin_memory.json
    python benchmarks/pin_memory.py --tiny --out build/benchmarks/pin_memory-tiny.json

DeepLab-v3+ on ResNet-50, two domains, 4 crops of 768 x 768 each, so one domain in meta-train and one in meta-test;
"joined" is the baseline on the same images, without memory. float32 and bfloat16, NCHW and channels_last. The peer, in
float32 without autocast, writes the published order of passes down in one function: two helper copies of the network
hold the adapted parameters, the second one runs its whole forward pass only to write. It leaves the recolouring out;
Gumbel noise is off in both. ``--tiny`` takes small images and networks: on a CPU, this shows that the script works.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from _steps import Subject, parser, run
from torch import Tensor, nn
from training import VARIANTS

from udalib.methods.shared.source_domains import SourceDomains
from udalib.recipes import get_recipe
from udalib.recipes.build import build_method

RECIPES = {
    "joined": "gta-synthia-dg/joined-r50",
    "first-order": "gta-synthia-dg/memory-r50",
    "second-order": "gta-synthia-dg/memory-second-order-r50",
}
DOMAINS = ("gta", "synthia")
SIZES, BATCHES = (768, 64), (4, 2)
"""Side and number of images of a domain, published and tiny."""


def enlarged(x: Tensor, size: torch.Size) -> Tensor:
    """Bilinear, corners aligned."""
    return F.interpolate(x, (size[-2], size[-1]), mode="bilinear", align_corners=True)


def read(net: Any, images: Tensor, label: Tensor, items: Tensor | None) -> tuple[list[Tensor], Tensor]:
    """Cross-entropies and cohesion (weights 1, 0.4 and 0.02 applied), and the feature that is written."""
    features, decoder = net.features(images), net.decoder
    feature = fused = decoder.context(features)
    losses = []
    if items is not None:
        query = F.normalize(feature, dim=1)
        scores = torch.einsum("bdhw,kd->bkhw", query, items)
        mixed = torch.einsum("bkhw,kd->bdhw", scores.softmax(1), items)
        fused = decoder.memory.output(torch.cat([query, mixed], dim=1))
        losses.append(0.02 * F.cross_entropy(enlarged(scores, label.shape), label, ignore_index=255))
    auxiliary = decoder.dsn(features[-2])
    small = F.interpolate(label[:, None].float(), auxiliary.shape[-2:], mode="nearest")[:, 0].long()
    losses.append(0.4 * F.cross_entropy(auxiliary, small, ignore_index=255))
    logits = enlarged(decoder.classify(fused, features), label.shape)
    return [F.cross_entropy(logits, label, ignore_index=255), *losses], feature


def write(memory: Any, items: Tensor, feature: Tensor, label: Tensor) -> Tensor:
    """Items after a write (pin_memory sheet, section 2.2)."""
    count = len(items)
    hot = F.one_hot(label.masked_fill(label == 255, count), count + 1).permute(0, 3, 1, 2).float()
    soft = enlarged(hot, feature.shape)[:, :count].flatten(2).to(feature.dtype)
    shown = F.normalize(torch.relu(feature + memory.writenet.writefeat(feature)), dim=1).flatten(2)
    total, weight = torch.einsum("bkp,bdp->kd", soft, shown), soft.sum((0, 2))
    mean = total / torch.where(weight > 0, weight, 1)[:, None]
    moved = torch.where(weight[:, None] != 0, 0.8 * items.detach() + 0.2 * mean, items.detach())
    return F.normalize(moved, dim=1)


def divergence(memory: Any, items: Tensor) -> list[Tensor]:
    """Both terms, weights 0.4 and 0.2 applied."""
    count, near = len(items), F.relu(items @ items.T)
    div = (near.sum() - near.diagonal().sum()) / (count * (count - 1))
    return [0.4 * div, 0.2 * F.cross_entropy(memory.clsfier(items), torch.arange(count, device=items.device))]


def put(helper: nn.Module, values: dict[str, Tensor]) -> None:
    """Replace parameters of ``helper`` by tensors with a history."""
    for name, value in values.items():
        path, _, leaf = name.rpartition(".")
        owner = helper.get_submodule(path)
        owner._parameters.pop(leaf, None)
        setattr(owner, leaf, value)


def plain_step(kind: str, method: SourceDomains, batches: dict[str, Any]) -> Callable[[], Tensor]:
    """One iteration of ``kind`` on copies of the network, in the order of the sheet's section 4."""
    net: Any = copy.deepcopy(method.network).train()
    rate = method.optimizer.param_groups[0]["lr"]
    optimizer = torch.optim.SGD(net.parameters(), rate, momentum=0.9, weight_decay=5e-4)
    (a, la), (b, lb) = ((batches[d]["image"], batches[d]["label"]) for d in DOMAINS)

    def joined() -> Tensor:
        optimizer.zero_grad()
        loss = torch.stack(read(net, torch.cat([a, b]), torch.cat([la, lb]), None)[0]).sum()
        loss.backward()
        optimizer.step()
        return loss.detach()

    def meta() -> Tensor:
        optimizer.zero_grad()
        names, parameters = zip(*net.named_parameters(), strict=True)
        items = net.decoder.memory.m_items.clone()
        losses, feature = read(net, a, la, items)
        inner = torch.stack([*losses, *divergence(net.decoder.memory, write(net.decoder.memory, items, feature, la))])
        slopes = torch.autograd.grad(inner.sum(), parameters, create_graph=kind == "second-order")
        adapted = {n: p - rate / 4 * g for n, p, g in zip(names, parameters, slopes, strict=True)}
        put(tester, adapted)
        put(writer, {n: p if "decoder.memory." in n else p.detach() for n, p in adapted.items()})
        seen = read(writer, a, la, items)[1]
        losses, _ = read(tester, b, lb, write(writer.decoder.memory, items, seen, la))
        outer = torch.stack(losses).sum()
        if kind == "second-order":
            (inner.sum() + outer).backward()
        else:
            outer.backward()
            for p, g in zip(parameters, slopes, strict=True):
                p.grad = g if p.grad is None else p.grad + g
        optimizer.step()
        with torch.no_grad():
            net.eval()
            net.decoder.memory.m_items.copy_(write(net.decoder.memory, items, read(net, a, la, items)[1], la))
            net.train()
        return (inner.sum() + outer).detach()

    if kind == "joined":
        return joined
    tester, writer = copy.deepcopy(net), copy.deepcopy(net)
    return meta


def new_method(kind: str, options: argparse.Namespace) -> SourceDomains:
    """The recipe's method at random weights and items, past its initialisation; the same ones at every call."""
    changes: dict[str, Any] = {"method.gumbel": "off"}
    changes |= {"network.encoder.name": "streets"} if options.tiny else {}
    recipe = get_recipe(RECIPES[kind], "quick" if options.tiny else "paper", changes)
    torch.manual_seed(options.seed)
    method: SourceDomains = build_method(recipe, pretrained=False)
    if method.memory is not None:
        method.memory.store(F.normalize(torch.rand(method.memory.m_items.shape), dim=1))
    method.init_iterations = -1  # nor is iteration 0 the first one, which has an inner rate of its own
    return method


def new_batches(options: argparse.Namespace, device: torch.device) -> dict[str, Any]:
    """Random images, and labels in blocks with a few to ignore."""
    generator = torch.Generator().manual_seed(options.seed)
    side, count = SIZES[options.tiny], BATCHES[options.tiny]
    batches = {}
    for name in DOMAINS:
        cells = torch.randint(0, 20, (count, 6, 6), generator=generator)
        label = F.interpolate(cells.masked_fill(cells == 19, 255)[:, None].float(), (side, side))[:, 0].long()
        image = torch.rand(count, 3, side, side, generator=generator)
        batches[name] = {"image": image.to(device), "label": label.to(device)}
    return batches


SUBJECT = Subject(
    script="pin_memory.py",
    doc=__doc__ or "",
    recipes=RECIPES,
    modes=[name for name in VARIANTS if "compile" not in name],
    sizes=lambda options: {name: [SIZES[options.tiny]] * 2 for name in DOMAINS},
    new_method=new_method,
    new_batches=new_batches,
    plain_step=plain_step,
)


def main(arguments: list[str] | None = None) -> int:
    """Time the step; see :func:`_steps.run`."""
    return run(SUBJECT, parser(SUBJECT).parse_args(arguments), arguments)


if __name__ == "__main__":
    raise SystemExit(main())
