"""The losses of a training step on clips (quadmix sheet, sections 2.4, 4.5 and 4.7)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor

from udalib.ops import cross_entropy, resize
from udalib.ops.centroids import Trust, class_centroids, fuse_over_time, mmd_rbf, temporal_weights
from udalib.ops.feature_mixing import nearest

AUXILIARY, MMD = 0.1, 0.01
"""Published weights of the auxiliary outputs and of the discrepancy."""


def clip_cross_entropy(
    scores: Tensor, label: Tensor, weight: Tensor | None = None, align_corners: bool = True
) -> Tensor:
    """Mean cross-entropy of the labelled pixels of ``label`` (B, H, W), ``scores`` (B, C, h, w) enlarged to it.

    ``weight`` (B, H, W) multiplies each pixel's and leaves the divisor, the number of labelled pixels. Without a
    labelled pixel it is 0, where the published code gives NaN.
    """
    return cross_entropy(resize(scores, label.shape[-2:], align_corners), label, weight)


def centroid_discrepancy(
    source: Tensor, label: Tensor, targets: Sequence[Tensor], trust: Trust = "sure", *, min_pixels: int = 5
) -> Tensor:
    """MMD of the class vectors of source scores, where they are right, and of target scores fused over time.

    Args:
        source: logits (B, C, h, w).
        label: of the source, (B, H, W) of any size; its nearest pixels count.
        targets: logits (B, C, ., .) of the same target frame from several temporal pairs.
        trust: see :func:`udalib.ops.centroids.temporal_weights`.
        min_pixels: see :func:`udalib.ops.centroids.class_centroids`.
    """
    size = source.shape[-2:]
    right = class_centroids(source, nearest(label, size), min_pixels=min_pixels).vectors
    vectors = [class_centroids(scores, min_pixels=min_pixels).vectors for scores in targets]
    return mmd_rbf(right, fuse_over_time(vectors, temporal_weights(targets, trust)))


def video_losses(
    scores: Mapping[str, Tensor],
    labels: Mapping[str, Tensor],
    *,
    align_corners: bool = True,
    trust: Trust = "sure",
) -> dict[str, Tensor]:
    """Every unweighted term of a step at once.

    Args:
        scores: logits "src", "src_aux" of the source, "tss" and "tst" of the mixed clips, "trg" and "trg_aux" of the
            current and previous target frame, "da" of the current one and that two frames earlier.
        labels: "label_src", "label_tss", "label_tst", "pseudo_trg", "pseudo_trg_aux".
        align_corners: how scores are enlarged to their label.
        trust: see :func:`udalib.ops.centroids.temporal_weights`.
    """
    pairs = {
        "src": ("src", "label_src"),
        "src_aux": ("src_aux", "label_src"),
        "src_p": ("tss", "label_tss"),
        "tar_p": ("tst", "label_tst"),
        "trg": ("trg", "pseudo_trg"),
        "trg_aux": ("trg_aux", "pseudo_trg_aux"),
    }
    terms = {
        name: clip_cross_entropy(scores[score], labels[label], None, align_corners)
        for name, (score, label) in pairs.items()
    }
    targets = (scores["trg"], scores["da"])
    return {**terms, "mmd": centroid_discrepancy(scores["src"], labels["label_src"], targets, trust)}


def weights_of(lambda_target: float, auxiliary: float = AUXILIARY, mmd: float = MMD) -> dict[str, float]:
    """Weight of each term: ``lambda_T (trg + aux trg_aux + tar_p) + src_p + src + aux src_aux + mmd``."""
    target = {"trg": lambda_target, "trg_aux": lambda_target * auxiliary, "tar_p": lambda_target}
    return {**target, "src_p": 1.0, "src": 1.0, "src_aux": auxiliary, "mmd": mmd}


def total_loss(
    terms: Mapping[str, Tensor], lambda_target: float, auxiliary: float = AUXILIARY, mmd: float = MMD
) -> Tensor:
    """Sum of ``terms`` by :func:`weights_of`."""
    weights = weights_of(lambda_target, auxiliary, mmd)
    values = [weights[name] * term for name, term in terms.items()]
    return sum(values[1:], start=values[0])
