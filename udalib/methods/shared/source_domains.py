"""What methods share that learn from several labelled source domains, with or without a memory (pin_memory sheet)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.optim import Optimizer

from udalib.core.errors import ConfigError
from udalib.core.seeding import torch_generator
from udalib.core.types import Batch, Logs
from udalib.methods.base import Method
from udalib.methods.shared.labelled import Labelled
from udalib.models.memory import ClassMemory, Noise
from udalib.models.network import SegmentationNetwork
from udalib.models.pin_memory.checkpoint import refuse_without_items
from udalib.models.pin_memory.host import Seen
from udalib.models.pin_memory.passing import MemoryPass, evaluating, host_decoder
from udalib.ops import cross_entropy, resize
from udalib.ops.domain_views import DomainViews, Strengths
from udalib.ops.memory import ClassSums, class_means, cohesion_loss, gumbel_noise, unit_features

ITEMS = "network.decoder.memory.m_items"


class SourceDomains(Method):
    """Labelled domains, one stream each; a memory that all of them write, if the network has one.

    The first ``init_iterations`` train nothing: in eval mode they average the normalised features of each class over
    all domains, and the averages, scaled to length 1, become the items. With 0 the items start as zeros, which read as
    nothing; the first write replaces those of the classes it sees. The item of a class that no source shows stays zero,
    scores 0 everywhere and takes no part in the divergence; the log ``items_empty`` counts such items.

    Args:
        network: its decoder is "pin_v3plus" or "pin_v2".
        optimizer: of ``network``.
        domain_streams: names of the domains' streams.
        init_iterations: see above (published: two passes, 2 x 743 iterations of a claimed epoch).
        lambda_aux, lambda_read, lambda_div, lambda_cls: weights of the auxiliary head's cross-entropy, of feature
            cohesion, and of the two parts of memory divergence.
        augment: show photometric views (:class:`udalib.ops.domain_views.DomainViews`) of the images.
        jitter, jitter_probability, strong_jitter, blur: of the views; ``blur`` None = no blur.
        gumbel: add Gumbel noise to the reading scores: never, in training, or in predictions as well; there the noise
            is the same for every image, where the published code draws it anew each time, so that its predictions
            depend on their order. None: as ``official`` says.
        official: as the published scripts have it: Gumbel noise always.

    Raises:
        ConfigError: no domain, one twice, a foreign decoder, an initialisation without a memory.
    """

    batch_wise = "the memory is written by the class means over all samples at hand"
    phases: tuple[str, ...] = ("init_iterations",)
    init_total: Tensor
    init_weight: Tensor

    def __init__(
        self,
        network: SegmentationNetwork,
        optimizer: Optimizer,
        *,
        domain_streams: tuple[str, ...] = ("source", "second"),
        init_iterations: int = 0,
        lambda_aux: float = 0.4,
        lambda_read: float = 0.02,
        lambda_div: float = 0.4,
        lambda_cls: float = 0.2,
        augment: bool = True,
        jitter: Strengths = (0.4, 0.4, 0.4, 0.1),
        jitter_probability: float = 0.5,
        strong_jitter: Strengths = (0.8, 0.8, 0.8, 0.3),
        blur: tuple[float, float] | None = (0.15, 1.30),
        gumbel: Literal["off", "training", "always"] | None = None,
        official: bool = False,
    ) -> None:
        super().__init__()
        self.streams = self.domains = _checked(domain_streams)
        self.network, self.optimizer = network, optimizer
        self.decoder_memory(init_iterations)
        self.init_iterations, self.official = init_iterations, official
        self.lambdas = {"main": 1.0, "aux": lambda_aux, "read": lambda_read, "div": lambda_div, "cls": lambda_cls}
        self.augmentation = DomainViews(jitter, jitter_probability, strong_jitter, blur) if augment else None
        self.gumbel = gumbel or ("always" if official else "off")
        if self.gumbel not in ("off", "training", "always"):
            raise ConfigError(f"gumbel is {gumbel!r}; choose off, training or always.")

    def decoder_memory(self, init_iterations: int) -> None:
        """Make room for the sums of the initialisation."""
        memory = self.memory
        if memory is None and init_iterations:
            raise ConfigError(f"init_iterations is {init_iterations}, but the network has no memory; set it to 0.")
        shape = (0, 0) if memory is None else tuple(memory.m_items.shape)
        self.register_buffer("init_total", torch.zeros(*shape))
        self.register_buffer("init_weight", torch.zeros(shape[0]))

    @property
    def memory(self) -> ClassMemory | None:
        """The network's memory, if it has one."""
        return host_decoder(self.network).memory

    def optimizers(self) -> dict[str, Optimizer]:
        """``main``, of the network."""
        return {"main": self.optimizer}

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> Any:
        """Load a checkpoint, which must have the memory's items if the network has a memory."""
        if strict and self.memory is not None:
            refuse_without_items(state_dict, ITEMS)
        return super().load_state_dict(state_dict, strict, assign)

    def shown(
        self, batches: Mapping[str, Batch], domains: Sequence[str], iteration: int, strong: Sequence[str] = ()
    ) -> Labelled:
        """Images and labels of ``domains`` as one batch, domain after domain; the views of those in ``strong`` are."""
        images = [self.view(name, batches[name]["image"], iteration, strong=name in strong) for name in domains]
        sizes = {tuple(image.shape[-2:]) for image in images}
        if len(sizes) > 1:
            raise ConfigError(f"domains {', '.join(domains)} bring images of {sorted(sizes)}; crop all to one size.")
        return Labelled(torch.cat(images), torch.cat([batches[name]["label"] for name in domains]))

    def view(self, domain: str, images: Tensor, iteration: int, *, strong: bool) -> Tensor:
        """What the network is shown of ``images`` (B, 3, H, W) in [0, 1] of ``domain``."""
        if self.augmentation is None:
            return images
        draws = self.runtime.draws(f"{'strong' if strong else 'ordinary'} view/{domain}", iteration, len(images))
        return self.augmentation(images, draws, strong=strong)

    def noise(self, domains: Sequence[str], iteration: int, phase: str) -> Noise | None:
        """Gumbel noise for a training pass over ``domains``, drawn sample by sample; None where there is none."""
        if self.gumbel == "off":
            return None

        def draw(scores: Tensor) -> Tensor:
            each, shape = len(scores) // len(domains), tuple(scores.shape[1:])
            drawn = [self.runtime.draws(f"gumbel/{phase}/{d}", iteration, each).noise(*shape) for d in domains]
            return gumbel_noise(torch.cat(drawn)).to(scores.device, scores.dtype, non_blocking=True)

        return draw

    def reading_losses(self, seen: Seen, label: Tensor) -> dict[str, Tensor]:
        """``main``, ``aux`` (label resized to it by nearest neighbour) and ``read``, each a mean over valid pixels."""
        small = F.interpolate(label[:, None].float(), seen.auxiliary.shape[-2:], mode="nearest")[:, 0].long()
        main = resize(seen.logits, label.shape[-2:], align_corners=True)
        losses = {"main": cross_entropy(main, label), "aux": cross_entropy(seen.auxiliary, small)}
        if self.memory is not None and seen.scores is not None:
            losses["read"] = cohesion_loss(seen.scores, label, self.memory.temperature)
        return losses

    def writing_losses(self, items: Tensor) -> dict[str, Tensor]:
        """``div`` and ``cls`` of ``items`` (C, D)."""
        assert self.memory is not None
        return dict(zip(("div", "cls"), self.memory.divergence(items), strict=True))

    def weighted(self, losses: Mapping[str, Tensor]) -> Tensor:
        """Sum of ``losses`` times their weights."""
        terms = [self.lambdas[name] * loss for name, loss in losses.items()]
        return sum(terms[1:], start=terms[0])

    def pooled(self, sums: ClassSums) -> ClassSums:
        """``sums`` averaged over processes, which changes no class mean in one; gradients reach this process's own."""
        return ClassSums(*(x + (self.runtime.average(x.detach()) - x.detach()) for x in sums))

    def initialise(self, batches: Mapping[str, Batch], iteration: int) -> Logs:
        """Add one batch to the class means, and store them as items."""
        memory, batch = self.memory, self.shown(batches, self.domains, iteration)
        assert memory is not None
        with torch.no_grad(), evaluating(self.network), self.runtime.autocast():
            feature = host_decoder(self.network).context(self.network.features(batch.image))
            sums = self.pooled(memory.sums(feature, batch.label, plain=True))
        with torch.no_grad():
            if iteration == 0 and self.runtime.is_first:
                self.init_total.zero_()
                self.init_weight.zero_()
            self.init_total += sums.total
            self.init_weight += sums.weight
            memory.store(unit_features(class_means(ClassSums(self.init_total, self.init_weight))))
        if iteration == self.init_iterations - 1 and not bool(self.init_weight.any()):
            raise ConfigError(
                f"in {self.init_iterations} iterations no pixel of {', '.join(self.domains)} had a label, so that the "
                "memory has nothing to start from; check the labels and the label space of the sources."
            )
        return {"loss": torch.zeros((), device=batch.image.device), "items_empty": self.items_empty()}

    @torch.no_grad()
    def rewrite(self, batch: Labelled) -> None:
        """Write the stored items anew: eval mode, the updated network, ``batch``; once an iteration (sheet, 4.6).

        Of several micro-batches the last one is written.
        """
        if self.memory is None or self.runtime.is_accumulating:
            return
        with evaluating(self.network), self.runtime.autocast():
            sums = MemoryPass(self.network)(batch.image, label=batch.label, read=False).sums
        self.memory.store(self.memory.updated(self.memory.m_items, self.pooled(sums)))

    def items_empty(self) -> Tensor:
        """Number of items that nothing has written yet, (); 0 without a memory."""
        items = torch.zeros(0, 1) if self.memory is None else self.memory.m_items
        return (items == 0).all(1).sum()

    def predict(self, images: Tensor) -> Tensor:
        """Logits (B, C, H, W), read with the stored items, resized to the images."""
        if self.gumbel == "always":
            logits = host_decoder(self.network).seen(self.network.features(images), noise=_fixed_noise).logits
        else:
            logits = self.network(images)
        return resize(logits, images.shape[-2:], align_corners=True)


def _fixed_noise(scores: Tensor) -> Tensor:
    """Gumbel noise (1, K, h, w) that depends on nothing but the shape."""
    uniform = torch.rand(scores.shape[1:], generator=torch_generator("gumbel", "prediction"))
    return gumbel_noise(uniform[None]).to(scores.device, scores.dtype)


def _checked(streams: Sequence[str]) -> tuple[str, ...]:
    names = (streams,) if isinstance(streams, str) else tuple(streams)
    if not names or len(set(names)) < len(names):
        raise ConfigError(
            f"domain_streams are {names}; name at least one stream, each once. For two copies of one data set, as "
            "published for a single source, give the recipe two streams of it."
        )
    return names
