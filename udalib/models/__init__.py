"""Networks: encoders, decoders, and how they are put together and loaded."""

from udalib.models.heads.daformer import DAFormerHead
from udalib.models.heads.segformer import SegFormerHead
from udalib.models.heads.upernet import UPerHead
from udalib.models.load import LoadReport, load_published
from udalib.models.mit import MIT_CONFIGS, MiTConfig, MixTransformer
from udalib.models.network import CAFFE, HALF, IMAGENET, InputStats, SegmentationNetwork
from udalib.models.receptive_field import attention_maps, effective_receptive_field
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
    "MIT_CONFIGS",
    "NETWORKS",
    "DAFormerHead",
    "InputStats",
    "LightFPN",
    "LoadReport",
    "MiTConfig",
    "MixTransformer",
    "SegFormerHead",
    "SegmentationNetwork",
    "StreetsEncoder",
    "UPerHead",
    "attention_maps",
    "create_decoder",
    "create_encoder",
    "create_network",
    "effective_receptive_field",
    "list_decoders",
    "list_encoders",
    "list_networks",
    "load_published",
]
