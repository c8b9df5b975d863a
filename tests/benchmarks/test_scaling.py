"""The extrapolation is the arithmetic it says; two processes run and are compared with one."""

import argparse
import json

import pytest


def test_exchange_takes_bytes_over_bandwidth(scaling):
    told = scaling.extrapolated(argparse.Namespace(gpus=4, bandwidth=100.0, step=0.1))
    assert told["bytes_sent_by_each"] == pytest.approx(1.5 * told["gradient_bytes"])
    assert told["exchange_seconds"] == pytest.approx(told["bytes_sent_by_each"] / 1e11)
    assert told["efficiency"] == pytest.approx(0.1 / (0.1 + told["exchange_seconds"]))


@pytest.mark.slow
def test_record(scaling, tmp_path):
    out = tmp_path / "scaling.json"
    assert scaling.main(["--iterations", "2", "--rounds", "1", "--out", str(out)]) == 0
    record = json.loads(out.read_text())
    assert [row["processes"] for row in record["measured"]] == [1, 2]
    assert record["measured"][0]["efficiency"] == 1
    assert record["extrapolated"] is None
