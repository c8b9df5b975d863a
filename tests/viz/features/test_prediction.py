"""A record of measures and scores as table, picture and sentence."""

import numpy as np
import pytest

from udalib.analysis.features import MEASURES, associations
from udalib.core.errors import UnknownNameError
from udalib.viz.charts.records import WAITING
from udalib.viz.features import (
    PredictionExplorer,
    prediction_figure,
    prediction_markdown,
    prediction_sentence,
    prediction_table,
)
from udalib.viz.features.prediction import HEADER


def record(recipes=9, noise=1.0):
    random = np.random.default_rng(0)
    runs = []
    for i in range(recipes):
        for seed in range(3):
            score = 20.0 + 4 * i + random.normal()
            values = {"mmd": -score + noise * random.normal(), "silhouette": random.normal(), "coral": 1.0}
            layers = {"encoder.1": {"mmd": random.normal()}, "decoder": {**values, "accuracy": score}}
            runs.append({"recipe": f"streets/r{i}", "seed": seed, "target_miou": score, "measures": layers})
    titles = {name: {"title": m.title, "better": m.better, "about": m.about} for name, m in MEASURES.items()}
    found = {layer: associations(runs, layer) for layer in ("encoder.1", "decoder")}
    return {"runs": runs, "titles": titles, "correlation": found, "command": "make it"}


def test_the_table_has_the_strongest_measure_first_with_its_intervals():
    kept = record()
    table = prediction_table(kept)
    assert [row[0] for row in table.rows] == [
        "accuracy at the points, target ↑",
        "MMD, squared ↓",
        "silhouette ↑",
        "CORAL ↓",
    ]
    found = kept["correlation"]["decoder"]["mmd"]["spearman"]
    low, high = found["interval"]
    assert table.rows[1][1] == f"{found['value']:+.2f} [{low:+.2f}, {high:+.2f}]"
    assert table.rows[1][4] == f"{100 * kept['correlation']['decoder']['mmd']['strongest']:.0f} %"
    assert table.rows[3][1:] == ("-", "-", "-", "0 %")  # a constant goes with nothing
    assert table.note.startswith("27 runs of 9 recipes, layer decoder.")
    assert table.note.endswith("Repeat: make it")
    assert len(prediction_table(kept, "encoder.1").rows) == 1
    with pytest.raises(UnknownNameError, match="unknown layer of the record 'decodr'. Did you mean: decoder"):
        prediction_table(kept, "decodr")


def test_without_a_record_the_table_says_so():
    assert prediction_table(None).rows[0][0] == WAITING


def test_markdown_for_the_readme_holds_the_same_cells():
    header, line, *rows = prediction_markdown(record()).split("\n")
    assert header == f"| {' | '.join(HEADER)} |"
    assert set(line) <= set("|- ")
    assert [tuple(row.strip("| ").split(" | ")) for row in rows] == prediction_table(record()).rows


def test_every_run_is_a_mark_of_its_recipe():
    kept = record()
    figure = prediction_figure(kept, ["mmd", "silhouette", "knn_purity"])
    lines = figure.axes[0].get_lines()
    assert len(lines) == 9
    drawn = sorted(point for line in lines for point in line.get_xydata()[:, 1])
    assert drawn == sorted(run["target_miou"] for run in kept["runs"])
    looks = {(line.get_color(), line.get_marker(), line.get_markerfacecolor()) for line in lines}
    assert len(looks) == 9, "recipes that look alike"
    assert figure.axes[0].get_title().startswith("MMD, squared ↓\nSpearman, all runs: -0.9")
    assert figure.axes[2].get_title().endswith("in fewer than two runs")
    with pytest.raises(UnknownNameError, match="unknown measure 'mdm'. Did you mean: mmd"):
        prediction_figure(kept, ["mdm"])


def test_inside_recipes_the_means_are_taken_away():
    kept = record()
    kept["runs"] = [run for run in kept["runs"] if run["recipe"] != "streets/r0" or run["seed"] == 0]
    (axes,) = prediction_figure(kept, ["mmd"], inside=True).axes
    assert len(axes.get_lines()) == 8, "a recipe of one run has nothing inside"
    for line in axes.get_lines():
        assert line.get_xydata().mean(axis=0) == pytest.approx([0, 0], abs=1e-9)
    found = kept["correlation"]["decoder"]["mmd"]["within_spearman"]["value"]
    assert f"Spearman, inside recipes: {found:+.2f}" in axes.get_title()


def test_every_control_moves_over_its_whole_range_and_changes_the_picture(draw_over_all_ranges, move_every_control):
    kept = record()
    kept["titles"] = {name: kept["titles"][name] for name in ("mmd", "silhouette", "accuracy")}
    explorer = PredictionExplorer(kept)
    assert explorer.defaults == {"layer": "decoder", "measure": "MMD, squared", "inside": False}
    draw_over_all_ranges(explorer)
    move_every_control(explorer)


def test_the_sentence_names_the_strongest_but_not_the_score_itself():
    sentence = prediction_sentence(record())
    assert sentence.startswith("Over 27 runs of 9 recipes the measure in decoder that goes best")
    assert "with the target mIoU is MMD, squared, Spearman -0.9" in sentence
    assert "Inside recipes the interval of MMD, squared leaves out 0." in prediction_sentence(record(noise=0.1))
    assert "Inside recipes no interval leaves out 0" in prediction_sentence(record(noise=40.0))
    kept = record()
    kept["correlation"]["decoder"] = {"coral": kept["correlation"]["decoder"]["coral"]}
    assert prediction_sentence(kept) == "In decoder no measure varies together with the target mIoU."
