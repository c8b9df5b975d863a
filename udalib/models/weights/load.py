"""Load published weights: match names, say what did not fit, never run code from a file."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from udalib.core.errors import CheckpointError
from udalib.models.weights.files import read_file, state_dict_of

PREFERRED_PREFIXES = ("", "module.", "model.", "module.model.", "backbone.", "model.backbone.", "Scale.")
"""Which prefix wins when several fit equally well: DAFormer's student (``model.``) before its teacher."""


@dataclass(frozen=True)
class LoadReport:
    """What :func:`load_published` did. Names in ``unexpected`` are the file's, all others the model's.

    ``shape_mismatch`` lists (name, shape in the file, shape in the model); these keep their initial values.
    """

    loaded: tuple[str, ...]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    shape_mismatch: tuple[tuple[str, tuple[int, ...], tuple[int, ...]], ...]
    prefix: str = ""
    source: str = ""

    @property
    def complete(self) -> bool:
        """Every parameter and buffer of the model was loaded and the file held nothing else."""
        return not (self.missing or self.unexpected or self.shape_mismatch)

    def __str__(self) -> str:
        text = f"{self.source}: {len(self.loaded)} tensors loaded"
        text += f" (those under {self.prefix!r})" if self.prefix else ""
        shapes = [f"{name} {theirs} in the file, {ours} in the model" for name, theirs, ours in self.shape_mismatch]
        parts = (("missing", self.missing), ("unexpected", self.unexpected), ("of another shape", shapes))
        for title, names in parts:
            if names:
                more = f", ... {len(names) - 5} more" if len(names) > 5 else ""
                text += f"; {len(names)} {title}: {', '.join(names[:5])}{more}"
        return text


def load_published(
    model: nn.Module,
    path_or_state_dict: str | os.PathLike[str] | Mapping[str, Any],
    prefix: str | None = None,
    strict: bool = False,
    *,
    skip: Sequence[str] = (),
) -> LoadReport:
    """Copy published weights into ``model`` and report what fitted.

    Args:
        model: any module; its class may map published to own names by ``published_prefixes`` (name beginnings), and
            name by ``published_constants`` (endings) what is stored with weights and made here from the configuration.
        path_or_state_dict: a ``.pth``, ``.pt``, ``.ckpt`` or ``.safetensors`` file (a relative path is also looked up
            in the weights folder), a state dict, or a checkpoint that nests one under "state_dict" or the like.
        prefix: take only names that begin so, without that beginning: ``"ema_model."`` is DAFormer's teacher,
            ``"model.backbone."`` its student's encoder. None: the prefix of up to three components under which most
            tensors fit; see :data:`PREFERRED_PREFIXES` for ties.
        strict: raise unless the report is complete.
        skip: beginnings of published names (after the prefix) to leave at their initial values. AdaptSegNet's start
            weights need ``("layer5.",)``: their classifier is for 21 other classes.

    Half precision is converted to the model's type. A missing ``num_batches_tracked`` (old files) is not reported.

    Raises:
        CheckpointError: an unusable file (see :func:`udalib.models.weights.files.read_file`), not one tensor that
            fits, or with ``strict`` anything missing, unexpected or of another shape. The model is then unchanged.
    """
    if isinstance(path_or_state_dict, Mapping):
        source, state = "state dict", state_dict_of(path_or_state_dict, "the state dict")
    else:
        source, state = str(path_or_state_dict), read_file(path_or_state_dict)
    own = model.state_dict()
    renames: dict[str, str] = getattr(model, "published_prefixes", {})
    constants: tuple[str, ...] = getattr(model, "published_constants", ())
    state = {name: tensor for name, tensor in state.items() if not (constants and name.endswith(constants))}
    if prefix is None:
        prefix = _best_prefix(state, own, renames)
    chosen = {_rename(name[len(prefix) :], renames): name for name in state if name.startswith(prefix)}
    report = _compare(chosen, state, own, source=source, prefix=prefix, skip=tuple(skip))
    if not report.loaded or (strict and not report.complete):
        raise CheckpointError(_refusal(report, state, own))
    fitting = {name: state[chosen[name]].to(own[name].dtype) for name in report.loaded}
    model.load_state_dict(fitting, strict=False)
    return report


def _compare(
    chosen: Mapping[str, str],
    state: Mapping[str, Tensor],
    own: Mapping[str, Tensor],
    *,
    source: str,
    prefix: str,
    skip: tuple[str, ...],
) -> LoadReport:
    """What fits of ``state``; ``chosen`` gives the published name for each name of the model's kind."""
    skipped = {name for name, full in chosen.items() if full[len(prefix) :].startswith(skip)}
    shared = [name for name in own if name in chosen and name not in skipped]
    fitting = [name for name in shared if state[chosen[name]].shape == own[name].shape]
    return LoadReport(
        loaded=tuple(fitting),
        missing=tuple(n for n in own if n not in chosen and not n.endswith("num_batches_tracked")),
        unexpected=tuple(full for name, full in chosen.items() if name not in own and name not in skipped),
        shape_mismatch=tuple(
            (n, tuple(state[chosen[n]].shape), tuple(own[n].shape)) for n in shared if n not in fitting
        ),
        prefix=prefix,
        source=source,
    )


def _rename(name: str, renames: Mapping[str, str]) -> str:
    """The model's name for a published one: the first matching beginning is replaced."""
    for theirs, ours in renames.items():
        if name.startswith(theirs):
            return ours + name[len(theirs) :]
    return name


def _best_prefix(state: Mapping[str, Tensor], own: Mapping[str, Tensor], renames: Mapping[str, str]) -> str:
    """The beginning, of at most three components, under which most tensors fit by name and shape."""
    shapes = {name: tensor.shape for name, tensor in own.items()}
    counts: dict[str, int] = {}
    for name, tensor in state.items():
        for prefix in _prefixes(name):
            fits = shapes.get(_rename(name[len(prefix) :], renames)) == tensor.shape
            counts[prefix] = counts.get(prefix, 0) + fits
    rank = {prefix: i for i, prefix in enumerate(PREFERRED_PREFIXES)}
    return max(counts, key=lambda p: (counts[p], -rank.get(p, len(rank)), -len(p)), default="")


def _prefixes(name: str) -> list[str]:
    parts = name.split(".")
    return ["".join(f"{part}." for part in parts[:depth]) for depth in range(min(4, len(parts)))]


def _refusal(report: LoadReport, state: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> str:
    if report.loaded:
        return f"weights do not fit completely: {report}. Pass strict=False to load what fits."
    under = f" under the prefix {report.prefix!r}" if report.prefix else ""
    return (
        f"{report.source}: none of its {len(state)} tensors fits the model by name and shape{under}. "
        f"It has {', '.join(list(state)[:4])}, ...; the model has {', '.join(list(own)[:4])}, ...: "
        "it was made for another network, or needs another prefix."
    )
