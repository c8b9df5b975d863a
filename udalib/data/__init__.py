"""Label spaces, real data sets, splits, samplers, transforms and streams."""

from udalib.data.collate import as_batch, as_sample, collate
from udalib.data.draws import Draws
from udalib.data.labels import (
    SUBSETS,
    LabelClass,
    LabelSpace,
    label_space,
    label_space_names,
    lookup_table,
    mapping,
    subset,
)
from udalib.data.samplers import Sampler, SequentialSampler, ShuffleSampler
from udalib.data.stream import MapDataset, Stream, Transform

__all__ = [
    "SUBSETS",
    "Draws",
    "LabelClass",
    "LabelSpace",
    "MapDataset",
    "Sampler",
    "SequentialSampler",
    "ShuffleSampler",
    "Stream",
    "Transform",
    "as_batch",
    "as_sample",
    "collate",
    "label_space",
    "label_space_names",
    "lookup_table",
    "mapping",
    "subset",
]
