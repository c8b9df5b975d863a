"""Graders of notebook 06: where the detail may lie, fusion, what a pseudo label costs, holes, and the masked loss."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from udalib.ops import block_mask, resize
from udalib.ops.scales import crop_positions, fuse, window_boxes
from udalib.teach.check import exercise, require, require_close, require_function


@exercise("06.1", "write offsets(side, crop, divisible): all offsets that the published code may draw along one axis.")
def _offsets(answer: Any) -> str:
    require_function(answer)
    got = list(answer(1024, 512, 8))
    require(got[:2] == [0, 8], f"multiples of 8, from 0 on; yours begin with {got[:3]}.")
    require(512 not in got, "512 would fit, yet it is never drawn: there are floor((margin + 1) / 8) positions.")
    require(list(answer(512, 512, 8)) == [0], "a crop as large as the image lies at 0, always.")
    for side, crop, divisible in ((1024, 512, 8), (128, 64, 4), (100, 64, 8), (71, 64, 8), (48, 64, 8)):
        count = crop_positions((side, side), (crop, crop), divisible)[0]
        want = [divisible * k for k in range(count)]
        message = f"offsets({side}, {crop}, {divisible}) should be {count} numbers up to {want[-1]}."
        require(list(answer(side, crop, divisible)) == want, message)
    return "the integer division loses the last position, so the right and lower border are seen less often."


@exercise(
    "06.2", "write fuse(context, detail, attention): HRDA's fused logits on the grid of detail (align_corners off)."
)
def _fuse(answer: Any) -> str:
    require_function(answer)
    random = torch.Generator().manual_seed(0)
    context, detail = (torch.randn(2, 3, *size, generator=random) for size in ((4, 6), (8, 12)))
    attention = torch.rand(2, 3, 4, 6, generator=random)
    got = torch.as_tensor(answer(context, detail, attention))
    require(got.shape == detail.shape, f"on the detail's grid: {tuple(detail.shape)}, got {tuple(got.shape)}.")
    a, z = resize(attention, (8, 12)), resize(context, (8, 12))
    require(not _close(got, a * z + (1 - a) * detail), "the attention is the trust in the DETAIL, not in the context.")
    require(not _close(got, a * detail + (1 - a) * z), "multiply the context by 1 - a FIRST, then enlarge the product.")
    require(not _close(got, a * detail + z), "the context is to lose what the detail gains: weigh it by 1 - attention.")
    require(_close(got, fuse(context, detail, attention)[0]), "enlarge(a) * detail + enlarge((1 - a) * context).")
    return "inside one cell the product of two interpolations is not the interpolation of the product."


@exercise(
    "06.3", "write encoder_pixels(side, detail): pixels that the encoder sees for one square pseudo label of HRDA."
)
def _encoder_pixels(answer: Any) -> str:
    require_function(answer)
    got = float(answer(1024, 512))
    require(got != 9 * 512**2, "the windows are there; the context is a pass of the encoder, too.")
    require(got != 5 * 512**2, "the windows overlap by half: three along each side, not two.")
    require_close(got, 10 * 512**2, "the pixels for a crop of 1024 and a detail of 512")
    for side, detail in ((128, 32), (256, 256), (96, 64)):
        windows = len(window_boxes((side, side), (detail, detail)))
        want = windows * detail**2 + (side // 2) ** 2
        require_close(answer(side, detail), want, f"encoder_pixels({side}, {detail})", tolerance=0)
    return "two and a half times the crop itself; a training pass of the student needs half of the crop."


@exercise(
    "06.4", "write holes(noise, size, ratio): what stays visible, bool (H, W), for noise (rows, columns) in [0, 1)."
)
def _holes(answer: Any) -> str:
    require_function(answer)
    noise = torch.tensor([[0.1, 0.7, 0.9], [0.8, 0.2, 0.71]])
    got = torch.as_tensor(answer(noise, (4, 6), 0.7))
    require(tuple(got.shape) == (4, 6), f"one value a pixel: (4, 6), got {tuple(got.shape)}.")
    require(bool((got == got.bool()).all()), "True or False only: nearest neighbour, no interpolation.")
    got, want = got.bool(), _kept(noise, (4, 6), 0.7)
    require(bool((got == want)[:, 4:].any()), "the ratio is what is HIDDEN: 0.1 is a hole, 0.9 is not.")
    require(not bool(got[0, 2]), "visible where the noise is GREATER than the ratio: 0.7 at ratio 0.7 is hidden.")
    require(bool((got == want).all()), "each cell becomes a block of 2 x 2 pixels here, in the order of the noise.")
    for size in ((5, 7), (2, 3), (9, 8)):
        fits = torch.as_tensor(answer(noise, size, 0.7)).bool()
        message = f"pixel i lies in cell floor(i * cells / side), also where nothing divides: look at {size}."
        require(tuple(fits.shape) == size and bool((fits == _kept(noise, size, 0.7)).all()), message)
    return "one draw a cell and image, shared by red, green and blue."


@exercise("06.5", "write masked_loss(logits, label, confidence, tau): MIC's loss, labels (B, H, W) by the teacher.")
def _masked_loss(answer: Any) -> str:
    require_function(answer)
    random = torch.Generator().manual_seed(1)
    logits = torch.randn(2, 4, 3, 5, generator=random)
    label = torch.randint(4, (2, 3, 5), generator=random)
    confidence = torch.rand(2, 3, 5, generator=random)
    confidence[0] = confidence[0] * 0.5 + 0.5
    loss = F.cross_entropy(logits, label, reduction="none")
    sure = (confidence >= 0.8).float()
    got = answer(logits, label, confidence, 0.8)
    require(
        not _near(got, (loss * sure).mean()) and not _near(got, (loss * sure).sum() / sure.sum()),
        "no pixel is dropped: the share of sure pixels is ONE weight for all of them.",
    )
    each = sure.mean((1, 2), keepdim=True)
    require(not _near(got, (loss * each).mean()), "one share for the whole batch, not one an image.")
    require(not _near(got, loss.mean()), "the teacher's doubt is missing: weigh by the share of sure pixels.")
    require_close(got, float(sure.mean() * loss.mean()), "the loss")
    require_close(answer(logits, label, confidence, 0.0), float(loss.mean()), "with tau = 0 all are sure, and the loss")
    return "the mask appears nowhere in the loss: hidden and visible pixels count alike."


def _kept(noise: Tensor, size: tuple[int, int], ratio: float) -> Tensor:
    return block_mask(noise[None], size, ratio)[0, 0]


def _close(got: Tensor, want: Tensor) -> bool:
    return bool(torch.allclose(got, want, atol=1e-5))


def _near(got: Any, want: Tensor) -> bool:
    return abs(float(got) - float(want)) < 1e-6
