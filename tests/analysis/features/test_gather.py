"""From networks and pictures to points: the same pure cells everywhere, right features, and bad input refused."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from blocks import CLASSES, LAYERS, SAMPLING, SPACE, Blocks, atlas, domains, features, network, subjects

from udalib.analysis.features import Subject, Tsne, gather, make_atlas, measures_record, points_csv
from udalib.analysis.features.pixels.points import check_finite
from udalib.core.errors import ConfigError, DataError, UnknownNameError
from udalib.data.labels import label_space


def test_points_are_pure_balanced_and_the_same_for_every_run():
    found = features()
    points = found.points
    assert found.domains == ("source", "target")
    assert (found.runs, found.layers) == (("run 0", "run 1"), LAYERS)
    assert found.classes == CLASSES
    for d in (0, 1):
        assert np.bincount(points.label[points.domain == d])[list(CLASSES)].tolist() == [12] * 4
    for n in range(len(points)):
        shown = found.images[points.image[n]]
        label = Blocks(found.domains[points.domain[n]])[int(shown.name[-1])]["label"]
        assert shown.name.startswith(found.domains[points.domain[n]])
        top, bottom, left, right = points.box[n]
        assert (label[top:bottom, left:right] == points.label[n]).all()
        assert (bottom - top, right - left) == (8, 8)
    assert len({(i, *box) for i, box in zip(points.image, points.box.tolist(), strict=True)}) == len(points)


def test_features_and_answers_are_those_of_the_network_at_the_cell():
    found = features()
    n = 17
    shown = found.images[found.points.image[n]]
    with torch.no_grad():
        image = shown.image[None].float() / 255
        maps = network(1).features(image)[1][0]
        logits = torch.nn.functional.interpolate(network(1)(image), (32, 64), mode="bilinear", align_corners=False)
    top, bottom, left, right = found.points.box[n]
    wanted = maps[:, top // 4 : bottom // 4, left // 4 : right // 4].mean(dim=(1, 2)).numpy()
    assert found.vectors["run 1", "encoder.1"][n] == pytest.approx(wanted, abs=1e-5)  # another batch, another order
    mean = logits.softmax(1)[0, :, top:bottom, left:right].mean(dim=(1, 2))
    assert found.answers["run 1"].predicted[n] == int(mean.argmax())
    assert found.answers["run 1"].confidence[n] == pytest.approx(float(mean.max()), abs=1e-5)


def test_the_seed_says_the_points_and_one_coarsest_cell_is_the_default():
    again = gather(subjects(1), domains(), ["decoder"], SPACE, SAMPLING)
    assert np.array_equal(again.points.box, features().points.box)
    other = gather(subjects(1), domains(), ["decoder"], SPACE, replace(SAMPLING, seed=1))
    assert not np.array_equal(other.points.box, again.points.box)
    coarse = gather(subjects(1), domains(), ["encoder.3", "decoder"], SPACE, replace(SAMPLING, cell=None))
    assert set((coarse.points.box[:, 1] - coarse.points.box[:, 0]).tolist()) == {16}


def test_left_out_and_short_classes_are_said():
    found = gather(subjects(1), domains(), ["decoder"], SPACE, replace(SAMPLING, cell=16, per_class=30, minimum=10))
    assert found.short == CLASSES  # 6 pictures have 12 quarters of quarters each
    assert not found.left_out
    chosen = gather(subjects(1), domains(), ["decoder"], SPACE, replace(SAMPLING, classes=("sky", "road")))
    assert chosen.classes == (0, 10)


def test_bad_input_is_refused():
    with pytest.raises(DataError, match=r"fewer than 4 pure cells of pole \(source 0, target 0\)"):
        gather(subjects(1), domains(), LAYERS, SPACE, replace(SAMPLING, classes=("pole",)))
    with pytest.raises(UnknownNameError, match=r"unknown class of cityscapes19 'skye'. Did you mean: sky"):
        gather(subjects(1), domains(), LAYERS, SPACE, replace(SAMPLING, classes=("skye",)))
    with pytest.raises(UnknownNameError, match="unknown layer 'encoder.7'"):
        gather(subjects(1), domains(), ["encoder.7"], SPACE)
    with pytest.raises(ConfigError, match="cells of 0 pixels"):
        gather(subjects(1), domains(), LAYERS, SPACE, replace(SAMPLING, cell=0))
    with pytest.raises(ConfigError, match="the networks predict camvid11; map them first"):
        gather(subjects(1), domains(), LAYERS, label_space("camvid11"), SAMPLING)


def test_features_with_nan_are_named():
    def broken(images):
        return network(0)(images * torch.nan)

    with pytest.raises(DataError, match="96 of 96 points of the layer 'encoder.1' of diverged hold NaN or infinity"):
        gather({"diverged": Subject(network(0), broken)}, domains(), LAYERS, SPACE, SAMPLING)
    with pytest.raises(DataError, match="1 of 2 points"):
        check_finite(np.array([[1.0, np.inf], [0.0, 1.0]]), "a", "b")


def test_an_atlas_embeds_and_measures_every_layer_of_every_run():
    made = atlas()
    assert list(made.coordinates) == list(made.measures) == [(r, la) for r in ("run 0", "run 1") for la in LAYERS]
    assert all(xy.shape == (96, 2) for xy in made.coordinates.values())
    assert made.residual == {}
    assert made.measures["run 0", "decoder"]["knn_purity"] > 0.5  # the colours say the class
    separate = make_atlas(features(), Tsne(perplexity=8, iterations=250), how="separate")
    assert separate.residual["run 0", "decoder"] == pytest.approx(0, abs=1e-9)
    assert 0 < separate.residual["run 1", "decoder"] <= 1


def test_the_record_holds_points_and_measures():
    lines = points_csv(atlas()).splitlines()
    header = "run,layer,point,domain,image,top,bottom,left,right,class,predicted,confidence,x,y"
    assert lines[0] == header
    assert len(lines) == 1 + 2 * 2 * 96
    assert lines[1].startswith("run 0,encoder.1,0,source,source0,")
    record = measures_record(atlas())
    assert record["points"] == {SPACE.names[c]: [12, 12] for c in CLASSES}
    assert record["measures"]["run 1"]["decoder"].keys() == record["titles"].keys()
    assert record["target_miou"] == {"run 0": 30.0, "run 1": 40.0}
    assert record["correlation"]["decoder"]["mmd"]["n"] == 2
    assert record["embedding"]["perplexity"] == 8
