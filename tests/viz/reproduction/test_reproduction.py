"""Pictures of the chapter on reproduction: every state of the seeds' explorer, curves and predictions of a run."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_streets import TINY

from udalib.cli import main
from udalib.core.errors import ConfigError
from udalib.recipes import RunResult, read_entries, run_recipe, summarise
from udalib.recipes.report.html import html_page, html_table
from udalib.viz import to_array
from udalib.viz.reproduction import (
    SeedsExplorer,
    prediction_samples,
    report_figures,
    scores_figure,
    seeds_figure,
    training_curves,
)


@pytest.fixture(scope="module")
def run(cache: None, tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    overrides = {**TINY, "train.log_every": 1}
    return run_recipe("streets/source-only", "quick", 0, "cpu", overrides, tmp_path_factory.mktemp("runs"))


def test_every_state_of_the_explorer_draws() -> None:
    explorer = SeedsExplorer()
    for difference, spread, seeds in itertools.product((0.0, 6.0), (0.5, 4.0), (2, 12)):
        assert to_array(explorer.figure(difference=difference, spread=spread, seeds=seeds)).shape[2] == 3


def test_the_circle_stands_on_the_power_that_is_written() -> None:
    left, right = seeds_figure(2.0, 2.0, 3).axes
    (circle,) = [line for line in right.lines if len(line.get_xdata()) == 1]
    assert circle.get_ydata()[0] == pytest.approx(32.2, abs=0.1)
    assert [text.get_text() for text in right.texts] == ["32 %"]
    heights = sum(patch.get_height() for patch in left.patches if patch.get_height() < 100)
    assert heights == pytest.approx(100, abs=1)  # all but the experiments outside the axis


def test_curves_are_those_that_were_logged_and_a_term_that_was_not_is_named(run: RunResult) -> None:
    (axes,) = training_curves({"run": [run.folder]}).axes
    assert list(axes.lines[0].get_xdata()) == [1.0, 2.0]
    with pytest.raises(ConfigError, match="no curve 'los'; it logged loss"):
        training_curves({"run": [run.folder]}, "los")


def test_predictions_lie_beside_the_labels(run: RunResult) -> None:
    samples = prediction_samples(run.folder, [0, 3])
    assert len(samples) == 2
    for sample in samples:
        assert sample["prediction"].shape == sample["label"].shape
        assert sample["prediction"].dtype == torch.int64
    assert Path(str(samples[1]["name"])).name == Path(str(prediction_samples(run.folder, [1])[0]["name"])).name
    assert np.asarray(samples[0]["prediction"]).max() < 19


def test_a_report_is_a_page_with_its_pictures_inside(run: RunResult, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    assert main(["report", str(run.folder), "--format", "html", "--out", str(page)]) == 0
    text = page.read_text()
    assert f"<td>{100 * run.results['target/miou']:.1f}</td>" in text
    assert text.count('src="data:image/png;base64,') == 4  # two scores, classes, loss
    assert text.count("<img alt=") == 4
    assert "http" not in text.replace("http-equiv", "")


def test_scores_show_every_seed_and_their_mean(run: RunResult) -> None:
    report = summarise(read_entries([run.folder]))
    (axes,) = scores_figure(report.groups, "target/miou", ["tiny"]).axes
    dots, mean = axes.lines
    assert list(dots.get_xdata()) == pytest.approx([100 * run.results["target/miou"]])
    assert list(mean.get_xdata()) == pytest.approx([100 * run.results["target/miou"]] * 2)


def test_text_in_a_page_is_escaped() -> None:
    page = html_page("a < b", f"x & y\n\n{html_table(['<h>'], [['1 < 2']])}")
    assert "<h1>a &lt; b</h1>" in page
    assert "<p>x &amp; y</p>" in page
    assert '<th scope="col">&lt;h&gt;</th>' in page
    assert "<td>1 &lt; 2</td>" in page


def test_a_report_of_nothing_has_no_pictures() -> None:
    assert report_figures(summarise([])) == {}
