"""Networks: encoders, decoders, and how they are put together and loaded."""

from udalib.models.network import CAFFE, HALF, IMAGENET, InputStats, SegmentationNetwork
from udalib.models.registry import (
    DECODERS,
    ENCODERS,
    NETWORKS,
    create_decoder,
    create_encoder,
    create_network,
    list_decoders,
    list_encoders,
    list_networks,
)
from udalib.models.streets_net import LightFPN, StreetsEncoder

__all__ = [
    "CAFFE",
    "DECODERS",
    "ENCODERS",
    "HALF",
    "IMAGENET",
    "NETWORKS",
    "InputStats",
    "LightFPN",
    "SegmentationNetwork",
    "StreetsEncoder",
    "create_decoder",
    "create_encoder",
    "create_network",
    "list_decoders",
    "list_encoders",
    "list_networks",
]
