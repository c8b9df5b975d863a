"""Reports from hand-made run folders: means over seeds, what counts once, what is no result, and that published
numbers keep their own column."""

from __future__ import annotations

import csv
import io
import json
import statistics
from pathlib import Path
from typing import Any

import pytest

from udalib.core.errors import DataError, UnknownNameError
from udalib.recipes import read_entries, render, summarise
from udalib.recipes.report.groups import Report

PUBLISHED = [{"value": 45.6, "metric": "target/miou", "source": "a paper", "note": "three seeds"}]


def make_run(
    root: Path,
    name: str,
    seed: int,
    miou: float | None,
    *,
    folder: str = "",
    status: str = "finished",
    **changes: Any,
) -> Path:
    """Write a run.json as the trainer does; ``changes`` go into the recipe."""
    recipe = {
        "name": name,
        "preset": "laptop",
        "streams": [{"name": "source", "batch_size": 8}],
        "evaluations": [{"name": "target"}],
        **changes,
    }
    data: dict[str, Any] = {
        "format": 1,
        "status": status,
        "name": name,
        "recipe": recipe,
        "overrides": {},
        "seed": seed,
        "config": {"iterations": 1000, "precision": "32-true"},
        "device": {"type": "cpu", "name": "x86_64", "processes": 1, "threads": 2},
        "ended": f"2026-01-01T00:00:{seed:02d}+00:00",
        "wall_time_s": 60.0 + seed,
    }
    if miou is not None:
        data["results"] = {
            "control/miou": 0.9,
            "target/miou": miou,
            "target/iou": {"road": miou, "sky": None},
            "target/subsets": {"cityscapes13": miou / 2},
            "target/accuracy": 0.8,
        }
    if status == "failed":
        data["error"] = {"type": "NonFiniteError", "message": "loss became nan"}
    place = root / (folder or f"{name}/seed{seed}")
    place.mkdir(parents=True)
    (place / "run.json").write_text(json.dumps(data))
    return place


def report_of(root: Path) -> Report:
    return summarise(read_entries([root]))


def test_seeds_are_averaged_with_the_sample_deviation(tmp_path: Path) -> None:
    values = [0.30, 0.34, 0.35]
    for seed, value in enumerate(values):
        make_run(tmp_path, "a/b", seed, value)
    (group,) = report_of(tmp_path).groups
    spread = group.scores()["target/miou"]
    assert group.seeds == (0, 1, 2)
    assert spread.mean == pytest.approx(33.0)
    assert spread.std == pytest.approx(100 * statistics.stdev(values))
    assert str(spread) == f"33.0 ± {100 * statistics.stdev(values):.1f}"
    assert group.minutes == pytest.approx(61 / 60)
    assert group.evaluations() == ["target", "control"]


def test_one_seed_has_no_spread(tmp_path: Path) -> None:
    make_run(tmp_path, "a", 0, 0.3)
    (group,) = report_of(tmp_path).groups
    assert group.scores()["target/miou"].std is None
    assert "±" not in render(report_of(tmp_path)).splitlines()[2]


def test_subsets_and_classes_are_reported_and_an_absent_class_is_no_zero(tmp_path: Path) -> None:
    make_run(tmp_path, "a", 0, 0.3)
    (group,) = report_of(tmp_path).groups
    assert group.scores()["target/subsets/cityscapes13"].mean == pytest.approx(15.0)
    assert group.classes("target")["sky"] is None
    assert "target mIoU over cityscapes13" in render(report_of(tmp_path))


@pytest.mark.parametrize(
    "change", [{"preset": "quick"}, {"optimizer": {"lr": 0.1}}, {"world": "streets-v2"}], ids=lambda c: next(iter(c))
)
def test_runs_that_differ_in_more_than_the_seed_never_share_a_mean(tmp_path: Path, change: dict[str, Any]) -> None:
    make_run(tmp_path, "a", 0, 0.3)
    make_run(tmp_path, "a", 1, 0.5, **change)
    assert [group.seeds for group in report_of(tmp_path).groups] in ([(0,), (1,)], [(1,), (0,)])


def test_one_seed_counts_once(tmp_path: Path) -> None:
    make_run(tmp_path, "a", 0, 0.3, folder="old")
    later = make_run(tmp_path, "a", 0, 0.5, folder="new")
    data = json.loads((later / "run.json").read_text())
    (later / "run.json").write_text(json.dumps({**data, "ended": "2026-01-02T00:00:00+00:00"}))
    report = report_of(tmp_path)
    assert report.groups[0].scores()["target/miou"].values == (50.0,)
    assert [run.folder.name for run in report.replaced] == ["old"]
    assert "Replaced by a later run of the same seed" in render(report)


@pytest.mark.parametrize("status", ["failed", "interrupted", "running"])
@pytest.mark.parametrize("format", ["table", "markdown"])
def test_an_unfinished_run_is_never_a_result(tmp_path: Path, status: str, format: str) -> None:
    make_run(tmp_path, "a", 0, 0.3)
    make_run(tmp_path, "a", 1, 0.987, status=status)
    report = report_of(tmp_path)
    text = render(report, format)
    assert report.groups[0].seeds == (0,)
    assert "98.7" not in text
    assert "No result: " in text
    assert "loss became nan" in text or status != "failed"


@pytest.mark.parametrize("content", ["{", "[]", '{"status": "finished"}', '{"status": "finished", "recipe": 3}'])
def test_a_broken_record_is_named_and_does_not_stop_the_report(tmp_path: Path, content: str) -> None:
    make_run(tmp_path, "a", 0, 0.3)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "run.json").write_text(content)
    report = report_of(tmp_path)
    assert len(report.groups) == 1
    assert [entry.folder.name for entry in report.unfinished] == ["broken"]
    assert report.unfinished[0].reason


def test_published_numbers_have_a_column_of_their_own(tmp_path: Path) -> None:
    make_run(tmp_path, "a", 0, 0.3, published=PUBLISHED)
    header, _, row = render(report_of(tmp_path), "markdown").splitlines()[:3]
    cells = dict(zip(header.split(" | "), row.split(" | "), strict=True))
    assert cells["ours: target mIoU"] == "30.0"
    assert cells["published |"] == "target mIoU 45.6 (a paper) |"


def test_no_published_column_without_published_numbers(tmp_path: Path) -> None:
    make_run(tmp_path, "a", 0, 0.3)
    assert "published" not in render(report_of(tmp_path)).splitlines()[0]


def test_quick_runs_are_called_what_they_are(tmp_path: Path) -> None:
    make_run(tmp_path, "a", 0, 0.3)
    assert "preset quick" not in render(report_of(tmp_path))
    make_run(tmp_path, "b", 0, 0.3, preset="quick")
    assert "preset quick show that everything works" in render(report_of(tmp_path))


def with_row(*groups: str) -> list[dict[str, Any]]:
    return [{**PUBLISHED[0], "classes": {"road": 71.0, "sky": 20.2}}, *({**PUBLISHED[0], "source": g} for g in groups)]


@pytest.mark.parametrize("format", ["table", "markdown"])
def test_published_classes_stand_in_columns_that_say_so(tmp_path: Path, format: str) -> None:
    make_run(tmp_path, "a", 0, 0.3, published=with_row("without a row"))
    make_run(tmp_path, "a", 0, 0.4, published=with_row(), preset="quick", folder="quick")
    make_run(tmp_path, "b", 0, 0.5)
    text = render(report_of(tmp_path), format)
    (title,) = [line for line in text.splitlines() if "IoU by class on target" in line]
    assert title == "Ours and published: IoU by class on target, percent"
    (head,) = [line for line in text.splitlines() if "published for a (a paper)" in line]
    assert head.count("published for") == 1
    assert head.count("ours: ") == 3
    (road,) = [line for line in text.splitlines() if line.startswith(("road ", "| road "))]
    assert road.replace("|", "").split() == ["road", "30.0", "40.0", "50.0", "71.0"]
    assert "published" not in text.split("IoU by class on control")[1]


def test_two_runs_of_one_title_keep_their_columns(tmp_path: Path) -> None:
    make_run(tmp_path, "a", 0, 0.3)
    make_run(tmp_path, "a", 0, 0.5, folder="other", optimizer={"lr": 0.1})
    text = render(report_of(tmp_path))
    (road,) = {line for line in text.splitlines() if line.startswith("road")}
    assert sorted(road.split()[1:]) == ["30.0", "50.0"]


def test_csv_and_json_carry_published_classes(tmp_path: Path) -> None:
    make_run(tmp_path, "a", 0, 0.3, published=with_row())
    rows = list(csv.DictReader(io.StringIO(render(report_of(tmp_path), "csv"))))
    published = {(r["metric"], r["class"]): r["mean"] for r in rows if r["whose"] == "published"}
    assert published == {("target/miou", ""): "45.6", ("target/iou", "road"): "71.0", ("target/iou", "sky"): "20.2"}
    (group,) = json.loads(render(report_of(tmp_path), "json"))["groups"]
    assert group["published"][0]["classes"] == {"road": 71.0, "sky": 20.2}
    assert "71.0" not in render(report_of(tmp_path), "csv", classes=False)


def test_csv_says_whose_each_number_is(tmp_path: Path) -> None:
    make_run(tmp_path, "a", 0, 0.3, published=PUBLISHED)
    rows = list(csv.DictReader(io.StringIO(render(report_of(tmp_path), "csv"))))
    assert {(row["whose"], row["mean"]) for row in rows if row["metric"] == "target/miou"} == {
        ("ours", "30.0"),
        ("published", "45.6"),
    }
    assert [row["mean"] for row in rows if row["class"] == "sky"] == [""]


def test_json_holds_values_budget_and_device(tmp_path: Path) -> None:
    make_run(tmp_path, "a", 0, 0.3)
    make_run(tmp_path, "a", 1, None, status="failed")
    values = json.loads(render(report_of(tmp_path), "json"))
    (group,) = values["groups"]
    assert group["ours"]["target/miou"] == {"mean": 30.0, "std": None, "values": [30.0]}
    assert (group["iterations"], group["batch"]) == (1000, "8 source")
    assert group["device"] == "CPU x86_64, 2 threads"
    assert values["unfinished"][0]["reason"] == "failed: NonFiniteError: loss became nan"
    assert "classes" not in json.loads(render(report_of(tmp_path), "json", classes=False))["groups"][0]


def test_an_empty_folder_says_so_and_a_missing_one_is_an_error(tmp_path: Path) -> None:
    assert "There is no finished run" in render(report_of(tmp_path))
    with pytest.raises(DataError, match="there is no folder"):
        report_of(tmp_path / "nowhere")


def test_an_unknown_format_lists_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="unknown report format 'markdwn'. Did you mean: markdown"):
        render(report_of(tmp_path), "markdwn")
