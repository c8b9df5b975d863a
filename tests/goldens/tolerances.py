"""Tolerances of the golden runner, and the comparison itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch


@dataclass(frozen=True)
class Tolerance:
    """How far a result may be from the golden: ``kind`` names the measure, ``limit`` its largest allowed value."""

    kind: str
    limit: float

    def error(self, got: np.ndarray, want: np.ndarray) -> float:
        """Measured error in the unit of ``limit``; infinite where NaN or infinity do not match."""
        if self.kind in ("exact", "agreement"):
            same = got == want
            if np.issubdtype(want.dtype, np.floating):
                same |= np.isnan(got.astype(np.float64)) & np.isnan(want)
            return float(1.0 - np.mean(same)) if want.size else 0.0
        got, want = got.astype(np.float64), want.astype(np.float64)
        finite = np.isfinite(want)
        if not np.array_equal(got[~finite], want[~finite], equal_nan=True) or not np.isfinite(got[finite]).all():
            return float("inf")
        difference = np.abs(got[finite] - want[finite])
        if not difference.any():
            return 0.0
        if self.kind == "absolute":
            return float(difference.max())
        size = np.abs(want[finite])
        scale = size.max() if self.kind == "relmax" else size
        with np.errstate(divide="ignore", invalid="ignore"):
            return float(np.where(difference == 0, 0.0, difference / scale).max())

    def __str__(self) -> str:
        return "exact" if self.kind == "exact" else f"{self.kind} {self.limit:g}"


def relmax(limit: float) -> Tolerance:
    """``|got - want| <= limit * max|want|``, the maximum over the whole array."""
    return Tolerance("relmax", limit)


def absolute(limit: float) -> Tolerance:
    """``|got - want| <= limit``."""
    return Tolerance("absolute", limit)


def relative(limit: float) -> Tolerance:
    """``|got - want| <= limit * |want|`` for every element."""
    return Tolerance("relative", limit)


def exact() -> Tolerance:
    """Equal in every element (NaN equals NaN)."""
    return Tolerance("exact", 0.0)


def agreement(fraction: float) -> Tolerance:
    """At least ``fraction`` of the elements are equal."""
    return Tolerance("agreement", 1.0 - fraction + 1e-12)


def to_numpy(value: Any) -> np.ndarray:
    """Tensor (any device), array, number, text or list of these as an array."""
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu()
        return np.asarray((value.float() if value.dtype == torch.bfloat16 else value).numpy())
    if isinstance(value, (list, tuple)) and any(isinstance(v, torch.Tensor) for v in value):
        return np.stack([to_numpy(v) for v in value])
    return np.asarray(value)


@dataclass
class Check:
    """One comparison: ``got`` from our code, ``want`` from the golden file."""

    name: str
    got: Any
    want: Any
    tolerance: Tolerance

    def error(self) -> float:
        """Measured error; a different shape or kind of value raises :class:`ValueError`."""
        got, want = to_numpy(self.got), to_numpy(self.want)
        if got.shape != want.shape:
            raise ValueError(f"{self.name}: shape {got.shape}, expected {want.shape}")
        return self.tolerance.error(got, want)
