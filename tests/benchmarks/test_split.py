"""Time inside a part belongs to the innermost part alone; the shares of a real step add up to one."""

import json

import pytest
import torch


def test_a_part_inside_another_stops_it(split, monkeypatch):
    stopwatch, now = split.Stopwatch(torch.device("cpu")), [0.0]
    monkeypatch.setattr(split.Stopwatch, "clock", lambda self: now[0])

    def passes(seconds):
        now[0] += seconds

    inner = stopwatch.around("inner", lambda: passes(2.0))

    def outer():
        passes(1.0)
        inner()
        passes(4.0)

    counted = stopwatch.around("outer", outer)

    def step():
        passes(0.5)
        counted()

    assert stopwatch.run(step, 2) == pytest.approx(7.5)
    assert stopwatch.seconds == pytest.approx({split.REST: 1.0, "outer": 10.0, "inner": 4.0})


def test_the_parts_of_a_step_add_up(split, tmp_path):
    out = tmp_path / "split.json"
    words = ["--recipes", "streets/daformer", "no/such", "--preset", "quick", "--device", "cpu"]
    assert split.main([*words, "--steps", "1", "--rounds", "1", "--out", str(out)]) == 1
    record = json.loads(out.read_text())
    (step,) = record["steps"]
    assert sum(step["shares"].values()) == pytest.approx(1.0)
    assert {"backward", "optimiser", "mixing", "teacher, forward", "teacher, following", "reference, forward"} < set(
        step["shares"]
    )
    assert "no/such" in record["failed"]
