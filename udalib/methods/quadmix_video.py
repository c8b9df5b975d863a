"""QuadMix on clips: four mixing paths, pseudo labels carried by optical flow, and aggregation over time.

"Unified Domain Adaptive Semantic Segmentation" (QuadMix), TPAMI 2025, arXiv 2311.13254 (quadmix sheet, section 4; step
numbers are those of 4.5). Of a target clip d is the last frame, c = b the one before, a the one before that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, cast

import torch
from torch import Tensor
from torch.optim import Optimizer

from udalib.core.errors import ConfigError
from udalib.core.types import IGNORE_INDEX, Batch, Logs
from udalib.methods.quadmix import QuadMixing
from udalib.methods.registry import METHODS
from udalib.methods.shared.carried import CarriedLabels, Labeller
from udalib.methods.shared.clip_batches import augmented, flow_of, labelled_clip, matched, window
from udalib.methods.shared.clip_losses import AUXILIARY, MMD, centroid_discrepancy, clip_cross_entropy, weights_of
from udalib.methods.shared.feature_mixer import FeatureMixer
from udalib.models.clip_network import ClipNetwork, ClipScores
from udalib.models.network import SegmentationNetwork
from udalib.ops import resize
from udalib.ops.centroids import Trust
from udalib.ops.clips import Clip, cut
from udalib.ops.feature_mixing import nearest
from udalib.ops.quad_mixing import QuadMixed
from udalib.ops.warp import compose_flows


class Seen(NamedTuple):
    """What the target passes of a step give: losses by name, and the scores that centroids are made of."""

    losses: dict[str, Tensor]
    scores: tuple[Tensor, ...]


@METHODS.register("quadmix-video")
class QuadMixVideo(QuadMixing):
    """QuadMix on clips of at least two target frames; three give a second temporal pair.

    Source clips have two frames with flow and labels; source images stand still. Streams bring ``frames``,
    ``frame_labels`` (source) and ``flow_backward``; with ``flow_forward`` of the target, what is hidden in the
    previous frame gets no pseudo label.

    Args:
        network: a :class:`udalib.models.clip_network.ClipNetwork`.
        optimizer, num_classes: see :class:`udalib.methods.self_training.SelfTraining`.
        alpha: EMA of the labeller; 0: the student of the last step, as in the late phase of the published training.
        threshold: see the host; None, as published: every pseudo label counts.
        frozen_until: iteration up to which the labeller stays what it is at the start.
        lambda_target, lambda_aux, lambda_mmd: weights of the target's terms, of auxiliary outputs, of the discrepancy.
        match_colors: give source frames the histogram of the target frame.
        flow_guidance: carry labels from the previous frame along the flow; without, the labeller labels the frame
            itself (an ablation).
        mirror: mirror half of the frames that are labelled (step 5).
        second_pair: score d with a as well, where clips have three frames, for centroids from two temporal pairs.
        temporal_trust: weight of the two temporal pairs, see :func:`udalib.ops.centroids.temporal_weights`.
        window_rows: least and largest top row of the window that is cut from larger source clips (step 9).
        official: of :class:`QuadMixing`, and: u keeps its sign where a frame is mirrored, and the flow that carries
            labels is that of the frame that is not; u is scaled by the heights; flows are mixed by the previous frame's
            masks; patches count twice where two overlap; a template of the previous frame needs a LOGIT above the
            threshold; temporal pairs weigh alike; hidden pixels keep their label; no features are mixed. One thing is
            not repeated: frames that wrap around in a conversion (:mod:`udalib.ops.pil_round_trip`).
        host: options of :class:`QuadMixing`.

    Raises:
        ConfigError: another network; in a step: clips that lack frames, labels or flow, or do not fit each other.
    """

    title: ClassVar[str] = "QuadMix (video)"
    phases = ("quad_from", "frozen_until")
    patches_on_top: ClassVar[bool] = False
    own_patches: ClassVar[bool] = False

    def __init__(
        self,
        network: SegmentationNetwork,
        optimizer: Optimizer,
        num_classes: int,
        *,
        alpha: float = 0.99,
        threshold: float | None = None,
        frozen_until: int = 0,
        lambda_target: float = 1.0,
        lambda_aux: float = AUXILIARY,
        lambda_mmd: float = MMD,
        match_colors: bool = True,
        flow_guidance: bool = True,
        mirror: bool = True,
        second_pair: bool = True,
        temporal_trust: Trust = "sure",
        window_rows: tuple[int, int] | None = None,
        **host: Any,
    ) -> None:
        if not isinstance(network, ClipNetwork):
            raise ConfigError(
                f"quadmix-video needs a network of two frames, got {type(network).__name__}; set network.two_frames."
            )
        super().__init__(network, optimizer, num_classes, alpha=alpha, threshold=threshold, **host)
        self.frozen_until, self.match_colors, self.window_rows = frozen_until, match_colors, window_rows
        self.weights = weights_of(lambda_target, lambda_aux, lambda_mmd)
        self.trust: Trust = "equal" if self.official else temporal_trust
        self.second_pair = second_pair
        self.labeller = Labeller(guided=flow_guidance, mirror=mirror, official=self.official)

    @property
    def student(self) -> ClipNetwork:
        """The network."""
        return cast(ClipNetwork, self.network)

    def step(self, batches: Mapping[str, Batch], iteration: int) -> Logs:
        """One iteration; logs ``loss``, each weighted term, and the share of the target that has a pseudo label."""
        target = batches["target"]
        flow = flow_of(target)
        source = labelled_clip(batches["source"])
        if self.match_colors:
            source = source._replace(frames=matched(source.frames, target["frames"][:, -1]))
        if self.runtime.is_first and iteration >= self.frozen_until:
            self.teacher.follow(self.network, iteration)
        self.runtime.zero_grad(self.optimizer)
        with self.runtime.autocast():
            seen = self.run(source)
            labels = (source.label,) * len(seen.fused)
            losses = self.terms(seen, labels, source.weight, ("src", "src_aux"))
        carried = self.label_target_clip(target, iteration)
        strong = self.strong_clip(carried.clip, iteration)
        logs = self.learn_mixed_clips(source, carried, strong, batches, iteration)
        with self.runtime.autocast():
            views = self.look_at_target(target["frames"], flow, strong, carried)
        mmd = centroid_discrepancy(seen.fused[0], source.label, views.scores, self.trust)
        logs |= self.learn_terms(losses | views.losses | {"mmd": mmd})
        self.runtime.optimizer_step(self.optimizer)
        total = sum(value for name, value in logs.items() if name.startswith("loss_"))
        return {"loss": total, **logs, "pseudo_labelled": (carried.clip.label != IGNORE_INDEX).float().mean()}

    def run(self, clip: Clip, size: tuple[int, int] | None = None, still: Tensor | None = None) -> ClipScores:
        """The student on the last two frames of ``clip``."""
        flow = None if clip.flow is None else clip.flow[:, -1]
        return self.student.forward_clip(clip.frames, flow, size=size, still=still, official=self.official)

    def terms(
        self, scores: ClipScores, labels: Sequence[Tensor], weight: Tensor, names: Sequence[str]
    ) -> dict[str, Tensor]:
        """Unweighted cross-entropy of main and, where there is one, auxiliary scores, each with its label."""
        pairs = zip(names, scores.fused, labels, strict=False)
        corners = self.network.align_corners
        return {
            name: clip_cross_entropy(each, label, nearest(weight, label.shape[-2:]), corners)
            for name, each, label in pairs
        }

    def label_target_clip(self, target: Batch, iteration: int) -> CarriedLabels:
        """Pseudo labels of frames d and c (steps 5, 10 and 11), by the labeller, whose weights do not move here."""
        draws = self.runtime.draws("mirror", iteration, len(target["frames"]))
        with self.runtime.autocast(), torch.no_grad():
            carried = self.labeller(cast(ClipNetwork, self.teacher.network), target, draws)
        weight = self.weigh(carried.confidence[:, -1], self.threshold)
        return carried._replace(clip=carried.clip._replace(weight=weight))

    def strong_clip(self, clip: Clip, iteration: int) -> Clip:
        """Frames d and c, jittered and blurred alike (step 6)."""
        samples = self.runtime.draws("augment/target", iteration, len(clip.frames))
        choices = self.augmentation.draw(samples, self.runtime.shared_draws("augment/target", iteration))
        return clip._replace(frames=augmented(clip.frames, choices))

    def learn_mixed_clips(
        self, source: Clip, carried: CarriedLabels, strong: Clip, batches: Mapping[str, Batch], iteration: int
    ) -> Logs:
        """Both quad-mixed clips (steps 12 and 13), or nothing while the bank is empty; then it is filled (step 17)."""
        valid = carried.confidence > self.template_confidence
        place = self.source_window(source, strong, iteration)
        source = cut(source, *place)
        if self.rare_stream is not None:
            batches = {**batches, self.rare_stream: _cut_images(batches[self.rare_stream], place)}
        mixed = self.quad_mixed(source, strong, valid, batches, iteration)
        self.bank.store(source, carried.clip, valid)
        return {} if mixed is None else self.learn_quad(mixed, iteration)

    def source_window(self, source: Clip, target: Clip, iteration: int) -> tuple[int, int, tuple[int, int]]:
        """The part of larger source clips that is mixed with target clips; the patches' too."""
        return window(source, target.size, self.runtime.shared_draws("window", iteration), self.window_rows)

    def learn_quad(self, mixed: QuadMixed, iteration: int) -> Logs:
        """Learn both mixed clips, the weights being the published ones."""
        if not self.feature_weight:
            return self.learn_mixed_clip("src_p", mixed.tss, mixed.patched) | self.learn_mixed_clip(
                "tar_p", mixed.tst, mixed.patched
            )
        features = FeatureMixer(self.network.encoder, mixed.pasted, self.feature_weight)
        with self.runtime.autocast():
            with features.keeping():
                first = self.mixed_term(mixed.tss, mixed.patched)
            with features.mixing():
                second = self.mixed_term(mixed.tst, mixed.patched)
        return self.learn_terms({"src_p": first, "tar_p": second})

    def learn_mixed_clip(self, name: str, clip: Clip, patched: Tensor) -> Logs:
        """Forward and backward of one mixed clip."""
        with self.runtime.autocast():
            term = self.mixed_term(clip, patched)
        return self.learn_terms({name: term})

    def mixed_term(self, clip: Clip, patched: Tensor) -> Tensor:
        """Cross-entropy of a mixed clip, whose scores are enlarged before they are fused."""
        scores = self.run(clip, clip.size, patched)
        return clip_cross_entropy(scores.fused[0], clip.label, clip.weight, self.network.align_corners)

    def look_at_target(self, frames: Tensor, flow: Tensor, strong: Clip, carried: CarriedLabels) -> Seen:
        """Passes 3 and 4 (step 14): strong d with c learns the labels; plain d with a gives a second pair."""
        scores = self.run(strong)
        losses = self.terms(scores, carried.low, strong.weight, ("trg", "trg_aux"))
        if frames.shape[1] < 3 or not self.second_pair:
            return Seen(losses, (scores.fused[0],))
        earlier = compose_flows(flow[:, -1], flow[:, -2])
        second = self.student.forward_clip(frames[:, [-3, -1]], earlier, official=self.official)
        return Seen(losses, (scores.fused[0], second.fused[0]))

    def learn_terms(self, terms: Mapping[str, Tensor]) -> Logs:
        """Backward of weighted terms; logs each."""
        return self._backward({name: self.weights[name] * term for name, term in terms.items()})

    def predict_clip(self, clip: Batch) -> Tensor:
        """Logits (B, C, H, W) of the last frame of clips, the one before it considered."""
        network = cast(ClipNetwork, self.teacher.network if self.predict_with == "teacher" else self.network)
        frames = clip["frames"]
        flow = None if frames.shape[1] == 1 else flow_of(clip)[:, -1]
        scores = network.forward_clip(frames[:, -2:], flow, official=self.official).fused[0]
        return resize(scores, frames.shape[-2:], network.align_corners)


def _cut_images(batch: Batch, place: tuple[int, int, tuple[int, int]]) -> Batch:
    """Images and labels of a batch at the place that is cut from source clips."""
    top, left, (height, width) = place
    window = (..., slice(top, top + height), slice(left, left + width))
    return {"image": batch["image"][window], "label": batch["label"][window]}
