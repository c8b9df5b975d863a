"""Optical flow between the frames of clips that come without: RAFT from a weights file, or Lucas-Kanade.

torchvision's RAFT (Teed, Deng, ECCV 2020) needs a file under ``$UDALIB_WEIGHTS``; nothing is downloaded. OpenCV is no
dependency of this library, so its DIS and Farneback flows are not offered.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from udalib.core.draws import Draws
from udalib.core.errors import CheckpointError, ConfigError
from udalib.core.paths import weights_root
from udalib.core.types import Batch
from udalib.ops.optical_flow import LucasKanade

Estimator = Literal["lucas_kanade", "raft_small", "raft_large"]
ESTIMATORS = ("lucas_kanade", "raft_small", "raft_large")
RAFT_LEAST, RAFT_MULTIPLE = 128, 8
"""RAFT's sides are multiples of 8, and at least 128, so that its coarsest correlation has two cells."""


@dataclass(frozen=True)
class EstimateFlow:
    """Add ``flow_backward`` and ``flow_forward`` to batches of clips; a batch transform, first in the row.

    Frames float (B, T, 3, H, W) in [0, 1] give float32 (B, T - 1, 2, H, W) each: from every frame but the first to the
    one before it, and from every frame but the last to the one after it.

    Attributes:
        estimator: "lucas_kanade", or "raft_small" and "raft_large", whose weights file is that of torchvision.

    Raises:
        ConfigError: another estimator, or a batch without frames.
        CheckpointError: RAFT's file is missing or does not fit.
    """

    estimator: Estimator = "lucas_kanade"

    def __post_init__(self) -> None:
        if self.estimator not in ESTIMATORS:
            raise ConfigError(f"flow estimator is {self.estimator!r}; choose {', '.join(ESTIMATORS)}.")

    def __call__(self, batch: Batch, draws: Draws) -> Batch:
        """See :class:`EstimateFlow`; draws nothing."""
        if "frames" not in batch:
            raise ConfigError("a flow transform needs clips; set frames=2 or more for the stream's data set.")
        frames: Tensor = batch["frames"]
        if not frames.is_floating_point():
            raise ConfigError("a flow transform works on float frames: use it in batch_transforms, first in the row.")
        first, second = frames[:, :-1].flatten(0, 1), frames[:, 1:].flatten(0, 1)
        estimate = self._function(frames.device)
        shape = (len(frames), frames.shape[1] - 1, 2, *frames.shape[-2:])
        back, forth = estimate(second, first), estimate(first, second)
        return {**batch, "flow_backward": back.reshape(shape), "flow_forward": forth.reshape(shape)}

    def _function(self, device: torch.device) -> Callable[[Tensor, Tensor], Tensor]:
        if self.estimator == "lucas_kanade":
            return LucasKanade()
        return partial(_raft_flow, raft(self.estimator, str(weights_root()), str(device)))


def raft_file(estimator: str) -> str:
    """Name of torchvision's weights file for a variant of RAFT.

    >>> raft_file("raft_small").startswith("raft_small")
    True
    """
    return str(_raft_weights(estimator).url).rsplit("/", 1)[1]


@lru_cache(maxsize=2)
def raft(estimator: str, folder: str, device: str) -> nn.Module:
    """RAFT with the weights in ``folder``, in eval mode on ``device``.

    Raises:
        CheckpointError: the file is missing or does not fit.
    """
    from torchvision.models import optical_flow

    path = Path(folder) / raft_file(estimator)
    if not path.is_file():
        raise CheckpointError(
            f"{path} is missing, the weights of {estimator}; nothing is downloaded. Get it from torchvision's address "
            f"{_raft_weights(estimator).url} and put it there, or take the estimator lucas_kanade."
        )
    network: nn.Module = getattr(optical_flow, estimator)(weights=None)
    try:
        network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    except (RuntimeError, OSError, ValueError, EOFError) as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(f"{path} does not hold the weights of {estimator} ({reason}). Get it again.") from error
    return network.eval().requires_grad_(False).to(device)


def _raft_weights(estimator: str) -> Any:
    from torchvision.models import optical_flow

    name = {"raft_small": "Raft_Small_Weights", "raft_large": "Raft_Large_Weights"}[estimator]
    return getattr(optical_flow, name).DEFAULT


@torch.no_grad()
def _raft_flow(network: nn.Module, first: Tensor, second: Tensor) -> Tensor:
    """Flow on the grid of ``first``; images are padded by their borders to sizes that RAFT takes."""
    height, width = first.shape[-2:]
    sides = [max(-(-side // RAFT_MULTIPLE) * RAFT_MULTIPLE, RAFT_LEAST) for side in (width, height)]
    margins = [0, sides[0] - width, 0, sides[1] - height]
    padded = (F.pad(x.float() * 2 - 1, margins, mode="replicate") for x in (first, second))
    flow: Tensor = network(*padded)[-1]
    return flow[..., :height, :width]
