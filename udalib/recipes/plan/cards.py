"""Graphics cards by name: what their maker states, and the time that a step takes if it reaches that."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from udalib.core.registry import Registry
from udalib.recipes.plan.meter import Work

TERA, GIGA = 1e12, 1e9


@dataclass(frozen=True)
class Card:
    """A graphics card as public data sheets and comparisons have it: dense arithmetic, no sparsity.

    Not found stated, but taken from the ratios of their families: TF32 of the A100, products of the RTX 3090.

    Attributes:
        title: its full name.
        memory: GiB.
        half: TFLOP/s of bfloat16 products on tensor cores, summed in float32.
        tf32: TFLOP/s of float32 convolutions, which PyTorch hands to tensor cores in TF32.
        full: TFLOP/s of all other float32 arithmetic.
        bandwidth: GB/s of its memory.
    """

    title: str
    memory: float
    half: float
    tf32: float
    full: float
    bandwidth: float

    def seconds(self, work: Iterable[Work]) -> float:
        """Seconds for ``work`` one operation after the other, each at the rate of what limits it."""
        return sum(max(each.flops / self._rate(each), each.moved / (self.bandwidth * GIGA)) for each in work)

    def _rate(self, work: Work) -> float:
        if work.half:
            return self.half * TERA
        return (self.tf32 if "convolution" in work.name else self.full) * TERA


CARDS: Registry[Card] = Registry("card")
CARDS.add("h200", Card("NVIDIA H200 SXM", 140, 989.4, 494.7, 66.9, 4800))
CARDS.add("h100", Card("NVIDIA H100 SXM 80 GB", 79, 989.4, 494.7, 66.9, 3350))
CARDS.add("a100", Card("NVIDIA A100 SXM 80 GB", 79, 312.0, 156.0, 19.5, 2039))
CARDS.add("rtx4090", Card("NVIDIA GeForce RTX 4090", 24, 165.2, 82.6, 82.6, 1008))
CARDS.add("rtx3090", Card("NVIDIA GeForce RTX 3090", 24, 71.0, 35.6, 35.6, 936))
