"""Necks and heads of detectors by name."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from udalib.core.registry import Registry

NECKS: Registry[Callable[..., nn.Module]] = Registry("neck")
"""Builders ``(in_channels of C2..C5, out_channels=256, **options)``; a neck maps [C2..C5] to (P3..P7)."""

HEADS: Registry[Callable[..., nn.Module]] = Registry("detection head")
"""Builders ``(num_classes, in_channels=256, **options)``."""
