"""Flow between the frames of a batch: what is added, what is refused, RAFT without and with its file."""

import pytest
import torch
from torchvision.models.optical_flow import raft_small

from udalib.core.errors import CheckpointError, ConfigError
from udalib.data import Draws, EstimateFlow
from udalib.data.transforms.flow import raft, raft_file
from udalib.ops.optical_flow import LucasKanade

DRAWS = Draws([])


def frames(batch=2, length=3, size=(32, 48)):
    return torch.rand(batch, length, 3, *size, generator=torch.Generator().manual_seed(0))


def test_every_pair_gets_both_directions():
    clips = frames()
    batch = EstimateFlow()({"frames": clips, "name": ["a", "b"]}, DRAWS)
    assert batch["name"] == ["a", "b"]
    assert batch["flow_backward"].shape == batch["flow_forward"].shape == (2, 2, 2, 32, 48)
    estimate = LucasKanade()
    for t in range(2):
        torch.testing.assert_close(batch["flow_backward"][:, t], estimate(clips[:, t + 1], clips[:, t]))
        torch.testing.assert_close(batch["flow_forward"][:, t], estimate(clips[:, t], clips[:, t + 1]))


def test_what_is_refused():
    with pytest.raises(ConfigError, match="needs clips; set frames=2"):
        EstimateFlow()({"image": torch.rand(1, 3, 8, 8)}, DRAWS)
    with pytest.raises(ConfigError, match="batch_transforms, first in the row"):
        EstimateFlow()({"frames": frames().mul(255).to(torch.uint8)}, DRAWS)
    with pytest.raises(ConfigError, match="flow estimator is 'farneback'; choose lucas_kanade"):
        EstimateFlow("farneback")


def test_raft_needs_its_file(tmp_path, monkeypatch):
    monkeypatch.setenv("UDALIB_WEIGHTS", str(tmp_path))
    with pytest.raises(CheckpointError, match=r"raft_small.*is missing.*nothing is downloaded.*lucas_kanade"):
        EstimateFlow("raft_small")({"frames": frames()}, DRAWS)
    torch.save({"other": torch.ones(1)}, tmp_path / raft_file("raft_small"))
    with pytest.raises(CheckpointError, match="does not hold the weights of raft_small"):
        EstimateFlow("raft_small")({"frames": frames()}, DRAWS)


def test_raft_pads_small_frames_and_cuts_the_flow(tmp_path, monkeypatch):
    monkeypatch.setenv("UDALIB_WEIGHTS", str(tmp_path))
    torch.save(raft_small(weights=None).state_dict(), tmp_path / raft_file("raft_small"))
    raft.cache_clear()
    batch = EstimateFlow("raft_small")({"frames": frames(1, 2, (30, 50))}, DRAWS)
    assert batch["flow_backward"].shape == (1, 1, 2, 30, 50)
    assert batch["flow_forward"].isfinite().all()
    raft.cache_clear()
