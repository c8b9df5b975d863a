"""Read a weights file without running code from it."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.torch
import torch
from torch import Tensor

from udalib.core.errors import CheckpointError
from udalib.core.paths import weights_root

CONTAINERS = ("state_dict", "model_state_dict", "model", "network", "net", "weights", "params")
"""Keys under which training codes nest the state dict of a checkpoint, in the order in which they are tried."""

# Plain values that training codes save beside the tensors; none of them can run code. NumPy 1 files use the old name.
_SCALAR = np.float64(0).__reduce__()[0]
_HARMLESS: list[Any] = [argparse.Namespace, np.dtype, (_SCALAR, "numpy.core.multiarray.scalar"), _SCALAR]
_HARMLESS += [type(np.dtype(name)) for name in ("float32", "float64", "int32", "int64", "bool")]


def find_weights(path: str | os.PathLike[str]) -> Path:
    """``path`` itself if it exists, else the same name under the weights folder.

    Raises:
        CheckpointError: if neither is a file.
    """
    given = Path(path).expanduser()
    for candidate in (given, weights_root() / given):
        if candidate.is_file():
            return candidate
    raise CheckpointError(
        f"no weights file at {given}, nor under the weights folder {weights_root()}. Check the name, put the "
        "file there, or set UDALIB_WEIGHTS to the folder that holds it; udalib never downloads weights."
    )


def read_file(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """Tensors of a ``.safetensors``, ``.pth``, ``.pt`` or ``.ckpt`` file by their names in the file, on the CPU.

    Raises:
        CheckpointError: a file that is missing, empty or truncated, holds no tensors, or needs code execution to load.
    """
    found = find_weights(path)
    if found.stat().st_size == 0:
        raise CheckpointError(f"{found} is empty (0 bytes). Fetch it again.")
    if found.suffix == ".safetensors":
        try:
            tensors: dict[str, Tensor] = safetensors.torch.load_file(found)
            return tensors
        except safetensors.SafetensorError as error:
            raise CheckpointError(
                f"{found} is truncated or not a safetensors file ({error}). Fetch it again."
            ) from error
    return state_dict_of(read_pickle(found), str(found))


def read_pickle(path: Path) -> Any:
    """What a PyTorch file holds, read without executing code; :class:`CheckpointError` if that cannot be done."""
    try:
        with torch.serialization.safe_globals(_HARMLESS):
            return torch.load(path, map_location="cpu", weights_only=True)
    except MemoryError:
        raise
    except Exception as error:  # a damaged file makes the reader fail in many ways
        reason = str(error).rpartition("WeightsUnpickler error:")[2].strip() or type(error).__name__
        wanted = re.search(r"GLOBAL (\S+)|Unsupported class (\S+)|(TorchScript)|(legacy \.tar)", str(error))
        if wanted is None:
            raise CheckpointError(
                f"{path} is truncated or not a file of torch.save ({reason.splitlines()[0][:200]}). Fetch it again."
            ) from error
        raise CheckpointError(_refusal(path, next(group for group in wanted.groups() if group))) from error


def _refusal(path: Path, wanted: str) -> str:
    return (
        f"{path} cannot be loaded without running code stored in it (it asks for {wanted}). udalib never does that: "
        "such a file could do anything with your machine. If you trust its origin, load it elsewhere with "
        "torch.load(path, weights_only=False), keep only the tensors, and save them with safetensors.torch.save_file."
    )


def state_dict_of(checkpoint: Any, source: str = "the checkpoint") -> dict[str, Tensor]:
    """The tensors of a loaded checkpoint: itself, or what it nests under one of :data:`CONTAINERS`.

    Entries that are no tensors are left out.

    Raises:
        CheckpointError: if there are no tensors.
    """
    if isinstance(checkpoint, Mapping):
        tensors = {str(name): value for name, value in checkpoint.items() if isinstance(value, Tensor)}
        if tensors:
            return tensors
        for key in CONTAINERS:
            if isinstance(checkpoint.get(key), Mapping):
                return state_dict_of(checkpoint[key], source)
        found = f"a dictionary with keys {[str(key) for key in checkpoint][:8]}"
    else:
        found = f"a {type(checkpoint).__name__}"
    raise CheckpointError(
        f"{source} holds no state dict (name -> tensor) but {found}. "
        "Save one with torch.save(model.state_dict(), path)."
    )
