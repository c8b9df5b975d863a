"""ELN's pixel contrastive loss between a teacher's and a student's embeddings, in random windows.

Kwon & Kwak, CVPR 2022, as the published code computes it (eln sheet, section 3.5). Of a window with pseudo labels y,
for each class c that occurs: anchors A_c are the TEACHER's embeddings of its pixels, positives P_c the student's of the
same pixels, negatives N_c the student's of all other valid pixels;

    pos_c = sum over a in A_c, p in P_c of exp(cos(a, p) / tau),   neg_c likewise over N_c, both at least 1e-8
    loss_c = -log(pos_c / (pos_c + neg_c)) / |A_c|

and the loss is the mean over the classes. The paper's prose has it otherwise: student anchors, and the mean over pixels
of a logarithm each. With sums before the logarithm, all that is needed of the N x N similarities is their sum for each
pair of classes, C x C numbers, collected over blocks of anchors; so memory grows with N, not with N squared.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from udalib.core.draws import Draws
from udalib.core.errors import ConfigError
from udalib.ops.losses import at_least_float32

TINY = 1e-8
Corner = tuple[int, int]


def draw_windows(size: Sequence[int], window: int, count: int, draws: Draws) -> list[Corner]:
    """Top-left corners of ``count`` square windows, uniform over all positions in a map of ``size`` (h, w).

    Args:
        size: (h, w) of the embeddings.
        window: side in positions.
        count: number of windows.
        draws: one generator for the whole batch, which shares the windows.

    Raises:
        ConfigError: a window is larger than the map, or there is none.
    """
    height, width = (int(side) for side in size[-2:])
    if count < 1 or not 1 <= window <= min(height, width):
        raise ConfigError(
            f"{count} contrast windows of {window} x {window} in embeddings of {height} x {width}: there must be one, "
            "no larger than the map. Set contrast_window (and contrast_windows) of the method, or enlarge the images."
        )
    return [(int(draws.integers(0, height - window)), int(draws.integers(0, width - window))) for _ in range(count)]


def pixel_contrast(
    teacher: Tensor,
    student: Tensor,
    label: Tensor,
    windows: Sequence[Corner],
    num_classes: int,
    *,
    window: int = 32,
    temperature: float = 0.5,
    chunk: int = 1024,
) -> Tensor:
    """Mean over ``windows`` of the contrastive loss described at the top of this file.

    Args:
        teacher: embeddings (B, D, h, w) of the anchors. Detach them for training.
        student: embeddings (B, D, h, w) of positives and negatives. Both are scaled to length 1 here, in float32.
        label: pseudo labels (B, h, w), 255 or any id outside 0..C-1 = not valid.
        windows: (top, left) of each window, the same for all images of the batch.
        num_classes: C.
        window: side of a window.
        temperature: tau.
        chunk: anchors that are compared at a time; changes memory and speed, not the value.

    Returns:
        Scalar, float32 or wider; a window without a valid pixel counts 0.

    Raises:
        ConfigError: the maps differ in size.
    """
    if teacher.shape != student.shape or teacher.shape[-2:] != label.shape[-2:]:
        raise ConfigError(
            f"teacher {tuple(teacher.shape)}, student {tuple(student.shape)} and label {tuple(label.shape)} do not "
            "fit; expected (B, D, h, w) twice and (B, h, w)."
        )
    losses = []
    for corner in windows:
        anchors, others, ids = (_pixels(x, corner, window) for x in (teacher, student, label[:, None]))
        member = one_hot(ids[:, 0], num_classes, at_least_float32(others).dtype)
        losses.append(_window_loss(class_pair_sums(unit(anchors), unit(others), member, temperature, chunk), member))
    return torch.stack(losses).mean()


def _pixels(x: Tensor, corner: Corner, window: int) -> Tensor:
    """(B, K, h, w) -> the window's pixels (N, K)."""
    top, left = corner
    return x[:, :, top : top + window, left : left + window].permute(0, 2, 3, 1).reshape(-1, x.shape[1])


def _window_loss(sums: Tensor, member: Tensor) -> Tensor:
    """Loss of one window from its sums by pair of classes (C, C); ``member`` (N, C) as there."""
    count = member.sum(0)
    loss = -torch.log(positive_share(sums)) / count.clamp(min=1)
    present = count > 0
    return torch.where(present, loss, 0.0).sum() / present.sum().clamp(min=1)


def positive_share(sums: Tensor) -> Tensor:
    """pos_c / (pos_c + neg_c) of each class, (C,), from the sums by pair of classes (C, C)."""
    own = sums.diagonal()
    positive = own.clamp(min=TINY)
    negative = (sums - torch.diag_embed(own)).sum(1).clamp(min=TINY)
    return positive / (positive + negative)


def unit(vectors: Tensor) -> Tensor:
    """Rows (N, D) scaled to length 1 in float32 or wider; a length below 1e-8 counts as 1e-8."""
    vectors = at_least_float32(vectors)
    length: Tensor = torch.linalg.vector_norm(vectors, dim=1, keepdim=True)
    return vectors / length.clamp(min=TINY)


def one_hot(label: Tensor, num_classes: int, dtype: torch.dtype) -> Tensor:
    """(N,) ids -> (N, C) of 0 and 1; ids outside 0..C-1 give a row of zeros."""
    return (label[:, None] == torch.arange(num_classes, device=label.device)).to(dtype)


def class_pair_sums(anchors: Tensor, others: Tensor, member: Tensor, temperature: float, chunk: int) -> Tensor:
    """Sum of exp(cos / tau) over the anchors of class c and the others of class k, (C, C).

    Of several blocks, the similarities are forgotten and computed again in the backward pass.

    Args:
        anchors: unit vectors (N, D).
        others: unit vectors (N, D).
        member: (N, C), which class each pixel is of.
        temperature: tau.
        chunk: anchors in a block.
    """

    def block(rows: Tensor, of: Tensor) -> Tensor:
        with torch.autocast(rows.device.type, enabled=False):  # sums of up to 1e8 are no matter for 16 bits
            similarity = torch.exp(rows @ others.T / temperature)
            return of.T @ (similarity @ member)

    if len(anchors) <= chunk:  # one block: nothing is saved by computing it again
        return block(anchors, member)
    blocks = zip(torch.split(anchors, chunk), torch.split(member, chunk), strict=True)
    parts = [checkpoint(block, rows, of, use_reentrant=False, preserve_rng_state=False) for rows, of in blocks]
    return torch.stack(parts).sum(0)
