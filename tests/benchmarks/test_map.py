"""The encoder calls that the book's map of methods states are those of one iteration."""

import argparse
import re
from pathlib import Path

import pytest
import torch

from udalib.recipes import get_recipe

MAP = Path(__file__).resolve().parents[2] / "docs" / "book" / "map.md"
STATED = re.findall(r"\| `(\S+)` \| (\d+) \+ (\d+) \|", MAP.read_text(encoding="utf-8"))


def test_the_map_states_most_methods():
    assert len(STATED) > 10


@pytest.mark.parametrize(("recipe", "learned", "other"), STATED)
def test_encoder_calls_of_an_iteration(split, recipe, learned, other):
    options = argparse.Namespace(device="cpu", precision="32-true")
    method, step = split.prepared(get_recipe(recipe, "quick"), options)
    calls = {True: 0, False: 0}

    def count(*_given):
        calls[torch.is_grad_enabled()] += 1

    for name, module in method.named_modules():
        if name.split(".")[-1] == "encoder":
            module.register_forward_hook(count)
    step()
    assert (calls[True], calls[False]) == (int(learned), int(other))
