"""The template bank of QuadMix: what the last iteration saw, from which templates are cut in this one.

Quadmix sheet, sections 3.3 and 4.5, step 17. Shapes: B samples, T frames (1 for images).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from udalib.core.errors import ConfigError
from udalib.ops.clips import Clip

DOMAINS = ("source", "target")
PARTS = {"frames": torch.float32, "labels": torch.int64, "weight": torch.float32, "flow": torch.float32}
VALID = "target_valid"


class TemplateBank(nn.Module):
    """Source and target clips of the last iteration as buffers, so that a resumed run pastes what an unbroken one does.

    Each process, and each micro-batch, keeps its own samples; where the processes share their buffers (to evaluate, to
    save), all go on with the first one's. A bank is empty until the first :meth:`store`.
    """

    def __init__(self) -> None:
        super().__init__()
        for domain in DOMAINS:
            for part, dtype in PARTS.items():
                self.register_buffer(f"{domain}_{part}", torch.empty(0, dtype=dtype))
        self.register_buffer(VALID, torch.empty(0, dtype=torch.bool))

    @property
    def is_empty(self) -> bool:
        """True before anything was stored."""
        return self.get_buffer("source_frames").numel() == 0

    def fits(self, clip: Clip) -> bool:
        """Whether the bank holds target clips that can be pasted into ``clip``."""
        return self.get_buffer("target_frames").shape == clip.frames.shape

    def store(self, source: Clip, target: Clip, valid: Tensor) -> None:
        """Keep an iteration's clips, as they came: nothing mixed, nothing jittered.

        Args:
            source: with its labels.
            target: with pseudo labels and their weight.
            valid: where a pseudo label is sure enough for a template, bool (B, T, H, W).
        """
        for domain, clip in zip(DOMAINS, (source, target), strict=True):
            for part, dtype in PARTS.items():
                value = getattr(clip, part)
                empty = torch.empty(0, dtype=dtype, device=clip.frames.device)
                setattr(self, f"{domain}_{part}", empty if value is None else value.detach().to(dtype))
        self.target_valid = valid

    def clips(self) -> tuple[Clip, Clip, Tensor]:
        """What was stored last: source, target, and where the target's labels are valid.

        Raises:
            ConfigError: the bank is empty.
        """
        if self.is_empty:
            raise ConfigError("the template bank is empty; store() an iteration's samples before templates are cut.")
        source, target = (self._clip(domain) for domain in DOMAINS)
        return source, target, self.get_buffer(VALID)

    def _clip(self, domain: str) -> Clip:
        frames, labels, weight, flow = (self.get_buffer(f"{domain}_{part}") for part in PARTS)
        return Clip(frames, labels, weight, flow if flow.numel() else None)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        """Take the sizes of what is loaded: those of an empty bank are 0."""
        for name, own in list(self.named_buffers(recurse=False)):
            saved = state_dict.get(prefix + name)
            if saved is not None and saved.shape != own.shape:
                setattr(self, name, torch.empty_like(saved, device=own.device))
        super()._load_from_state_dict(state_dict, prefix, *rest)
