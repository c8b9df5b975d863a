"""Pin the Memory: a memory of the classes that is written on some source domains and must help on the others.

Kim et al., "Pin the Memory: Learning to Generalize Semantic Segmentation", CVPR 2022 (pin_memory sheet; step numbers
are those of its section 4). theta are the network's parameters, M the items, xi the inner rate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor
from torch.optim import Optimizer

from udalib.core.errors import ConfigError
from udalib.core.types import Batch, Logs
from udalib.methods.registry import METHODS
from udalib.methods.shared.labelled import Labelled
from udalib.methods.shared.source_domains import SourceDomains
from udalib.models.network import SegmentationNetwork
from udalib.models.pin_memory.passing import MemoryPass

MEMORY = "decoder.memory."
Named = dict[str, Tensor]


class Split(NamedTuple):
    """Domains of one iteration."""

    train: tuple[str, ...]
    test: tuple[str, ...]


@METHODS.register("pin-memory")
class PinMemory(SourceDomains):
    """Memory-guided meta-learning; with a network without memory plain meta-learning ("mldg" in the published code).

    In each iteration the domains are split at random; meta-train domains give an inner loss and write the memory,
    meta-test domains an outer loss of the network after one inner step, reading what was written:

        theta' = theta - xi grad L_in(theta)                      M'' = write(meta-train; theta', M)
        update theta by  grad L_in(theta) + grad L_out(theta'; M'')

    The code that the authors published stops gradients at ``grad L_in`` inside theta', which is first order; the paper
    speaks of second order. One domain is split into two views of the same images, ordinary and strong.

    Args:
        network, optimizer: see :class:`udalib.methods.shared.source_domains.SourceDomains`.
        inner_lr: xi of the first iteration that trains.
        inner_share: xi later on, as a share of each parameter's learning rate; None = ``inner_lr`` throughout.
        second_order: let the outer loss reach theta through ``grad L_in`` too. Costs a second backward through the
            inner pass and the memory of both passes at once.
        official: as the published code: Gumbel noise always, and the strong view for the first domain always, for the
            others never, whatever the split (a switch that is set once and forgotten). By default the domains in
            meta-test are the strong ones, as was meant.
        domains_and_host: options of :class:`~udalib.methods.shared.source_domains.SourceDomains`.

    The inner gradient is not scaled in float16; train in bfloat16 or float32.

    Raises:
        ConfigError: one domain and no augmentation (nothing to generalise over), or one domain as published.
    """

    title: ClassVar[str] = "Pin the Memory"

    def __init__(
        self,
        network: SegmentationNetwork,
        optimizer: Optimizer,
        *,
        inner_lr: float = 0.001,
        inner_share: float | None = 0.25,
        second_order: bool = False,
        official: bool = False,
        **domains_and_host: Any,
    ) -> None:
        super().__init__(network, optimizer, official=official, **domains_and_host)
        if len(self.domains) < 2 and (self.augmentation is None or official):
            raise ConfigError(
                f"one source domain, {self.domains[0]!r}, cannot be split in meta-train and meta-test: name a second "
                "stream in `domain_streams` (a second copy of the same data set will do, as published), or leave "
                "augment=True and official=False, which makes two views of it."
            )
        if inner_lr < 0 or (inner_share is not None and inner_share < 0):
            raise ConfigError(f"inner_lr is {inner_lr} and inner_share {inner_share}; neither may be negative.")
        self.inner_lr, self.inner_share, self.second_order = inner_lr, inner_share, second_order

    def step(self, batches: Mapping[str, Batch], iteration: int) -> Logs:
        """One update and one write; logs ``loss``, and ``inner_...`` and ``outer_...``: totals and unweighted terms.

        Iterations before ``init_iterations`` fill the memory instead.
        """
        if iteration < self.init_iterations:
            return self.initialise(batches, iteration)
        split = self.split(iteration)
        train = self.shown(batches, split.train, iteration, self.strong(split.train, tested=False))
        test = self.shown(batches, split.test, iteration, self.strong(split.test, tested=True))
        self.runtime.zero_grad(self.optimizer)
        with self.runtime.autocast():
            inner = self.inner_losses(train, split.train, iteration)  # step 1
            inner_loss = self.weighted(inner)
        parameters = self.parameters_by_name()
        gradients = self.inner_gradients(inner_loss, parameters)
        adapted = self.adapted(parameters, gradients, iteration)  # step 2
        with self.runtime.autocast():
            items = self.rewritten(adapted, train)  # step 3
            outer = self.outer_losses(adapted, items, test, split.test, iteration)  # step 4
            outer_loss = self.weighted(outer)
        first = inner_loss if self.second_order else linear(parameters, gradients)
        self.runtime.backward(first + outer_loss)
        self.runtime.optimizer_step(self.optimizer)  # step 5
        self.rewrite(train)  # step 6
        return self.logs({"inner": inner, "outer": outer}, {"inner": inner_loss, "outer": outer_loss})

    def split(self, iteration: int) -> Split:
        """Random order of the domains, cut at a random place; the same in every process."""
        if len(self.domains) == 1:
            return Split(self.domains, self.domains)
        draws = self.runtime.shared_draws("domain split", iteration)
        order = [self.domains[i] for i in draws.permutation(len(self.domains))[0].tolist()]
        count = int(draws.integers(1, len(order) - 1))
        return Split(tuple(order[:count]), tuple(order[count:]))

    def strong(self, shown: tuple[str, ...], *, tested: bool) -> tuple[str, ...]:
        """Those of the domains ``shown`` that get the strong view; ``tested`` in meta-test."""
        if self.official:
            return tuple(name for name in shown if name == self.domains[0])
        return shown if tested else ()

    def inner_losses(self, batch: Labelled, domains: Sequence[str], iteration: int) -> Named:
        """Step 1: the meta-train domains are read with the stored items, and then written, with gradient."""
        noise = self.noise(domains, iteration, "inner")
        passed = MemoryPass(self.network)(batch.image, noise=noise, label=batch.label)
        losses = self.reading_losses(passed.seen, batch.label)
        if self.memory is not None:
            losses |= self.writing_losses(self.memory.updated(self.memory.m_items, self.pooled(passed.sums)))
        return losses

    def parameters_by_name(self) -> Named:
        """theta: the network's parameters that are trained."""
        return {name: p for name, p in self.network.named_parameters() if p.requires_grad}

    def inner_gradients(self, loss: Tensor, parameters: Named) -> Named:
        """Grad L_in of the parameters that it reaches, averaged over processes; with its graph for second order."""
        found = torch.autograd.grad(loss, list(parameters.values()), create_graph=self.second_order, allow_unused=True)
        reached = {name: g for name, g in zip(parameters, found, strict=True) if g is not None}
        flat = torch.cat([g.reshape(-1) for g in reached.values()])
        mean = self.runtime.average(flat.detach())
        flat = flat + (mean - flat.detach()) if self.second_order else mean
        pieces = torch.split(flat, [g.numel() for g in reached.values()])
        return {name: piece.view_as(g) for piece, (name, g) in zip(pieces, reached.items(), strict=True)}

    def adapted(self, parameters: Named, gradients: Named, iteration: int) -> Named:
        """Step 2: theta' = theta - xi grad L_in."""
        rates = {id(p): self.inner_rate(group["lr"], iteration) for group in self._groups() for p in group["params"]}
        return {
            name: p - rates.get(id(p), 0.0) * gradients[name] if name in gradients else p
            for name, p in parameters.items()
        }

    def inner_rate(self, learning_rate: float, iteration: int) -> float:
        """Xi for parameters with the learning rate ``learning_rate`` of this iteration."""
        first = iteration == self.init_iterations
        return self.inner_lr if first or self.inner_share is None else self.inner_share * learning_rate

    def _groups(self) -> list[dict[str, Any]]:
        return self.optimizer.param_groups

    def rewritten(self, adapted: Named, batch: Labelled) -> Tensor | None:
        """Step 3: M'', written on the meta-train domains by theta', of which the update network alone has gradients."""
        if self.memory is None:
            return None
        frozen = {name: p if name.startswith(MEMORY) else p.detach() for name, p in adapted.items()}
        passed = MemoryPass(self.network).called(frozen, batch.image, label=batch.label, read=False)
        assert passed.sums is not None
        return self.memory.updated(self.memory.m_items, self.pooled(passed.sums))

    def outer_losses(
        self, adapted: Named, items: Tensor | None, batch: Labelled, domains: Sequence[str], iteration: int
    ) -> Named:
        """Step 4: the meta-test domains are read by theta' with M''; nothing is written."""
        noise = self.noise(domains, iteration, "outer")
        passed = MemoryPass(self.network).called(adapted, batch.image, items, noise)
        assert passed.seen is not None
        return self.reading_losses(passed.seen, batch.label)

    def logs(self, terms: Mapping[str, Named], totals: Mapping[str, Tensor]) -> Logs:
        """Scalars of an iteration."""
        logs: Logs = {f"{phase}_{name}": x.detach() for phase, named in terms.items() for name, x in named.items()}
        logs |= {f"{phase}_total": loss.detach() for phase, loss in totals.items()}
        if self.memory is not None:
            logs["items_empty"] = self.items_empty()
        return {"loss": torch.stack([loss.detach() for loss in totals.values()]).sum(), **logs}


def linear(parameters: Named, gradients: Named) -> Tensor:
    """A scalar whose gradient with respect to ``parameters`` is ``gradients``.

    It takes grad L_in through the same scaling and accumulation as the outer loss.
    """
    reached = torch.cat([parameters[name].reshape(-1) for name in gradients])
    return torch.dot(reached, torch.cat([g.reshape(-1) for g in gradients.values()]).to(reached.dtype))
