"""Goldens of the data pipeline: resizing, cropping, items, label maps, class statistics."""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path

import numpy as np
import torch
from harness import Check, absolute, exact, handles
from PIL import Image

from udalib.data import HorizontalFlip, Pad, PilResize, RandomCrop, Resize, SegmentationFolder, mapping
from udalib.data.collate import as_batch
from udalib.data.labels import label_space_names
from udalib.data.sampling.stats import BY_CLASS, BY_FILE, PER_IMAGE, ClassStatistics, class_counts
from udalib.data.transforms.geometry import fitted_size
from udalib.models.network import CAFFE

MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)


class GivenDraws:
    """Stands in for the random draws of one sample: the listed integers, and flips that are all ``flip``."""

    def __init__(self, integers=(), flip=False):
        self.left, self.flip = list(integers), flip

    def __len__(self):
        return 1

    def select(self, samples):
        return self

    def integers(self, lo, hi):
        value = self.left.pop(0)
        assert lo <= value <= hi, f"{value} is outside {lo} .. {hi}"
        return torch.tensor([value])

    def bernoulli(self, p):
        return torch.tensor([self.flip])


@handles("daformer", "resize_geometry*")
def resize_geometry(case):
    sizes, scales = case.config["sizes_hw"], case.config["scales"]
    got = [[fitted_size(tuple(size), tuple(scale)) for scale in scales] for size in sizes]
    yield Check("out_hw", np.array(got), case.outputs["out_hw"], exact())


@handles("daformer", "pipeline_source*")
def pipeline_source(case):
    """The same chain as in training; the drawn crop corners are replayed through the category rule."""
    cfg = case.config
    image = case.tensor("img_bgr").flip(-1).permute(2, 0, 1)
    batch = {"image": image[None], "label": case.tensor("label")[None], "name": ["x"]}
    resized = Resize(tuple(cfg["img_scale"]), keep_ratio=True)(batch, GivenDraws())
    got_bgr = resized["image"][0].flip(0).permute(1, 2, 0)
    yield Check("resized_bgr", got_bgr, case.outputs["resized_bgr"], absolute(1.0))
    yield Check("resized_label", resized["label"][0], case.outputs["resized_label"], exact())
    corners = GivenDraws([v for y1, _, x1, _ in cfg["crop_boxes_drawn"] for v in (y1, x1)], bool(cfg.get("flip")))
    crop = RandomCrop(tuple(cfg["crop"]), cat_max_ratio=cfg["cat_max_ratio"])
    cut = HorizontalFlip()(crop(resized, corners), corners)
    yield Check("draws_left", len(corners.left), 0, exact())
    mean, std = (torch.tensor(cfg.get(k, v)).view(3, 1, 1) for k, v in (("mean", MEAN), ("std", STD)))
    padded = Pad(tuple(cfg["pad"]), color=tuple(mean.flatten().tolist()))(cut, GivenDraws())
    yield Check("img", (padded["image"][0].float() - mean) / std, case.outputs["img"], absolute(0.05))
    yield Check("label_out", padded["label"][0], case.outputs["label_out"], exact())


@handles("daformer", "class_statistics*")
def class_statistics(case):
    luts = {name: mapping(f"{name}_ids", "cityscapes19") for name in ("gta5", "synthia")}
    yield Check("lut_gta", luts["gta5"], case.outputs["lut_gta"], exact())
    yield Check("lut_synthia", luts["synthia"], case.outputs["lut_synthia"], exact())
    pattern = case.config["file_names"]
    ids = luts["synthia" if "synthia" in pattern else "gta5"][case.inputs["raw_labels"]]
    yield Check("train_ids", ids, case.outputs["train_ids"], exact())
    digits = re.search(r"0*k", pattern).group()
    files = [pattern.replace(digits, str(k).zfill(len(digits))) for k in range(1, len(ids) + 1)]
    images = [(f, class_counts(torch.from_numpy(i))) for f, i in zip(files, ids, strict=True)]
    tables = ClassStatistics(tuple(images)).tables()
    stored = {PER_IMAGE: "sample_class_stats_json", BY_FILE: "sample_class_stats_dict_json"}
    for file, output in (*stored.items(), (BY_CLASS, "samples_with_class_json")):
        got, want = json.loads(json.dumps(tables[file])), json.loads(str(case.outputs[output]))
        yield Check(output, got == want, True, exact())


def folder_sample(image, label_ids, table):
    """The first item of a folder that holds this image and, as palette indices, these raw ids."""
    with tempfile.TemporaryDirectory() as folder:
        for role, array in (("images", image), ("labels", label_ids)):
            picture = Image.fromarray(array)
            if role == "labels":
                picture.putpalette(np.random.default_rng(0).integers(0, 256, 768, dtype=np.uint8).tobytes())
            (Path(folder) / role).mkdir()
            picture.save(Path(folder) / role / "a.png")
        return SegmentationFolder(f"{folder}/images", f"{folder}/labels", ids=table)[0]


def item_checks(case, sample, crop, names):
    """Pillow's resizing to ``crop`` (w, h), then BGR minus mean; labels by their table."""
    width, height = crop
    item = PilResize((height, width))(as_batch(sample), GivenDraws())
    image = item["image"][0].flip(0).float() - torch.tensor(case.config.get("mean_bgr", CAFFE.mean)).view(3, 1, 1)
    yield Check(names[0], image, case.outputs[names[0]], absolute(case.meta["tolerance"]["image_atol"]))
    if names[1] in case.outputs:
        yield Check(names[1], item["label"][0], case.outputs[names[1]], exact())


@handles("adaptsegnet", "dataset_items*")
def dataset_items(case):
    """Files on the disk -> item -> Pillow's resizing -> BGR minus mean."""
    cfg = case.config
    table = {int(k): v for k, v in cfg["id_to_trainid"].items()}
    sample = folder_sample(case.inputs["image"], case.inputs["label_ids"], table)
    for domain in ("source", "target"):
        yield from item_checks(case, sample, cfg[f"{domain}_crop"], (f"{domain}_image", f"{domain}_label"))


@handles("advent", "synthia_item*")
def synthia_item(case):
    """As above with SYNTHIA's ids; our own table of as many classes is the file's."""
    cfg = case.config
    table = {int(k): v for k, v in cfg["id_to_trainid"].items()}
    sample = folder_sample(case.inputs["image"], case.inputs["label_ids"], table)
    yield from item_checks(case, sample, cfg["crop"], ("image", "label"))
    if "size_vector" in cfg:
        yield Check("size_vector", [3, *cfg["crop"][::-1]], cfg["size_vector"], exact())
    space = f"cityscapes{len(set(table.values()))}"
    if space in label_space_names():
        ours = mapping("synthia_ids", space)
        yield Check("table", [ours[i] for i in sorted(table)], [table[i] for i in sorted(table)], exact())
