"""Every golden file passes, through the same runner as the command line; and the runner can fail."""

import json
import subprocess
import sys

import check
import harness
import numpy as np
import pytest

FILES = sorted(harness.HERE.glob("*/*.npz"))


@pytest.mark.parametrize("path", FILES, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_golden(path):
    report = harness.run_file(path)
    assert report.ok, f"{report.status}: {report.text}"


def test_handler_files_import():
    assert harness.load_handlers() == {}


def write(folder, name, outputs, *, system="toy", params=()):
    meta = {"system": system, "case": name, "config": {"factor": 2}, "params": list(params)}
    arrays = {f"out__{k}": v for k, v in outputs.items()}
    np.savez(folder / f"{name}.npz", meta=json.dumps(meta), in__x=np.arange(4.0), **arrays)
    return folder / f"{name}.npz"


@pytest.fixture
def toy():
    @harness.handles("toy", "double_*")
    def double(case):
        yield harness.Check("y", case.tensor("x") * case.config["factor"], case.outputs["y"], harness.relmax(1e-3))

    yield
    harness._HANDLERS.pop(("toy", "double_*"))


@pytest.mark.parametrize(
    ("outputs", "ok", "words"),
    [
        ({"y": np.arange(4.0) * 2}, True, "largest error 0 "),
        ({"y": np.arange(4.0) * 2 + 0.005}, True, "relmax 0.001"),
        ({"y": np.arange(4.0) * 2.1}, False, "1 failed"),
        ({"y": np.array([0, 2, 4, np.nan])}, False, "inf"),
        ({"y": np.arange(5.0)}, False, "shape"),
        ({"y": np.arange(4.0) * 2, "z": np.ones(1)}, False, "never compared: ['z']"),
        ({"z": np.ones(1)}, False, "KeyError"),
    ],
)
def test_runner_tells_right_from_wrong(tmp_path, toy, outputs, ok, words):
    report = harness.run_file(write(tmp_path, "double_x", outputs))
    assert report.ok is ok
    assert words in report.text


def test_fill_is_strict_both_ways(tmp_path):
    from torch import nn

    weight, bias = ("a.weight", [2, 3], "weight"), ("a.bias", [2], "bias")
    case = harness.Case.load(write(tmp_path, "fill", {}, params=[weight, bias]))
    layer = case.fill(nn.Linear(3, 2), prefix="a.")
    assert not layer.training
    assert np.array_equal(harness.to_numpy(layer.bias), harness.golden_fill("a.bias", (2,), "bias"))
    for wrong, words in [
        (nn.Linear(3, 2, bias=False), "lacks"),
        (nn.Linear(4, 2), "shape"),
        (nn.BatchNorm2d(2), "not"),
    ]:
        with pytest.raises(ValueError, match=words):
            case.fill(wrong, prefix="a.")


def test_tolerances():
    want = np.array([1.0, 0.0, -10.0])
    assert harness.absolute(1).error(want + 0.5, want) == 0.5
    assert harness.relmax(1).error(want + 0.5, want) == 0.05
    assert harness.relative(1).error(want * 1.5, want) == 0.5
    assert harness.relative(1).error(want + 0.5, want) == float("inf")
    assert harness.exact().error(np.array(["a"]), np.array(["a"])) == 0
    assert harness.exact().error(np.array([1, 2]), np.array([1, 3])) == 0.5
    nan = np.array([np.nan, 1.0])
    assert harness.relmax(1).error(nan, nan) == harness.exact().error(nan, nan) == 0


def test_command_line(tmp_path):
    """From another folder: no handler, missing file, not an archive, wrong result: a line each, exit code 1."""
    good, bad = FILES[0], tmp_path / "bad.npz"
    with np.load(good) as archive:
        np.savez(bad, **{k: archive[k] + 1 if k.startswith("out__") else archive[k] for k in archive.files})
    (tmp_path / "text.npz").write_text("not an archive")
    unknown = write(tmp_path, "unknown", {}, system="nothing")
    assert check.main([str(good)]) == 0
    command = [sys.executable, check.__file__, bad, unknown, "missing.npz", "text.npz", good]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert lines[0].startswith("FAIL")
    assert "tolerance" in lines[0]
    assert lines[1].startswith("no handler")
    assert "nothing/unknown" in lines[1]
    assert "missing.npz" in lines[2]
    assert "text.npz" in lines[3]
    assert lines[4].startswith("ok")
    assert lines[5] == "5 cases: 1 ok, 4 not ok"
