"""Runs followed through their evaluations: shares that are assigned, classes that go missing."""

import json

import numpy as np
import pytest

from udalib.analysis import Followed, follow
from udalib.core.errors import DataError

# Rows are true classes: 80, 19 and 1 pixels, and a class that does not occur.
FIRST = [[80, 0, 0, 0], [19, 0, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]]
LAST = [[70, 5, 0, 5], [4, 15, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0]]


@pytest.fixture
def folder(tmp_path):
    def write(lines):
        (tmp_path / "run.json").write_text(json.dumps({"status": "finished", "results": {}}))
        (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        return tmp_path

    return write


def test_shares_count_right_and_wrong_pixels_alike():
    run = Followed(np.asarray([1, 2]), np.asarray([FIRST, LAST]))
    assert run.assigned.tolist() == [[1.0, 0.0, 0.0, 0.0], [0.74, 0.21, 0.0, 0.05]]
    assert run.truth.tolist() == [0.8, 0.19, 0.01, 0.0]


def test_missing_counts_classes_that_occur_only():
    run = Followed(np.asarray([1, 2]), np.asarray([FIRST, LAST]))
    assert run.missing().tolist() == [2, 1]
    assert run.missing(1.0).tolist() == [2, 2], "0.74 of 0.8 is less than all of it"


def test_evaluations_are_read_in_order_and_training_lines_are_passed_over(folder):
    lines = [
        {"iteration": 100, "kind": "evaluation", "target/confusion": LAST, "source/confusion": FIRST},
        {"iteration": 50, "kind": "train", "loss": 1.0},
        {"iteration": 50, "kind": "evaluation", "target/confusion": FIRST},
    ]
    run = follow(folder(lines))
    assert run.iterations.tolist() == [50, 100]
    assert run.confusion.tolist() == [FIRST, LAST]
    assert follow(folder(lines), "source").iterations.tolist() == [100]


def test_a_run_without_the_evaluation_is_told(folder):
    with pytest.raises(DataError, match="no evaluation 'dusk'"):
        follow(folder([{"iteration": 1, "kind": "train", "loss": 1.0}]), "dusk")
