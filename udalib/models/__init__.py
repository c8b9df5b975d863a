"""Networks: encoders, decoders, and how they are put together and loaded."""

from udalib.models.deeplab_v2 import DeepLabV2, DeepLabV2VGG
from udalib.models.discriminator import FCDiscriminator
from udalib.models.encoders.mit import MIT_CONFIGS, MiTConfig, MixTransformer
from udalib.models.encoders.resnet import ResNet
from udalib.models.encoders.streets_net import LightFPN, StreetsEncoder
from udalib.models.encoders.timm_encoder import TimmEncoder
from udalib.models.encoders.vit_pyramid import ViTPyramid
from udalib.models.heads.daformer import DAFormerHead
from udalib.models.heads.danet import DAHead
from udalib.models.heads.deeplab_v3plus import DeepLabV3PlusHead
from udalib.models.heads.dlv2 import DLV2Head
from udalib.models.heads.isanet import ISAHead
from udalib.models.heads.segformer import SegFormerHead
from udalib.models.heads.upernet import UPerHead
from udalib.models.hrda import at_two_scales
from udalib.models.multi_resolution import MultiResolutionNetwork, ScaleOutputs
from udalib.models.named import deeplab_v3plus
from udalib.models.network import CAFFE, HALF, IMAGENET, InputStats, SegmentationNetwork
from udalib.models.pin_memory.checkpoint import load_pin_checkpoint
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
from udalib.models.weights.load import LoadReport, load_published

__all__ = [
    "CAFFE",
    "DECODERS",
    "ENCODERS",
    "HALF",
    "IMAGENET",
    "MIT_CONFIGS",
    "NETWORKS",
    "DAFormerHead",
    "DAHead",
    "DLV2Head",
    "DeepLabV2",
    "DeepLabV2VGG",
    "DeepLabV3PlusHead",
    "FCDiscriminator",
    "ISAHead",
    "InputStats",
    "LightFPN",
    "LoadReport",
    "MiTConfig",
    "MixTransformer",
    "MultiResolutionNetwork",
    "ResNet",
    "ScaleOutputs",
    "SegFormerHead",
    "SegmentationNetwork",
    "StreetsEncoder",
    "TimmEncoder",
    "UPerHead",
    "ViTPyramid",
    "at_two_scales",
    "attention_maps",
    "create_decoder",
    "create_encoder",
    "create_network",
    "deeplab_v3plus",
    "effective_receptive_field",
    "list_decoders",
    "list_encoders",
    "list_networks",
    "load_pin_checkpoint",
    "load_published",
]
