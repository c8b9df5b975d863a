"""``last.ckpt`` and ``best.safetensors``: written atomically, loaded without running code."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from udalib.core.errors import CheckpointError
from udalib.core.files import atomic_path

FORMAT = 1


@dataclass
class Checkpoint:
    """All that a run needs to go on as if it had never stopped.

    Random states are not part of it: every draw is a function of seed, stream, iteration and position.

    Attributes:
        iteration: iterations completed.
        method: ``state_dict`` of the method, on the CPU.
        optimizers: ``state_dict`` of each optimiser, by name.
        scaler: state of the loss scaler ({} unless float16).
        pending: scalars not yet written to ``metrics.jsonl``, of each process.
        metrics_position: size of ``metrics.jsonl`` in bytes at this point.
        evaluated: False if stopped between this iteration and its evaluation.
        results: the last evaluation, {"evaluator/key": value, ...}.
        best: {"metric", "value", "iteration"} of ``best.safetensors``.
        elapsed: seconds spent so far.
        config: the settings that change the numbers, see ``TrainConfig.meaning``.
    """

    iteration: int
    method: dict[str, Any]
    optimizers: dict[str, dict[str, Any]]
    scaler: dict[str, Any]
    pending: list[list[tuple[int, dict[str, float]]]]
    metrics_position: int = 0
    evaluated: bool = True
    results: dict[str, Any] = field(default_factory=dict)
    best: dict[str, Any] | None = None
    elapsed: float = 0.0
    config: dict[str, Any] = field(default_factory=dict)
    format: int = FORMAT


def save_checkpoint(path: str | os.PathLike[str], checkpoint: Checkpoint) -> None:
    """Write ``checkpoint`` atomically: a kill at any instant leaves the earlier file or the new one, never half."""
    with atomic_path(path) as temporary:
        try:
            torch.save(vars(checkpoint), temporary)
        except RuntimeError as error:  # what torch's zip writer raises on a full disk
            raise OSError(f"torch could not write the file ({error})") from error


def load_checkpoint(path: str | os.PathLike[str]) -> Checkpoint:
    """Read a ``last.ckpt``.

    Raises:
        CheckpointError: missing, truncated, not made by udalib, or of another format.
    """
    values = _torch_load(Path(path))
    if not isinstance(values, dict) or "format" not in values or "method" not in values:
        raise CheckpointError(f"{path} is no udalib checkpoint; for published weights use load_published().")
    if values["format"] != FORMAT:
        raise CheckpointError(f"{path} has format {values['format']}, this version reads {FORMAT}; repeat the run.")
    return Checkpoint(**values)


def _torch_load(path: Path) -> Any:
    if not path.is_file():
        raise CheckpointError(f"there is no checkpoint {path}; check the path, or run the recipe to make one.")
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CheckpointError(
            f"{path} cannot be read ({reason[:200]}). udalib writes it atomically, so it was damaged later. "
            "Copy it again from where it came, or delete it: the run then starts again from iteration 0 "
            "(best.safetensors, if there is one, still holds usable weights)."
        ) from error


def save_weights(path: str | os.PathLike[str], method: nn.Module, note: Mapping[str, Any]) -> None:
    """Write ``method.state_dict()`` as safetensors, atomically, with ``note`` (text values) as metadata."""
    from safetensors.torch import save_file

    state = {k: v.detach().cpu().contiguous().clone() for k, v in method.state_dict().items() if isinstance(v, Tensor)}
    with atomic_path(path) as temporary:
        save_file(state, str(temporary), {key: str(value) for key, value in note.items()})


def load_weights(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """State dict of the method in a ``last.ckpt`` or ``best.safetensors``, on the CPU."""
    path = Path(path)
    if path.suffix != ".safetensors":
        return load_checkpoint(path).method
    if not path.is_file():
        raise CheckpointError(f"there is no weights file {path}; check the path, or run the recipe to make one.")
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        state: dict[str, Tensor] = load_file(str(path))
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path} cannot be read ({error}); copy it again, or use last.ckpt.") from error
    return state


def restore(checkpoint: Checkpoint, method: nn.Module, optimizers: Mapping[str, Optimizer], path: Path) -> None:
    """Load method and optimisers in place.

    Raises:
        CheckpointError: made for another network or other optimisers; names what differs.
    """
    if set(checkpoint.optimizers) != set(optimizers):
        raise CheckpointError(
            f"{path} holds optimisers {sorted(checkpoint.optimizers)}, this method has {sorted(optimizers)}; it "
            "belongs to another recipe. Choose another run folder."
        )
    try:
        method.load_state_dict(checkpoint.method)
        for name, optimizer in optimizers.items():
            optimizer.load_state_dict(checkpoint.optimizers[name])
    except (RuntimeError, ValueError) as error:
        raise CheckpointError(f"{path} was made for another network: {error} Choose another run folder.") from error


def refuse_changes(kind: str, before: Mapping[str, Any], now: Mapping[str, Any], remedy: str) -> None:
    """Raise :class:`CheckpointError` naming every entry that differs between a stored and the present setting."""
    changes = differences(before, now)
    if changes:
        shown = "; ".join(f"{name} was {old!r} and is now {new!r}" for name, old, new in changes[:8])
        raise CheckpointError(f"cannot resume with a changed {kind}: {shown}. {remedy}")


_MISSING = "(absent)"


def differences(before: Any, now: Any, name: str = "") -> list[tuple[str, Any, Any]]:
    """(dotted name, old, new) of every leaf that differs between two nested settings.

    >>> differences({"a": {"lr": 1, "wd": 0}}, {"a": {"lr": 2, "wd": 0}})
    [('a.lr', 1, 2)]
    """
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        found = []
        for key in [*before, *(k for k in now if k not in before)]:
            inner = f"{name}.{key}" if name else str(key)
            found += differences(before.get(key, _MISSING), now.get(key, _MISSING), inner)
        return found
    if isinstance(before, list | tuple) and isinstance(now, list | tuple):
        before, now = list(before), list(now)
    return [] if before == now else [(name, before, now)]
