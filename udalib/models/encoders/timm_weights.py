"""Weight files of timm backbones: which are known, and how a file's parameter names meet an encoder's."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from udalib.core.errors import CheckpointError
from udalib.models.network import HALF, InputStats
from udalib.models.weights.files import find_weights, read_file


@dataclass(frozen=True)
class PretrainedFile:
    """Facts about one weights file: its name under the weights folder and the network it was trained as.

    ``options`` are arguments of timm's constructor. ``skip`` names modules that the file has no weights for; they are
    replaced by the identity.
    """

    file: str
    sha256: str
    stats: InputStats
    options: tuple[tuple[str, Any], ...] = ()
    skip: tuple[str, ...] = ()


PRETRAINED: dict[str, PretrainedFile] = {
    "mobilenetv2_100": PretrainedFile(
        "mobilenetv2_100_imagenet.safetensors",
        "c4aa9f4ebdaa285d207fc1600690a8504dfa89e0a4050bf0b5efc64510fba88d",
        HALF,
        options=(("pad_type", "same"),),
    ),
    "mobilenetv1_100": PretrainedFile(
        "mobilenetv1_100_imagenet_backbone.safetensors",
        "0de721b816ef018945572278d3f1b48574cbbef7d553b88a8d3bb6cabae7aee6",
        HALF,
        options=(("pad_type", "same"),),
        skip=("blocks.4.1",),
    ),
}
"""Files that ``pretrained=True`` knows, by timm name; both are ImageNet-1k networks converted from TensorFlow.

Their padding and input statistics matter: with timm's defaults the top-1 class of MobileNetV2 agrees with the reference
for 65 % (padding) and 54 % (ImageNet mean and std) of 128 photographs.
"""


def read_weights(path: Path, sha256: str | None) -> dict[str, Tensor]:
    """Read a weights file, half precision converted to float32.

    Raises:
        CheckpointError: the file is missing, unreadable or, where ``sha256`` is given, another one.
    """
    found = find_weights(path)
    if sha256 is not None and hashlib.sha256(found.read_bytes()).hexdigest() != sha256:
        raise CheckpointError(f"{found} is damaged or another file: its sha256 is not {sha256}. Fetch it again.")
    return {key: value.float() if value.is_floating_point() else value for key, value in read_file(found).items()}


def file_key(name: str, state: dict[str, Tensor]) -> str | None:
    """The key of ``state`` for the parameter ``name`` of a feature extractor.

    timm renames: ``layers.0.x`` becomes ``layers_0.x``, and a whole model that is wrapped gets a prefix.
    """
    candidates = (name, re.sub(r"^([^.]+)_(\d+)\.", r"\1.\2.", name), re.sub(r"^(model|body)\.", "", name))
    return next((key for key in candidates if key in state), None)
