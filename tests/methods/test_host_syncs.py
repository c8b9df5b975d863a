"""A training step never waits for the device: nothing that depends on images or weights is read on the host."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from udalib.methods import LocalRuntime, list_methods
from udalib.recipes.conformance import recipe_of, subject_of

NAMES = ("dacs", "daformer", "hrda", "mic", "mic-hrda", "quadmix-dacs", "quadmix-hrda")
OPTIONS = {
    "dacs": [{"mix": mix, "official": o} for mix, o in (("class", False), ("class", True), ("cut", 0), ("cow", 0))]
}
OPTIONS |= {"mic": [{}, {"mask_alpha": 0.5, "mask_domains": "both"}, {"weighting": "pixel", "ignore_top": 2}]}

WAITING = {"_local_scalar_dense", "nonzero", "masked_select", "equal", "unique", "_unique2", "bincount", "is_nonzero"}
READING = {"tolist", "numpy", "cpu", "item", "__float__", "__int__", "__bool__", "__index__", "__array__", "__iter__"}


def tensors(values):
    return [value for value in tree_leaves(values) if isinstance(value, Tensor)]


class Reads(TorchDispatchMode):
    """Lists operations that would wait for the device, on the CPU too.

    A storage counts as the device's if it is one of ``start``, or the result of an operation on one that does. What
    was drawn on the CPU does not until it meets those, so reading it is free.
    """

    def __init__(self, *start):
        super().__init__()
        self.found: list[str] = []
        self._kept = {}  # storages stay alive, so that none of their addresses is used again
        self._mark(start)
        self.functions = _Functions(self)

    def _mark(self, values):
        for tensor in tensors(values):
            storage = tensor.untyped_storage()
            self._kept[storage._cdata] = storage

    def holds(self, values):
        return any(tensor.untyped_storage()._cdata in self._kept for tensor in tensors(values))

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        ours = self.holds((args, kwargs))
        name = function.overloadpacket.__name__
        by_mask = name in ("index", "index_put", "index_put_") and any(t.dtype == torch.bool for t in tensors(args[1]))
        if ours and (name in WAITING or by_mask):
            self.found.append(name)
        result = function(*args, **kwargs)
        if ours:
            self._mark(result)
        return result

    def __enter__(self):
        self.functions.__enter__()
        return super().__enter__()

    def __exit__(self, *error):
        super().__exit__(*error)
        self.functions.__exit__(*error)


class _Functions(TorchFunctionMode):
    """Readings that are no operation for a tensor on the CPU, and uploads that wait."""

    def __init__(self, reads):
        super().__init__()
        self.reads = reads

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name = getattr(function, "__name__", "")
        if name in READING and self.reads.holds(args[:1]):
            self.reads.found.append(name)
        moved = name == "to" and (any(isinstance(a, torch.device) for a in args[1:]) or "device" in kwargs)
        if moved and not self.reads.holds(args[:1]) and not kwargs.get("non_blocking"):
            self.reads.found.append("to, blocking")
        if name in ("tensor", "as_tensor") and kwargs.get("device") is not None:
            self.reads.found.append(f"{name} on the device")
        return function(*args, **kwargs)


def reads_of(call, *start):
    with Reads(*start) as reads:
        call()
    return reads.found


@pytest.mark.parametrize(
    "call",
    [
        lambda x: float(x.sum()),
        lambda x: (x + torch.rand(3)).max().item(),
        lambda x: x.view(3, 1).nonzero(),
        lambda x: x[x > 0.5],
        lambda x: x.tolist(),
        lambda x: x.detach().numpy(),
        lambda x: x.cpu(),
        lambda x: 1 if x.any() else 0,
        lambda x: torch.equal(x, torch.rand(3)),
        lambda x: list(range(int(x.argmax()))),
        lambda x: x * torch.rand(3).to(x.device),
        lambda x: x * torch.tensor([1.0, 2.0, 3.0], device=x.device),
    ],
)
def test_what_waits_is_seen(call):
    x = torch.rand(3, requires_grad=True).detach()
    assert reads_of(lambda: call(x), x)


def test_what_was_drawn_on_the_cpu_may_be_read():
    def call():
        drawn = torch.rand(3)
        assert sum(drawn.tolist()) > 0
        assert len(drawn[drawn > 2]) == 0
        return x * float(drawn[0]) + drawn.to(x.device, non_blocking=True)

    x = torch.rand(3)
    assert reads_of(call, x) == []


class Unstepped(LocalRuntime):
    """Leaves the optimisers out: Adam makes its state in the first step, on the device and by number."""

    def optimizer_step(self, optimizer):
        pass


@pytest.mark.parametrize("name", list_methods())
def test_a_step_of_a_recipe_reads_nothing_back(name):
    """Every registered method, in the plainest recipe that uses it; options of that recipe alone."""
    subject = subject_of(recipe_of(name))
    method, batches = subject.make(0), subject.batch(0)
    method.runtime = Unstepped()
    state = [*method.parameters(), *method.buffers()]
    assert reads_of(lambda: method.step(batches, 0), state, batches) == []


@pytest.mark.parametrize("name", ["quadmix", "quadmix-hrda", "quadmix-video"])
def test_a_step_with_a_filled_bank_reads_nothing_back(name):
    """With patches of rare classes where the recipe has them."""
    subject = subject_of(recipe_of(name))
    method = subject.make(0)
    method.runtime = Unstepped()
    method.step(subject.batch(0), 0)
    assert not method.bank.is_empty
    batches = subject.batch(1)
    state = [*method.parameters(), *method.buffers()]
    assert reads_of(lambda: method.step(batches, 1), state, batches) == []


CASES = [(name, options) for name in NAMES for options in OPTIONS.get(name, [{}])]


@pytest.mark.parametrize(("name", "options"), CASES)
def test_a_step_reads_nothing_back(toy, name, options):
    """Forward, backward and update of each method, jitter and blur included."""
    method = toy.method(name, toy.network_of(name, norm=True), jitter_probability=1, blur_probability=1, **options)
    data = toy.batches(2, 32, 32)
    data["target"]["valid"] = torch.ones(2, 32, 32, dtype=torch.uint8)
    state = [*method.train().parameters(), *method.buffers()]
    for i in range(2):
        assert reads_of(lambda i=i: method.step(data, i), state, data) == []


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU: the same question, asked of the driver")
@pytest.mark.parametrize(("name", "options"), CASES)
def test_a_step_on_a_gpu_does_not_wait(toy, name, options):
    method = toy.method(name, toy.network_of(name, norm=True), jitter_probability=1, blur_probability=1, **options)
    method.cuda().train()
    data = {d: {k: v.cuda() for k, v in batch.items()} for d, batch in toy.batches(2, 32, 32).items()}
    method.step(data, 0)
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        method.step(data, 1)
    finally:
        torch.cuda.set_sync_debug_mode("default")
