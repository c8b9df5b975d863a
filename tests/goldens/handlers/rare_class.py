"""Goldens of rare class sampling: the probabilities, and whole items with numpy's legacy draws and our crop loop."""

from __future__ import annotations

import json

import numpy as np
import torch
from harness import Check, absolute, exact, handles

from udalib.data import ClassStatistics, RareClassSampler, Sampler, Stream, class_probabilities
from udalib.data.sampling.stats import BY_CLASS


def statistics_of(case):
    entries = json.loads(str(case.inputs["sample_class_stats_json"]))
    return ClassStatistics(tuple((e["file"], {int(c): n for c, n in e.items() if c != "file"}) for e in entries))


@handles("daformer", "rcs_probs*")
def rcs_probs(case):
    temperatures = [float(t) for t in case.config["temperatures"]]
    results = [class_probabilities(statistics_of(case), t) for t in temperatures]
    for classes, _ in results:
        yield Check("classes", classes, case.outputs["classes"], exact())
    yield Check("probs", np.stack([p for _, p in results]), case.outputs["probs"], absolute(1e-6))


class OneDraw(Sampler):
    """One position of a rare class sampler whose draw is made."""

    def __init__(self, sampler, train_id, item):
        self.sampler, self.train_id, self.item = sampler, train_id, item

    def indices(self, start, count):
        return [self.item] * count

    def requirement(self, position):
        return self.sampler.required(self.train_id)


class Crops:
    """A data set, and its crop: item i shows ``counts[i, c, k]`` pixels of class c when it is loaded the k-th time."""

    def __init__(self, counts):
        self.counts, self.loads = counts, 0

    def __len__(self):
        return len(self.counts)

    def __getitem__(self, index):
        return {"label": torch.zeros(1, 1, dtype=torch.uint8), "item": torch.tensor(index)}

    def __call__(self, batch, draws):
        draws.uniform()
        shown = self.counts[int(batch["item"]), :, self.loads]
        self.loads += 1
        return {"label": torch.from_numpy(np.repeat(np.arange(len(shown)), shown))[None, None]}


@handles("daformer", "rcs_trace*")
def rcs_trace(case):
    """The draws of an item, in the published order: class, file, the loads (which draw nothing here), target."""
    cfg, statistics = case.config, statistics_of(case)
    tables = json.loads(json.dumps(statistics.tables()[BY_CLASS]))
    given = json.loads(str(case.inputs["samples_with_class_json"]))
    yield Check("samples_with_class", tables == given, True, exact())
    files = [f"elsewhere/{file.split('/')[-1]}" for file, _ in statistics.images]
    options = {"min_pixels": cfg["min_pixels"], "min_crop_ratio": cfg["min_crop_ratio"]}
    sampler = RareClassSampler(statistics, files, temperature=float(cfg["class_temp"]), **options)
    generator, rows = np.random.RandomState(cfg["seed"]), []
    for _ in range(cfg["n_items"]):
        train_id, item = sampler.draw(generator)
        crops = Crops(case.inputs["crop_counts"])
        Stream("source", crops, 1, sampler=OneDraw(sampler, train_id, item), sample_transforms=[crops]).load(0)
        rows.append((train_id, item, crops.loads, generator.choice(range(cfg["n_target"]))))
    for name, column in zip(("class", "source_index", "loads", "target_index"), zip(*rows, strict=True), strict=True):
        yield Check(name, column, case.outputs[name], exact())
