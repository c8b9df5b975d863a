"""Label spaces, real data sets, splits, samplers, transforms and streams."""

from udalib.data.clips import Clips
from udalib.data.collate import as_batch, as_sample, collate
from udalib.data.datasets import DATASETS, create_dataset, from_manifest
from udalib.data.draws import Draws
from udalib.data.files import SegmentationFiles
from udalib.data.folder import SegmentationFolder
from udalib.data.labels import (
    SUBSETS,
    LabelClass,
    LabelSpace,
    custom_space,
    label_space,
    label_space_names,
    lookup_table,
    mapping,
    subset,
)
from udalib.data.manifests import Manifest, manifest, manifest_names
from udalib.data.samplers import Sampler, SequentialSampler, ShuffleSampler
from udalib.data.stream import MapDataset, Stream, Transform
from udalib.data.transforms import (
    ColorJitter,
    GaussianBlur,
    HorizontalFlip,
    MapLabels,
    Pad,
    PilResize,
    RandomCrop,
    Resize,
)

__all__ = [
    "DATASETS",
    "SUBSETS",
    "Clips",
    "ColorJitter",
    "Draws",
    "GaussianBlur",
    "HorizontalFlip",
    "LabelClass",
    "LabelSpace",
    "Manifest",
    "MapDataset",
    "MapLabels",
    "Pad",
    "PilResize",
    "RandomCrop",
    "Resize",
    "Sampler",
    "SegmentationFiles",
    "SegmentationFolder",
    "SequentialSampler",
    "ShuffleSampler",
    "Stream",
    "Transform",
    "as_batch",
    "as_sample",
    "collate",
    "create_dataset",
    "custom_space",
    "from_manifest",
    "label_space",
    "label_space_names",
    "lookup_table",
    "manifest",
    "manifest_names",
    "mapping",
    "subset",
]
