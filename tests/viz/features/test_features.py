"""Pictures of features: what is drawn where, and that nothing is said by colour alone."""

import re

import numpy as np
import pytest
from blocks import CLASSES, LAYERS, SPACE, atlas, features

from udalib.analysis.features import Tsne, make_atlas, stability
from udalib.core.errors import ConfigError, DataError, UnknownNameError
from udalib.viz.features import (
    atlas_figure,
    correlation_figure,
    measure_sentence,
    measures_figure,
    measures_table,
    point_figure,
    stability_figure,
)
from udalib.viz.features.crops import located

NAMES = tuple(SPACE.names[c] for c in CLASSES)


def marks(axes):
    return np.concatenate([scatter.get_offsets() for scatter in axes.collections])


def test_the_atlas_has_a_column_a_run_and_a_row_a_layer_on_common_axes():
    figure = atlas_figure(atlas(), title="blocks")
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == [f"{run}, {layer}" for layer in LAYERS for run in ("run 0", "run 1")]
    assert figure.axes[0].get_xlim() == figure.axes[1].get_xlim() != figure.axes[2].get_xlim()
    for axes, key in zip(figure.axes, [(r, la) for la in LAYERS for r in ("run 0", "run 1")], strict=True):
        assert sorted(marks(axes).tolist()) == sorted(atlas().coordinates[key].tolist())
        gap, pure, across = (atlas().measures[key][n] for n in ("a_distance", "knn_purity", "source_to_target"))
        caption = f"A-distance {gap:.2f}   purity {pure:.2f}   target among source {across:.2f}"
        assert axes.get_xlabel() == caption
    assert figure.get_suptitle() == "blocks"


def test_classes_are_named_and_domains_have_shapes():
    (axes,) = atlas_figure(atlas(), runs=["run 1"], layers=["decoder"]).axes
    assert sorted(text.get_text() for text in axes.texts) == sorted(NAMES)
    shapes = [len(scatter.get_paths()[0].vertices) for scatter in axes.collections]
    assert len(set(shapes)) == 2
    some = atlas_figure(atlas(), runs=["run 1"], layers=["decoder"], classes=["sky"], picked=3)
    assert len(marks(some.axes[0])) == 24
    assert [text.get_text() for text in some.axes[0].texts] == ["sky"]
    place = atlas().coordinates["run 1", "decoder"][3]
    assert [line.get_xydata()[0].tolist() for line in some.axes[0].lines] == [place.tolist()] * 2


def test_errors_are_larger_and_have_a_dark_rim():
    (axes,) = atlas_figure(atlas(), color="error", runs=["run 1"], layers=["decoder"]).axes
    sizes = dict.fromkeys((17, 26), 0)
    for scatter in axes.collections:
        sizes[int(scatter.get_sizes()[0])] += len(scatter.get_offsets())
    wrong = int(features().wrong("run 1").sum())
    assert sizes == {17: 96 - wrong, 26: wrong}
    legend = [text.get_text() for text in axes.figure.legends[0].get_texts()]
    assert legend == ["source", "target", "large, dark rim: predicted wrongly", "small, pale: right"]
    colors = {tuple(s.get_facecolor()[0]) for s in atlas_figure(atlas(), color="domain").axes[0].collections}
    assert len(colors) == 2


def test_what_the_atlas_lacks_is_refused():
    for options, message in (
        ({"runs": ["run 7"]}, "unknown run of this atlas 'run 7'. Did you mean: run 1, run 0"),
        ({"layers": ["decode"]}, "unknown layer of this atlas 'decode'. Did you mean: decoder"),
        ({"classes": ["pole"]}, "unknown class of this atlas 'pole'"),
        ({"color": "clas"}, "unknown view 'clas'. Did you mean: class"),
    ):
        with pytest.raises(UnknownNameError, match=re.escape(message)):
            atlas_figure(atlas(), **options)
    with pytest.raises(ConfigError, match="no run is chosen; choose one or more of run 0, run 1"):
        atlas_figure(atlas(), runs=[])


def test_measures_stand_in_a_table_with_what_adaptation_wants():
    table = measures_table(atlas(), "decoder")
    assert table.header == ["measure", "run 0", "run 1"]
    assert table.rows[0] == [
        "proxy A-distance ↓",
        *(f"{atlas().measures[r, 'decoder']['a_distance']:.3g}" for r in ("run 0", "run 1")),
    ]
    assert table.rows[-1] == ["mIoU on the target, % ↑", "30.0", "40.0"]
    assert measures_table(atlas()).header[1] == "run 0, encoder.1"
    with pytest.raises(UnknownNameError, match="unknown layer of this atlas 'logits'"):
        measures_table(atlas(), "logits")
    sentence = measure_sentence({"a_distance": 1.25, "source_to_target": 0.6})
    assert "proxy A-distance of 1.25 (0 to 2)" in sentence
    assert sentence.endswith("60 % are of its class.")


def test_bars_show_each_measure_of_each_run():
    figure = measures_figure(atlas(), ["mmd", "silhouette"])
    assert [axes.get_title() for axes in figure.axes] == ["MMD, squared ↓", "silhouette ↑"]
    heights = [bar.get_height() for bar in figure.axes[0].patches]
    assert heights == pytest.approx([atlas().measures[r, la]["mmd"] for r in ("run 0", "run 1") for la in LAYERS])
    assert len({bar.get_hatch() for bar in figure.axes[0].patches}) == 2
    with pytest.raises(UnknownNameError, match="unknown measure 'mdm'. Did you mean: mmd"):
        measures_figure(atlas(), ["mdm"])


def test_measures_against_the_score():
    figure = correlation_figure(atlas(), "decoder", ["mmd", "knn_purity"])
    assert figure.axes[0].get_title().split("\n")[1] in ("rho +1.00", "rho -1.00")
    x, y = zip(*(line.get_xydata()[0] for line in figure.axes[0].lines), strict=True)
    assert list(y) == [30.0, 40.0]
    assert list(x) == [atlas().measures[r, "decoder"]["mmd"] for r in ("run 0", "run 1")]
    with pytest.raises(UnknownNameError, match="unknown layer"):
        correlation_figure(atlas(), "logits")
    found = features()
    unscored = make_atlas(type(found)(**{**vars(found), "scores": {}}), Tsne(perplexity=8, iterations=250))
    with pytest.raises(ConfigError, match="two or more finished runs"):
        correlation_figure(unscored, "decoder")


def test_stability_is_drawn_with_its_score():
    settings = Tsne(perplexity=8, iterations=250)
    result = stability(features().vectors["run 0", "decoder"], settings, perplexities=(8,), seeds=(0, 1), k=10)
    figure = stability_figure(result, features())
    assert figure.get_suptitle().startswith(f"shared neighbours of two pictures: {result.score:.2f}")
    texts = [text.get_text() for text in figure.axes[2].texts]
    assert texts == [f"{value:.2f}" for value in result.overlap.ravel()]
    assert figure.axes[0].get_title().startswith("perplexity 8, seed 0")
    short = type(features())(
        **{**vars(features()), "points": type(features().points)(*[p[:5] for p in vars(features().points).values()])}
    )
    with pytest.raises(DataError, match="96 embedded points and 5 features do not fit"):
        stability_figure(result, short)


def test_a_point_is_shown_in_its_image():
    image, box, window = located(features(), 20)
    assert image.shape == (32, 64, 3)
    top, bottom, left, right = (round(edge) for edge in box)
    shown = image[top:bottom, left:right].reshape(-1, 3).mean(axis=0)
    label = features().points.label[20]
    assert np.abs(shown - SPACE.palette[label]).max() < 15
    assert window[0] <= box[0] < box[1] <= window[1]
    assert window[2] <= box[2] < box[3] <= window[3]
    assert 0 <= window[0] < window[1] <= 32
    figure = point_figure(features(), 20)
    (words,) = figure.axes[2].texts
    lines = words.get_text().split("\n")
    assert lines[0] == f"source, class {SPACE.names[label]}"
    assert re.fullmatch(r"run 0: .+, \d+ % sure, (right|WRONG)", lines[1])
    with pytest.raises(ConfigError, match="there is no point 96; they are numbered 0 to 95"):
        point_figure(features(), 96)


def test_an_image_of_another_size_than_its_label_is_cropped_in_its_own_pixels():
    found = features()
    first = found.images[found.points.image[0]]
    large = first._replace(image=first.image.repeat_interleave(2, 1).repeat_interleave(2, 2))
    images = list(found.images)
    images[found.points.image[0]] = large
    _, box, _ = located(type(found)(**{**vars(found), "images": tuple(images)}), 0)
    assert box == tuple(2.0 * edge for edge in found.points.box[0])
