"""The queue of DSCL over processes: both hold the keys of all, in the order of one big batch."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from udalib.engine import TrainConfig
from udalib.engine.runtime import FabricRuntime, make_fabric
from udalib.methods import LocalRuntime, create_method
from udalib.models import create_network
from udalib.recipes.conformance.splits import Meeting, Process

OPTIONS = {"dim": 8, "queue": 32, "view": (16, 16), "patches": 1, "patch_size": 8, "momentum": 0.9}
B, STEPS = 8, 3


def batch(first: int, count: int, iteration: int) -> dict[str, Any]:
    """Pictures ``first`` .. of a batch of B, each with a class of its own."""
    random = torch.Generator().manual_seed(iteration)
    image, target = torch.rand(B, 3, 16, 16, generator=random), torch.arange(B) + 10 * iteration
    return {"labelled": {"image": image[first : first + count], "target": target[first : first + count]}}


def queue_of(runtime: Any, rank: int = 0, processes: int = 1) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Features, labels and pointer of a queue after some steps, BatchNorm with its running statistics.

    The rate is 0: a query is contrasted with what its own process holds, so gradients differ by design.
    """
    random = torch.Generator().manual_seed(0)
    network = create_network("pooled-streets", num_classes=100)
    method = create_method("dscl", network, torch.optim.SGD(network.parameters(), 0.0), 100, **OPTIONS).eval()
    for parameter in method.parameters():
        torch.nn.init.normal_(parameter.data, std=0.1, generator=random)
    method.runtime, share = runtime, B // processes
    for t in range(STEPS):
        method.step(batch(rank * share, share, t), t)
    return method.queue.features, method.queue.labels, method.queue.queue_ptr


def test_two_processes_hold_the_keys_of_one_with_all_pictures() -> None:
    meeting, whole = Meeting(), queue_of(LocalRuntime())
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda rank: queue_of(Process(rank, meeting), rank, 2), range(2)))
    assert whole[1][: B * STEPS].tolist() == [10 * t + i for t in range(STEPS) for i in range(B)]
    for features, labels, pointer in found:
        assert torch.equal(labels, whole[1])
        assert torch.equal(pointer, whole[2])
        # Batches of another size round otherwise in the last bits of a convolution.
        assert torch.allclose(features[: B * STEPS], whole[0][: B * STEPS], atol=1e-5)


def save_queue(folder: str) -> None:
    """What a process of torchrun holds, in a file named by its rank."""
    fabric = make_fabric(TrainConfig(iterations=STEPS, device="cpu"))
    fabric.launch()
    assert fabric.world_size == 2
    torch.save(queue_of(FabricRuntime(fabric), fabric.global_rank, 2), Path(folder, str(fabric.global_rank)))


SCRIPT = """
import os, sys
out, *variables, tests = ARGUMENTS
os.environ.update(variable.split("=") for variable in variables)
sys.path.insert(0, tests)
import test_dscl_processes
test_dscl_processes.save_queue(out)
"""


@pytest.mark.slow
def test_fabric_gathers_them_over_real_processes(tmp_path, start_script, under_torchrun) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    under_torchrun(partial(start_script, script), str(tmp_path), str(Path(__file__).parent))
    whole = queue_of(LocalRuntime())
    for rank in "01":
        features, labels, pointer = torch.load(tmp_path / rank)
        assert torch.equal(labels, whole[1])
        assert torch.equal(pointer, whole[2])
        assert torch.allclose(features[: B * STEPS], whole[0][: B * STEPS], atol=1e-5)
