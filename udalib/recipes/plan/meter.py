"""What a step costs: the bytes that are alive, the arithmetic, the traffic; read off its operations one by one."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

BLOCK = 512
"""PyTorch's allocator on a GPU hands out multiples of this many bytes."""


@dataclass(frozen=True)
class Work:
    """One operation: floating point operations, bytes read and written, and whether a tensor core may take it."""

    name: str
    flops: int
    moved: int
    half: bool


class Meter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts while it is on; tensors from before are made known with :meth:`watch`.

    Attributes:
        alive: bytes of the storages that exist now.
        peak: the most that existed at a time.
        work: what was done, in order; views cost nothing and are left out.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.alive = self.peak = 0
        self.work: list[Work] = []
        self._known: dict[int, weakref.ref[torch.UntypedStorage]] = {}

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Call ``func`` and write down what it took."""
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        outputs, inputs = list(_tensors(result)), list(_tensors((args, kwargs)))
        self.watch(outputs)
        if not func.is_view and outputs:
            count = flop_registry.get(func._overloadpacket)
            flops = int(count(*args, **kwargs, out_val=result)) if count else 0
            half = bool(inputs) and inputs[0].dtype in (torch.bfloat16, torch.float16)
            self.work.append(Work(func.__name__, flops, sum(map(_bytes, [*inputs, *outputs])), half))
        return result

    def watch(self, tensors: Iterable[Tensor]) -> None:
        """Count the storages of ``tensors`` until they go away; those that are known count once."""
        for tensor in tensors:
            storage = tensor.untyped_storage()
            key = id(storage)
            if key not in self._known:
                size = -(-storage.nbytes() // BLOCK) * BLOCK
                self._known[key] = weakref.ref(storage, partial(self._gone, key, size))
                self.alive += size
        self.peak = max(self.peak, self.alive)

    def _gone(self, key: int, size: int, _: Any) -> None:
        del self._known[key]
        self.alive -= size


def _tensors(values: Any) -> Iterator[Tensor]:
    return (leaf for leaf in tree_leaves(values) if isinstance(leaf, Tensor))


def _bytes(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()
