"""Label spaces, real data sets, splits, samplers, transforms and streams."""

from udalib.core.draws import Draws
from udalib.data.collate import as_batch, as_sample, collate
from udalib.data.labels import (
    SUBSETS,
    LabelClass,
    LabelSpace,
    custom_space,
    label_space,
    label_space_names,
    listed,
    lookup_table,
    mapping,
    subset,
)
from udalib.data.loading import load_in_order
from udalib.data.sampling.rare_class import RareClassSampler, class_probabilities
from udalib.data.sampling.samplers import ClassRequirement, Sampler, SequentialSampler, ShuffleSampler
from udalib.data.sampling.stats import ClassStatistics, class_counts, compute_class_statistics
from udalib.data.sets.boxes.named import CocoBoxes
from udalib.data.sets.check import check_dataset
from udalib.data.sets.clips import Clips, PreviousFrames
from udalib.data.sets.files import SegmentationFiles
from udalib.data.sets.folder import SegmentationFolder
from udalib.data.sets.long_tail import SmallPictures
from udalib.data.sets.manifests import Manifest, manifest, manifest_names
from udalib.data.sets.multi_label import coco2014
from udalib.data.sets.pictures import Pictures
from udalib.data.sets.registry import DATASETS, create_dataset, from_manifest
from udalib.data.sets.report import KINDS, Defect, Report
from udalib.data.stream import MapDataset, Stream, Transform
from udalib.data.transforms.flow import EstimateFlow
from udalib.data.transforms.photometric import ColorJitter, GaussianBlur
from udalib.data.transforms.spatial import (
    CutBottom,
    HorizontalFlip,
    MapLabels,
    Pad,
    PilResize,
    RandomCrop,
    RandomScale,
    Resize,
    SameArea,
    ValidMargins,
)

__all__ = [
    "DATASETS",
    "KINDS",
    "SUBSETS",
    "ClassRequirement",
    "ClassStatistics",
    "Clips",
    "CocoBoxes",
    "ColorJitter",
    "CutBottom",
    "Defect",
    "Draws",
    "EstimateFlow",
    "GaussianBlur",
    "HorizontalFlip",
    "LabelClass",
    "LabelSpace",
    "Manifest",
    "MapDataset",
    "MapLabels",
    "Pad",
    "Pictures",
    "PilResize",
    "PreviousFrames",
    "RandomCrop",
    "RandomScale",
    "RareClassSampler",
    "Report",
    "Resize",
    "SameArea",
    "Sampler",
    "SegmentationFiles",
    "SegmentationFolder",
    "SequentialSampler",
    "ShuffleSampler",
    "SmallPictures",
    "Stream",
    "Transform",
    "ValidMargins",
    "as_batch",
    "as_sample",
    "check_dataset",
    "class_counts",
    "class_probabilities",
    "coco2014",
    "collate",
    "compute_class_statistics",
    "create_dataset",
    "custom_space",
    "from_manifest",
    "label_space",
    "label_space_names",
    "listed",
    "load_in_order",
    "lookup_table",
    "manifest",
    "manifest_names",
    "mapping",
    "subset",
]
