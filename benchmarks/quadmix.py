"""Time QuadMix's step, on images or on clips, at the published setting, as ratios to its bare passes.

    python benchmarks/quadmix.py image --out build/benchmarks/quadmix-image.json
    python benchmarks/quadmix.py video --out build/benchmarks/quadmix-video.json
    python benchmarks/quadmix.py video --tiny --out build/benchmarks/quadmix-tiny.json

``image``: MiT-B5 with HRDA's two scales, two source and two target images of 1024 x 1024, eight patches. ``video``:
DeepLab-v2 for two frames, one source clip of 720 x 1280, one target clip of three frames of 512 x 1024, three patches,
the flow given. Both with a filled bank, ``official``, in float32 and bfloat16, NCHW and channels_last. The peer, in
float32 without autocast, sends the same networks through as many passes of the same sizes, with the same kinds of
losses, and an update: no templates, patches, jitter, matching or centroids, so its losses are not the method's. A ratio
near 1 in float32 says that those cost nothing beside the passes. ``--tiny`` takes small images and networks: on a CPU,
this shows that the script works.
"""

from __future__ import annotations

import argparse
import copy
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from _steps import Subject, parser, run
from torch import Tensor
from training import VARIANTS

from udalib.methods import LocalRuntime
from udalib.recipes import get_recipe
from udalib.recipes.build import build_method

RECIPES = {"image": "gta2cityscapes/quadmix-hrda", "video": "viper2cityscapes-seq/quadmix-video"}
TINY = {"image": "streets/quadmix-hrda", "video": "streets-clips/quadmix-video"}
IMAGE = {"source": (2, 1024, 1024), "target": (2, 1024, 1024), "rare": (8, 1024, 1024)}
VIDEO = {"source": (1, 720, 1280), "target": (1, 512, 1024), "rare": (3, 720, 1280)}
SIZES: dict[str, dict[str, tuple[int, int, int]]] = {"image": IMAGE, "video": VIDEO}
SMALL = {"source": (2, 64, 64), "target": (2, 64, 64), "rare": (2, 64, 64)}
FRAMES = {"source": 2, "target": 3, "rare": 1}


def enlarged(logits: Tensor, label: Tensor) -> Tensor:
    """Logits at the size of the label."""
    return F.interpolate(logits, label.shape[-2:], mode="bilinear", align_corners=True)


def cross_entropy(logits: Tensor, label: Tensor) -> Tensor:
    """Mean of the labelled pixels."""
    return F.cross_entropy(enlarged(logits, label), label, ignore_index=255)


def image_passes(method: Any, student: Any, teacher: Any, batches: dict[str, Any]) -> Callable[[], None]:
    """Teacher's labels, feature distance, a source, two mixed and a masked pass, each with its own backward."""
    source, label, target = batches["source"]["image"], batches["source"]["label"], batches["target"]["image"]

    def learn(images: Tensor, labels: Tensor) -> None:
        box = student.crop_box(images.shape[-2:], LocalRuntime().shared_draws("peer", 0))
        scales = student.forward_scales(images, box)
        loss = 0.9 * cross_entropy(scales.fused, labels) + 0.1 * cross_entropy(scales.detail, box.cut(labels))
        loss.backward()

    def passes() -> None:
        learn(source, label)
        with torch.no_grad():
            if method.reference is not None:
                method.reference(student.context(student.normalise(source)))
            pseudo = enlarged(teacher(target), label).argmax(1)
        for images, labels in ((source, label), (target, pseudo), (target, pseudo)):
            learn(images, labels)

    return passes


def video_passes(method: Any, student: Any, teacher: Any, batches: dict[str, Any]) -> Callable[[], None]:
    """A source, two mixed, a strong and a plain target pass of two frames, and the labeller's."""
    source, target = batches["source"], batches["target"]
    frames, flow, label = target["frames"], target["flow_backward"], source["label"]
    size = frames.shape[-2:]
    cut = (..., slice(size[0]), slice(size[1]))

    def passes() -> None:
        with torch.no_grad():
            logits = teacher.forward_clip(frames[:, :2], flow[:, 0]).fused[0]
        low, pseudo = logits.argmax(1), enlarged(logits, frames).argmax(1)
        scores = student.forward_clip(source["frames"], source["flow_backward"][:, 0]).fused
        terms = [cross_entropy(each, label) for each in scores]
        for mixed, labels in ((source["frames"][cut], label[cut]), (frames[:, 1:], pseudo)):
            terms.append(cross_entropy(student.forward_clip(mixed, flow[:, 1], size=size).fused[0], labels))
        terms += [cross_entropy(each, low) for each in student.forward_clip(frames[:, 1:], flow[:, 1]).fused]
        terms.append(student.forward_clip(frames[:, [0, 2]], flow[:, 1]).fused[0].square().mean())
        torch.stack(terms).sum().backward()

    return passes


def plain_step(kind: str, method: Any, batches: dict[str, Any]) -> Callable[[], Tensor]:
    """One iteration on copies of student and teacher."""
    student, teacher = copy.deepcopy(method.network).train(), copy.deepcopy(method.teacher.network).train()
    optimizer = torch.optim.SGD([p for p in student.parameters() if p.requires_grad], 1e-4, momentum=0.9)
    passes = (image_passes if kind == "image" else video_passes)(method, student, teacher, batches)

    def step() -> Tensor:
        optimizer.zero_grad()
        passes()
        optimizer.step()
        with torch.no_grad():
            for old, new in zip(teacher.parameters(), student.parameters(), strict=True):
                old.data = method.teacher.alpha * old.data + (1 - method.teacher.alpha) * new.data
        return torch.zeros(())

    return step


def new_method(kind: str, options: argparse.Namespace) -> Any:
    """The recipe's method at random weights, past its phases; the same weights at every call."""
    recipe = get_recipe((TINY if options.tiny else RECIPES)[kind], "quick" if options.tiny else "paper")
    torch.manual_seed(options.seed)
    method = build_method(recipe, pretrained=False)
    for phase in method.phases:
        setattr(method, phase, 0)
    return method


def new_batches(kind: str, options: argparse.Namespace, device: torch.device) -> dict[str, Any]:
    """Random frames, labels in blocks, and a small flow."""
    generator = torch.Generator().manual_seed(options.seed)
    sizes = SMALL if options.tiny else SIZES[kind]
    batches: dict[str, Any] = {}
    for name, (count, height, width) in sizes.items():
        length = FRAMES[name] if kind == "video" else 1
        frames = torch.rand(count, length, 3, height, width, generator=generator)
        cells = torch.randint(0, 12, (count, length, 6, 8), generator=generator).float()
        labels = F.interpolate(cells, (height, width)).long()
        batch = {"image": frames[:, -1], "label": labels[:, -1]}
        if length > 1:
            flow = torch.rand(count, length - 1, 2, height, width, generator=generator) * 8 - 4
            batch |= {"frames": frames, "frame_labels": labels, "flow_backward": flow}
        batches[name] = {key: value.to(device) for key, value in batch.items()}
    return batches


def sizes(kind: str, options: argparse.Namespace) -> dict[str, Any]:
    """Sides of the images of each stream."""
    return {name: list(size[1:]) for name, size in (SMALL if options.tiny else SIZES[kind]).items()}


SUBJECTS = {
    kind: Subject(
        script=f"quadmix.py {kind}",
        doc=__doc__ or "",
        recipes={kind: RECIPES[kind]},
        modes=[name for name in VARIANTS if "compile" not in name],
        sizes=partial(sizes, kind),
        new_method=new_method,
        new_batches=partial(new_batches, kind),
        plain_step=plain_step,
    )
    for kind in RECIPES
}


def main(arguments: list[str] | None = None) -> int:
    """Time the step of the kind that is named first; see :func:`_steps.run`."""
    words = sys.argv[1:] if arguments is None else arguments
    if not words or words[0] not in SUBJECTS:
        print(f"usage: python benchmarks/quadmix.py {{{','.join(SUBJECTS)}}} --out FILE ...", file=sys.stderr)
        return 2
    subject = SUBJECTS[words[0]]
    return run(subject, parser(subject).parse_args(words[1:]), words[1:])


if __name__ == "__main__":
    raise SystemExit(main())
