"""Plain training on all source domains at once: what domain generalisation is measured against.

The loops ``agg`` and ``memory_agg`` of the published code of Pin the Memory (pin_memory sheet, section 4).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor

from udalib.core.types import Batch, Logs
from udalib.methods.registry import METHODS
from udalib.methods.shared.labelled import Labelled
from udalib.methods.shared.source_domains import SourceDomains
from udalib.models.pin_memory.passing import MemoryPass


@METHODS.register("joined-sources")
class JoinedSources(SourceDomains):
    """One pass over the images of all domains, so that BatchNorm mixes them; the ordinary view of each.

    A network without memory learns ``CE_main + 0.4 CE_aux`` ("agg", the published baseline). With one it reads the
    stored items, writes them from the same pass, learns the whole sum of losses, and stores what the updated network
    writes ("memory_agg"): the memory without meta-learning. Options are those of
    :class:`udalib.methods.shared.source_domains.SourceDomains`.
    """

    title: ClassVar[str] = "joined sources"

    def step(self, batches: Mapping[str, Batch], iteration: int) -> Logs:
        """One update; logs ``loss`` and its unweighted terms."""
        if iteration < self.init_iterations:
            return self.initialise(batches, iteration)
        batch = self.shown(batches, self.domains, iteration)
        self.runtime.zero_grad(self.optimizer)
        with self.runtime.autocast():
            losses = self.losses(batch, iteration)
            loss = self.weighted(losses)
        self.runtime.backward(loss)
        self.runtime.optimizer_step(self.optimizer)
        self.rewrite(batch)
        logs: Logs = {f"loss_{name}": term.detach() for name, term in losses.items()}
        empty = {} if self.memory is None else {"items_empty": self.items_empty()}
        return {"loss": loss.detach(), **logs, **empty}

    def losses(self, batch: Labelled, iteration: int) -> dict[str, Tensor]:
        """All terms by name, unweighted."""
        noise = self.noise(self.domains, iteration, "joined")
        passed = MemoryPass(self.network)(batch.image, noise=noise, label=batch.label)
        losses = self.reading_losses(passed.seen, batch.label)
        if self.memory is not None:
            losses |= self.writing_losses(self.memory.updated(self.memory.m_items, self.pooled(passed.sums)))
        return losses
