"""Small things around the loop: settings of torch, the method on its device, micro-batches."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from udalib.core.errors import ConfigError
from udalib.core.types import Batch
from udalib.engine.config import TrainConfig
from udalib.engine.recompute import recompute_blocks
from udalib.engine.runtime import broadcast_tensors


@contextmanager
def torch_settings(config: TrainConfig) -> Iterator[None]:
    """Set threads and determinism for the run, and put back what was there."""
    threads, benchmark = torch.get_num_threads(), torch.backends.cudnn.benchmark
    strict, warn = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    if config.deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cudnn.benchmark = not config.deterministic
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(strict, warn_only=warn)
        torch.backends.cudnn.benchmark = benchmark


def prepare(method: nn.Module, config: TrainConfig, device: torch.device, world_size: int) -> None:
    """Move ``method`` to ``device`` in place and give every process the parameters and buffers of process 0."""
    method.to(device)
    if config.sync_batchnorm and world_size > 1:
        nn.SyncBatchNorm.convert_sync_batchnorm(method)  # type: ignore[no-untyped-call]
    if world_size > 1:
        broadcast_tensors([*(p.data for p in method.parameters()), *method.buffers()])
    if config.channels_last:
        for parameter in method.parameters():
            if parameter.ndim == 4:
                parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    if config.activation_checkpointing:
        recompute_blocks(method)
    if config.compile:
        for network in _networks(method):
            network.compile()


def _networks(module: nn.Module) -> Iterator[nn.Module]:
    """Submodules that are called as a whole; containers are only gone through."""
    for child in module.children():
        yield from _networks(child) if isinstance(child, nn.ModuleDict | nn.ModuleList) else (child,)


@contextmanager
def modes_kept(module: nn.Module) -> Iterator[None]:
    """Restore the training or eval mode of every submodule afterwards (a frozen BatchNorm stays frozen)."""
    modes = [(m, m.training) for m in module.modules()]
    try:
        yield
    finally:
        for m, training in modes:
            m.training = training


def to_channels_last(batches: Mapping[str, Batch]) -> None:
    """Lay out every 4-D ``image`` as NHWC, in place."""
    for batch in batches.values():
        image = batch.get("image")
        if isinstance(image, Tensor) and image.ndim == 4:
            batch["image"] = image.contiguous(memory_format=torch.channels_last)


def split_batch(batches: Mapping[str, Batch], parts: int) -> list[dict[str, Batch]]:
    """Cut the batch of every stream into ``parts`` equal micro-batches.

    >>> split_batch({"source": {"image": torch.zeros(4, 3, 2, 2), "name": list("abcd")}}, 2)[1]["source"]["name"]
    ['c', 'd']
    """
    if parts == 1:
        return [dict(batches)]
    split = {name: _split_one(name, batch, parts) for name, batch in batches.items()}
    return [{name: pieces[k] for name, pieces in split.items()} for k in range(parts)]


def _split_one(name: str, batch: Batch, parts: int) -> list[Batch]:
    size = next(len(v) for v in batch.values() if isinstance(v, Tensor | list))
    if size % parts:
        raise ConfigError(
            f"stream {name!r} brings {size} samples to each process, which accumulate={parts} cannot cut into equal "
            f"micro-batches; choose a batch size that is a multiple of {parts} in each process."
        )
    step = size // parts

    def piece(value: Any, k: int) -> Any:
        batched = isinstance(value, Tensor | list | tuple) and len(value) == size
        return value[k * step : (k + 1) * step] if batched else value

    return [{key: piece(value, k) for key, value in batch.items()} for k in range(parts)]


def non_finite_weight(module: nn.Module) -> str | None:
    """Name of the first parameter with a NaN or an infinity, or None; waits for the device once."""
    named = [(n, p) for n, p in module.named_parameters() if p.numel()]
    if not named:
        return None
    finite = torch.stack([torch.isfinite(p.detach()).all() for _, p in named]).tolist()
    return next((name for (name, _), fine in zip(named, finite, strict=True) if not fine), None)
