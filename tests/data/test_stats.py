import json
import multiprocessing
import os
import signal

import pytest
import torch

from udalib.core.errors import DataError
from udalib.data import ClassStatistics, compute_class_statistics, create_dataset
from udalib.data.sampling.stats import BY_CLASS, BY_FILE, JOURNAL, PER_IMAGE


class Labels:
    """Labels without files; notes which it read, and may kill its process at one of them."""

    def __init__(self, length=9, kill_at=None):
        self.length, self.kill_at, self.read = length, kill_at, []

    def __len__(self):
        return self.length

    def __getitem__(self, i):
        raise AssertionError("the image must not be decoded")

    def read_label(self, i):
        if i == self.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        self.read.append(i)
        return torch.tensor([[i % 3] * 5 + [255, 7]])

    def label_file(self, i):
        return f"labels/{i}.png"


def contents(folder):
    return {name: json.loads((folder / name).read_text()) for name in (PER_IMAGE, BY_FILE, BY_CLASS)}


def test_three_files_of_a_data_set(mini, tmp_path, write):
    write.label(mini / "lab/train/a/2.png", [3, 3, 3, 0])
    statistics = compute_class_statistics(create_dataset("mini"), tmp_path / "out", progress=False)
    first = {"0": 12, "3": 12, "8": 12}
    assert contents(tmp_path / "out") == {
        PER_IMAGE: [
            {**first, "file": "lab/train/a/1.png"},
            {"0": 12, "3": 36, "file": "lab/train/a/2.png"},
            {**first, "file": "lab/train/b/3.png"},
        ],
        BY_FILE: {"lab/train/a/1.png": first, "lab/train/a/2.png": {"0": 12, "3": 36}, "lab/train/b/3.png": first},
        BY_CLASS: {
            "0": [["lab/train/a/1.png", 12], ["lab/train/a/2.png", 12], ["lab/train/b/3.png", 12]],
            "3": [["lab/train/a/1.png", 12], ["lab/train/a/2.png", 36], ["lab/train/b/3.png", 12]],
            "8": [["lab/train/a/1.png", 12], ["lab/train/b/3.png", 12]],
        },
    }
    assert statistics.totals() == {0: 36, 3: 60, 8: 24}
    assert ClassStatistics.load(tmp_path / "out") == statistics
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == sorted(contents(tmp_path / "out"))


def test_processes_give_the_same_files(tmp_path):
    compute_class_statistics(Labels(), tmp_path / "one", progress=False)
    compute_class_statistics(Labels(), tmp_path / "two", workers=2, progress=False)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def killed(out, at):
    """Run in a process of its own that is killed with SIGKILL when it reads label ``at``."""
    arguments = (Labels(kill_at=at), out)
    process = multiprocessing.get_context("fork").Process(target=compute_class_statistics, args=arguments)
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL


@pytest.mark.parametrize("cut_line", [False, True])
def test_goes_on_after_a_kill(tmp_path, cut_line):
    compute_class_statistics(Labels(), tmp_path / "unbroken", progress=False)
    out = tmp_path / "out"
    killed(out, 4)
    assert not (out / PER_IMAGE).exists()
    if cut_line:
        text = (out / JOURNAL).read_text()
        (out / JOURNAL).write_text(text[:-6])
    killed(out, 6)
    labels = Labels()
    compute_class_statistics(labels, out, progress=False)
    assert labels.read == [6, 7, 8]
    assert contents(out) == contents(tmp_path / "unbroken")
    assert not (out / JOURNAL).exists()


def test_starts_afresh_when_asked_or_when_the_data_set_changed(tmp_path):
    killed(tmp_path / "a", 4)
    labels = Labels()
    compute_class_statistics(labels, tmp_path / "a", resume=False, progress=False)
    assert labels.read == list(range(9))
    killed(tmp_path / "b", 4)
    labels = Labels(length=8)
    compute_class_statistics(labels, tmp_path / "b", progress=False)
    assert labels.read == list(range(8))


def test_progress_bar(tmp_path, capsys):
    compute_class_statistics(Labels(), tmp_path)
    assert "9/9" in capsys.readouterr().err


@pytest.mark.parametrize("workers", [0, 1])
def test_a_broken_label_stops_with_its_name(mini, tmp_path, workers):
    (mini / "lab/train/b/3.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"b/3.png: this label file is empty"):
        compute_class_statistics(create_dataset("mini"), tmp_path / "out", workers=workers, progress=False)
    assert (tmp_path / "out" / JOURNAL).exists()


def test_unlabelled_data_is_refused(tmp_path):
    class Bare:
        def __len__(self):
            return 1

        def __getitem__(self, i):
            return {"name": "x"}

    with pytest.raises(DataError, match="x has no label"):
        compute_class_statistics(Bare(), tmp_path, progress=False)


@pytest.mark.parametrize("text", [None, "{", "[1]", '[{"0": 3}]'])
def test_unusable_statistics(tmp_path, text):
    if text is not None:
        (tmp_path / PER_IMAGE).write_text(text)
    with pytest.raises(DataError, match="no usable class statistics.*udalib data stats"):
        ClassStatistics.load(tmp_path)
