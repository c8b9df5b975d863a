"""The network that a run has trained, also when the run was finished earlier and is only read."""

from __future__ import annotations

from udalib.engine.checkpoint import load_weights
from udalib.methods import Method
from udalib.recipes import RunResult
from udalib.recipes.build import build_method


def trained_method(result: RunResult) -> Method:
    """Method of ``result`` with its final weights, in evaluation mode on the CPU.

    A run that had finished before has no method in memory: it is built again and loaded from ``last.ckpt``.
    """
    method = result.method
    if method is None:
        method = build_method(result.recipe, pretrained=False)
        method.load_state_dict(load_weights(result.folder / "last.ckpt"))
    return method.to("cpu").eval()
