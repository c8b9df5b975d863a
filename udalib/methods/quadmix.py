"""QuadMix on images: four mixing paths with templates of the last iteration, on top of any self-training.

"Unified Domain Adaptive Semantic Segmentation" (QuadMix), TPAMI 2025, arXiv 2311.13254 (quadmix sheet, section 3; the
step numbers are those of 3.4). Images are clips of one frame: what is pasted, chosen and kept here is what
:mod:`udalib.methods.quadmix_video` pastes, chooses and keeps on clips.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from torch import Tensor
from torch.optim import Optimizer

from udalib.core.errors import ConfigError
from udalib.core.types import Batch, Logs
from udalib.methods.mic import MIC, MICHRDA
from udalib.methods.registry import METHODS
from udalib.methods.self_training import SelfTraining
from udalib.methods.shared.feature_mixer import FeatureMixer, check_feature_weight
from udalib.methods.shared.labelled import Labelled, named, pixel_weight
from udalib.methods.shared.quad_mixer import PATHS, QuadMixer, paths_of
from udalib.methods.shared.templates import TemplateBank
from udalib.models.network import SegmentationNetwork
from udalib.ops.augmentation import augment
from udalib.ops.clips import Clip, image_clip
from udalib.ops.quad_mixing import Patches, QuadMixed, quad_mix

BATCH_WISE = "templates come from the samples that this process, or the micro-batch before, saw last"


@METHODS.register("quadmix-dacs")
class QuadMixing(SelfTraining):
    """What QuadMix adds to a self-training: its mixed pass. Put it before the host among the bases; alone, it is DACS.

    Where the host mixes once, a source and a target template of the last iteration are pasted into the source images
    (giving T to (S to S)) and into the target images (S, then T to T), patches of rare classes on top; both are learned
    with half the weight of the host's mixed pass. Until a bank is filled, and before ``quad_from``, the host mixes.

    Args:
        network, optimizer, num_classes: of the host.
        quad_from: first iteration of QuadMix.
        template_classes: classes in a source template, and in a target template.
        template_confidence: a pseudo label in a template is at least that sure.
        templates: "bank": cut from the last iteration's samples; "batch": from this batch's next sample (an ablation).
        paths: pastes that are made, of :data:`udalib.methods.shared.quad_mixer.PATHS`.
        rare_stream: stream of labelled source images that show rare classes, N for each source image; None: no patches.
        rare_classes: ids of the patches, see :class:`udalib.methods.shared.quad_mixer.QuadMixer`.
        rare_pixels: pixels of its class that a patch must exceed.
        template_rare: source templates show every rare class as well (published for clips).
        feature_mix: share of the other mixed image's features where both show the same paste; 0: none.
        official: of the host, and: what is kept out of a target template are positions, not classes; 255 can be drawn
            as a class; each path has patches of its own, so that N must be even; no features are mixed. The article
            means the other forms. Patches are normalised like the images in both: the published ones come in another
            channel order and scale, which is not repeated here.
        host: options of the host.

    Raises:
        ConfigError: unknown ``paths`` or ``templates``, a ``rare_stream`` without ``rare_classes``, shares outside
            their ranges; in a step: streams of unlike numbers or sizes.
    """

    title: ClassVar[str] = "QuadMix (DACS)"
    batch_wise = BATCH_WISE
    phases: tuple[str, ...] = ("quad_from",)
    #: whether patches of rare classes lie over the target template (images) or under it (clips)
    patches_on_top: ClassVar[bool] = True
    #: whether ``official`` gives each path patches of its own
    own_patches: ClassVar[bool] = True

    def __init__(
        self,
        network: SegmentationNetwork,
        optimizer: Optimizer,
        num_classes: int,
        *,
        quad_from: int = 0,
        template_classes: int = 2,
        template_confidence: float = 0.9,
        templates: str = "bank",
        paths: tuple[str, ...] = PATHS,
        rare_stream: str | None = None,
        rare_classes: tuple[int, ...] = (),
        rare_pixels: int = 50,
        template_rare: bool = False,
        feature_mix: float = 0.3,
        **host: Any,
    ) -> None:
        super().__init__(network, optimizer, num_classes, **host)
        if templates not in ("bank", "batch"):
            raise ConfigError(f"templates is {templates!r}; choose bank or batch.")
        check_feature_weight(feature_mix)
        check_rare(rare_stream, rare_classes)
        self.quad_from, self.paths, self.templates = quad_from, paths_of(paths), templates
        self.template_confidence, self.rare_stream = template_confidence, rare_stream
        self.mixer = QuadMixer(
            template_classes, template_classes, tuple(rare_classes), rare_pixels, template_rare, self.official
        )
        self.feature_weight = 0.0 if self.official else feature_mix
        self.bank = TemplateBank()
        self.streams = type(self).streams if rare_stream is None else (*type(self).streams, rare_stream)

    def learn_mixed(self, source: Labelled, target: Labelled, batches: Mapping[str, Batch], iteration: int) -> Logs:
        """Both quad-mixed passes, or the host's mixed one; then the bank takes this iteration's samples."""
        clips = (as_clip(source), as_clip(target))
        assert target.confidence is not None
        valid = (target.confidence >= self.template_confidence)[:, None]
        mixed = self.quad_mixed(*clips, valid, batches, iteration)
        self.bank.store(*clips, valid)
        if mixed is None:
            return super().learn_mixed(source, target, batches, iteration)
        return self.learn_quad(mixed, iteration)

    def quad_mixed(
        self, source: Clip, target: Clip, valid: Tensor, batches: Mapping[str, Batch], iteration: int
    ) -> QuadMixed | None:
        """Source and target clips mixed along the four paths; None before ``quad_from`` and while a bank is empty.

        Args:
            source: with labels.
            target: of the same length and size, with pseudo labels.
            valid: which pseudo labels are sure enough for a template, bool (B, T, H, W).
            batches: of which the stream of rare classes is read.
            iteration: of the step.
        """
        samples = len(source.frames)
        rare = None if self.rare_stream is None else batches[self.rare_stream]
        stored = self.stored(source, target, valid)
        if stored is None or iteration < self.quad_from:
            return None
        templates = self.mixer.templates(stored, self.runtime.draws("quad/classes", iteration, samples))
        patches = self.patches(rare, samples, iteration)
        return quad_mix(
            source,
            target,
            *templates,
            patches,
            paths=self.paths,
            patches_on_top=self.patches_on_top,
            official=self.official,
        )

    def stored(self, source: Clip, target: Clip, valid: Tensor) -> tuple[Clip, Clip, Tensor] | None:
        """Clips that templates are cut from; None while there are none that fit."""
        if self.templates == "batch":
            return rolled(source), rolled(target), valid.roll(1, 0)
        return self.bank.clips() if self.bank.fits(target) else None

    def patches(self, batch: Batch | None, samples: int, iteration: int) -> tuple[Patches, Patches] | tuple[None, None]:
        """Patches for the source and for the target images (step 5): the same, unless ``official`` for images."""
        if batch is None:
            return None, None
        found = self.mixer.patches(batch, samples, self.runtime.draws("quad/rare", iteration, samples))
        if not (self.official and self.own_patches):
            return found, found
        number = found.classes.shape[1]
        if number % 2:
            raise ConfigError(
                f"each source image has {number} images of rare classes, which two paths cannot share; official=True "
                "needs an even number (the batch size of the stream of rare classes)."
            )
        first, second = zip(*(part.chunk(2, 1) for part in found), strict=True)
        return Patches(*first), Patches(*second)

    def learn_quad(self, mixed: QuadMixed, iteration: int) -> Logs:
        """Learn T to (S to S) and T to (S to T), half the weight each, jittered and blurred alike (steps 6 to 8)."""
        first, second = self.views(mixed, iteration)
        if not self.feature_weight:
            return self.learn(first, "quad_source", iteration) | self.learn(second, "quad_target", iteration)
        features = FeatureMixer(self.network.encoder, mixed.pasted, self.feature_weight)
        with self.runtime.autocast():
            with features.keeping():
                one = self.segment(first, "quad_source", iteration)
            with features.mixing():
                two = self.segment(second, "quad_target", iteration)
        return self._backward(named("quad_source", one.losses) | named("quad_target", two.losses))

    def views(self, mixed: QuadMixed, iteration: int) -> tuple[Labelled, Labelled]:
        """The two mixed images as they are learned."""
        samples = self.runtime.draws("augment/quad", iteration, len(mixed.pasted))
        choices = self.augmentation.draw(samples, self.runtime.shared_draws("augment/quad", iteration))
        one, two = (Labelled(augment(m.image, choices), m.label, 0.5 * m.weight) for m in (mixed.tss, mixed.tst))
        return one, two


def as_clip(batch: Labelled) -> Clip:
    """Images with their labels and weights as clips of one frame."""
    return image_clip(batch.image, batch.label, pixel_weight(batch))


def rolled(clip: Clip) -> Clip:
    """Each sample replaced by the one before it in the batch."""
    return Clip(*(None if part is None else part.roll(1, 0) for part in clip))  # type: ignore[arg-type]


def check_rare(stream: str | None, classes: tuple[int, ...]) -> None:
    """Raise :class:`ConfigError` for a stream of rare classes without a class."""
    if stream is not None and not classes:
        raise ConfigError(
            f"the stream {stream!r} is to show rare classes, but rare_classes names none; list train ids."
        )


@METHODS.register("quadmix")
class QuadMix(QuadMixing, MIC):
    """QuadMix on MIC with DAFormer's network, or any other of one scale."""

    title: ClassVar[str] = "QuadMix"


@METHODS.register("quadmix-hrda")
class QuadMixHRDA(QuadMixing, MICHRDA):
    """QuadMix on MIC with HRDA's two scales, as published; features are mixed in the context."""

    title: ClassVar[str] = "QuadMix (HRDA)"
