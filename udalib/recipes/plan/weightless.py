"""A method on tensors without contents: every operation of its step is called with shapes alone.

PyTorch's fake tensors have a shape, a dtype and a storage of the right length that is never allocated. A step at the
published size then takes seconds on any machine. They stand on the CPU, whose operations differ from a GPU's in a few
places: those that decide about memory are put right here (:class:`GpuPrecision`, multi-tensor optimisers).

What a step does may depend on values (a mask that is empty or not), which fake tensors do not have. Where the host asks
for one, it gets a typical answer (:class:`TypicalValues`): true, one, every element.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode, unset_fake_temporarily
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only

from udalib.core.draws import Draws
from udalib.core.types import Batch
from udalib.methods import LocalRuntime, Method

FULL_PRECISION = frozenset(
    {
        *("cross_entropy", "exp", "group_norm", "kl_div", "l1_loss", "layer_norm", "log", "log_softmax", "mse_loss"),
        *(
            "nll_loss",
            "norm",
            "pow",
            "prod",
            "binary_cross_entropy_with_logits",
            "smooth_l1_loss",
            "softmax",
            "softmin",
        ),
        *("softplus", "sum", "cumsum", "cosine_similarity"),
    }
)
"""Functions that mixed precision computes, and keeps, in float32 on a GPU (torch.amp); the CPU's list is shorter."""


class GpuPrecision(TorchFunctionMode):
    """Mixed precision as on a GPU: :data:`FULL_PRECISION` gets float32 where autocast is on."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Cast floating arguments of lower precision and call ``func``."""
        kwargs = kwargs or {}
        if torch.is_autocast_enabled("cpu") and getattr(func, "__name__", "") in FULL_PRECISION:
            args = tuple(_float(value) for value in args)
            kwargs = {key: _float(value) for key, value in kwargs.items()}
        return func(*args, **kwargs)


def _float(value: Any) -> Any:
    return value.float() if isinstance(value, Tensor) and value.dtype in (torch.bfloat16, torch.float16) else value


class TypicalValues(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Answers the host's questions about values: a number is one, a mask is true everywhere."""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Answer where ``func`` needs values, else call it."""
        if func is torch.ops.aten._local_scalar_dense.default:
            return _one(args[0])
        if func is torch.ops.aten.nonzero.default:
            return args[0].new_zeros((args[0].numel(), args[0].ndim), dtype=torch.int64)
        if func is torch.ops.aten.masked_select.default:
            return args[0].new_zeros(args[0].numel())
        if func is torch.ops.aten.equal.default:
            return True
        if func._overloadpacket in INDEXED:
            args = (args[0], _chosen(args[1]), *args[2:])
        return func(*args, **(kwargs or {}))


INDEXED = (torch.ops.aten.index, torch.ops.aten.index_put, torch.ops.aten.index_put_)


def _chosen(indices: Sequence[Tensor | None]) -> list[Tensor | None]:
    """``indices`` with every mask as the places of all its elements."""
    found: list[Tensor | None] = []
    for index in indices:
        masked = index is not None and index.dtype == torch.bool
        found += [index.new_zeros(index.numel(), dtype=torch.int64)] * index.ndim if masked else [index]  # type: ignore[union-attr]
    return found


def _one(tensor: Tensor) -> bool | int | float:
    if tensor.dtype == torch.bool:
        return True
    return 1.0 if tensor.is_floating_point() else 1


class RealDraws(Draws):
    """Draws with values: they choose boxes and classes on the host."""


def _outside(name: str) -> Callable[..., Any]:
    def draw(self: Draws, *arguments: Any) -> Any:
        with unset_fake_temporarily():
            return getattr(Draws, name)(self, *arguments)

    return draw


for _name in ("uniform", "integers", "bernoulli", "normal", "noise", "permutation"):
    setattr(RealDraws, _name, _outside(_name))


class PlanningRuntime(LocalRuntime):
    """One process in the precision of the run; its draws have values."""

    def __init__(self, precision: str) -> None:
        self.mixed = precision != "32-true"

    def draws(self, purpose: str, iteration: int, samples: int) -> Draws:
        """See :meth:`udalib.methods.Runtime.draws`."""
        with unset_fake_temporarily():
            return RealDraws(super().draws(purpose, iteration, samples).generators)

    def shared_draws(self, purpose: str, iteration: int) -> Draws:
        """See :meth:`udalib.methods.Runtime.shared_draws`."""
        with unset_fake_temporarily():
            return RealDraws(super().shared_draws(purpose, iteration).generators)

    @contextmanager
    def autocast(self) -> Iterator[None]:
        """Bfloat16 with a GPU's list of what stays in float32; float16 takes the same memory."""
        with torch.autocast("cpu", torch.bfloat16, enabled=self.mixed), GpuPrecision():
            yield


@contextmanager
def weightless(method: Method, precision: str) -> Iterator[Callable[[Mapping[str, Batch]], dict[str, Batch]]]:
    """Exchange the tensors of ``method`` for fake ones, for good; gives what does the same to batches.

    Args:
        method: on the CPU; afterwards it can be thrown away only.
        precision: of the run, one of :data:`udalib.engine.config.PRECISIONS`.
    """
    fakes: dict[int, tuple[Tensor, Tensor]] = {}  # with their originals, or an id could be given again

    def fake(tensor: Tensor) -> Tensor:
        if id(tensor) not in fakes:
            copy = torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype)
            if isinstance(tensor, nn.Parameter):
                copy = nn.Parameter(copy, requires_grad=tensor.requires_grad)
            fakes[id(tensor)] = copy, tensor
        return fakes[id(tensor)][0]

    def fake_batches(batches: Mapping[str, Batch]) -> dict[str, Batch]:
        found: dict[str, Batch] = tree_map_only(Tensor, fake, dict(batches))
        return found

    with FakeTensorMode(allow_non_fake_inputs=True):
        _exchange(method, fake)
        method.runtime = PlanningRuntime(precision)
        fakes.clear()
        yield fake_batches


def _exchange(method: Method, fake: Callable[[Tensor], Tensor]) -> None:
    for module in method.modules():
        held: tuple[dict[str, Any], ...] = (module._parameters, module._buffers)
        for tensors in held:
            tensors.update({key: fake(value) for key, value in tensors.items() if value is not None})
    for optimizer in method.optimizers().values():
        for group in optimizer.param_groups:
            group["params"] = [fake(parameter) for parameter in group["params"]]
            if group.get("foreach", False) is None and not group.get("fused"):
                group["foreach"] = True  # the default on a GPU


def settle(method: Method) -> None:
    """Take one empty step of every optimiser, so that momenta are there as in the middle of a run."""
    idle = {id(p) for name, p in method.named_parameters() if name.startswith(method.untrained)}
    for optimizer in method.optimizers().values():
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                if parameter.requires_grad and id(parameter) not in idle:
                    parameter.grad = torch.zeros_like(parameter)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
