"""Goldens of the read-out of logits, confusion matrices, IoU means and whole evaluations."""

import math

import numpy as np
import torch
from harness import Check, absolute, agreement, exact, handles, relative, relmax

from udalib import metrics
from udalib.data.labels import label_space, lookup_table, mapping
from udalib.engine.evaluation.inference import resize_logits
from udalib.engine.evaluation.segmentation import SegmentationEvaluator


@handles("adaptsegnet", "evaluate_readout*")
def evaluate_readout(case):
    up = resize_logits(case.tensor("logits"), tuple(case.config["size"]), align_corners=True)
    yield Check("up_sub", up[..., ::8, ::8], case.outputs["up_sub"], relmax(1e-5))
    want = case.outputs["pred"]
    yield Check("pred", up.argmax(1).view(want.shape), want, agreement(0.9999))
    if "margin_min" in case.outputs:
        best = up.topk(2, dim=1).values
        yield Check("margin_min", (best[:, 0] - best[:, 1]).min(), case.outputs["margin_min"], absolute(1e-4))


def score_checks(case, matrix, rtol=1e-9):
    iou = metrics.class_iou(matrix)
    yield Check("iou", iou, case.outputs["iou"], relative(rtol))
    yield Check("miou", metrics.mean_iou(iou), case.outputs["miou"], relative(rtol))


@handles("daformer", "metrics_miou*")
def metrics_miou(case):
    classes, ignore = case.config["num_classes"], case.config["ignore_index"]
    matrix = metrics.confusion_matrix(case.tensor("pred"), case.tensor("label"), classes, ignore)
    iou = metrics.class_iou(matrix)
    yield Check("iou", iou, case.outputs["iou"], absolute(1e-6))
    yield Check("acc", metrics.class_accuracy(matrix), case.outputs["acc"], absolute(1e-6))
    yield Check("aAcc", metrics.pixel_accuracy(matrix), case.outputs["aAcc"], absolute(1e-6))
    percent = np.round(float(metrics.mean_iou(iou)) * 100, 2)
    yield Check("miou_percent", percent, case.outputs["miou_percent"], absolute(1e-6))


@handles("pin_memory", "iou_histogram*")
def iou_histogram(case):
    classes = len(case.outputs["iou"])
    matrix = metrics.confusion_matrix(case.tensor("pred"), case.tensor("gt"), classes)
    yield Check("hist", matrix[:, :classes], case.outputs["hist"], exact())
    yield from score_checks(case, matrix)


@handles("adaptsegnet", "label_mapping_and_miou*")
def label_mapping_and_miou(case):
    cfg, classes = case.config, case.config["num_classes"]
    table = torch.from_numpy(lookup_table({int(k): int(v) for k, v in cfg["label2train"]}, unlisted=None))
    mapped = table[case.tensor("label_ids").long()]
    yield Check("mapped", mapped, case.outputs["mapped"], exact())
    matrix = metrics.confusion_matrix(case.tensor("pred"), mapped, classes)
    yield Check("hist", matrix[:, :classes], case.outputs["hist"], exact())
    yield from score_checks(case, matrix, 1e-12)
    for name in case.outputs:
        if name.startswith("miou") and name != "miou":
            got = metrics.mean_iou(metrics.class_iou(matrix), cfg["subset" + name.removeprefix("miou")])
            yield Check(name, got, case.outputs[name], relative(1e-12))
    summary = case.meta.get("printed_summary")
    if summary and math.isfinite(case.outputs["miou"]):
        got = f"===> mIoU: {round(float(metrics.mean_iou(metrics.class_iou(matrix))) * 100, 2)}"
        yield Check("printed", got, summary, exact())


class Stored:
    """A data set of labels in place of images, in the order of the stored logits."""

    def __init__(self, labels):
        self.labels = labels

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        image = torch.full((3, 4, 8), i, dtype=torch.uint8)
        return {"image": image, "label": self.labels[i], "name": str(i)}


@handles("advent", "evaluation_c*")
def evaluation_advent(case):
    """The evaluator itself, with a ``predict`` that returns the stored logits, weighted over the models."""
    cfg, classes = case.config, case.config["num_classes"]
    width, height = cfg["output_wh"]
    space = label_space(f"cityscapes{classes}")
    # PIL's nearest neighbour takes the pixel under the new pixel's centre.
    pick = lambda new, old: ((np.arange(new) + 0.5) * old / new).astype(int)  # noqa: E731
    ids = case.inputs["label_ids"]
    resized = ids[:, pick(height, ids.shape[1])][:, :, pick(width, ids.shape[2])]
    mapped = torch.from_numpy(mapping("cityscapes_ids", space.name)[resized])
    yield Check("mapped", mapped, case.outputs["mapped"], exact())
    logits = (case.tensor("logits") * torch.tensor(cfg["weights"]).view(-1, 1, 1, 1, 1)).sum(0)
    index = lambda images: (images[:, 0, 0, 0] * 255).round().long()  # noqa: E731
    subsets = {"miou13": space.subset("cityscapes13")}
    evaluator = SegmentationEvaluator(Stored(mapped), space, subsets, batch_size=2, align_corners=True)
    scores = evaluator.evaluate(lambda images: logits[index(images)])
    differ = np.abs(np.array(scores["confusion"]) - case.outputs["hist"]).sum()
    yield Check("hist", differ, 0, absolute(case.meta["tolerance"]["hist_cells_may_differ"]))
    atol = absolute(case.meta["tolerance"]["iou_atol"])
    iou = [np.nan if v is None else v for v in scores["iou"].values()]
    yield Check("iou", iou, case.outputs["iou"], atol)
    yield Check("miou", scores["miou"], case.outputs["miou"], atol)
    if "miou13" in case.outputs:
        yield Check("miou13", scores["subsets"]["miou13"], case.outputs["miou13"], atol)
