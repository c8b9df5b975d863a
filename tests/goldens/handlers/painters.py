"""Layers as painters: BERT, Llama and a timm ViT under every plan, the orders that ran, similarity of the states."""

from __future__ import annotations

import importlib
import os
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from harness import Case, Check, absolute, exact, handles, relmax
from torch import Tensor, nn

from udalib.analysis.layers import Plan, create_plan, find_stack, layer_similarity, layer_states, planned

OUTPUT = relmax(2e-5)  # float32 through up to 18 layers; the sheet measured 2e-6 between two implementations
SIMILARITY = absolute(2e-6)
OURS = {"skip_idx_layer": "skip_layer", "switch_idx_layer": "switch_layers"}
NOT_THE_MODEL = {"cfg", "cls", "attn", "timm", "starts", "loops", "random_seeds", "seeds"}
KEY = re.compile(r"(?:(?P<kind>[a-z]+)_)?s(?P<start>\d+)_(?P<plan>[a-z_]+?)(?:_(?P<number>\d+))?")

Run = Callable[[], dict[str, Tensor]]


def model_options(case: Case) -> dict[str, Any]:
    return {key: value for key, value in case.config.items() if key not in NOT_THE_MODEL}


def language_model(case: Case) -> tuple[nn.Module, Run]:
    """A model of transformers by the name of its configuration, and its outputs by kind; skipped without transformers.

    ``""`` is what files without kinds hold.
    """
    try:
        import transformers
    except ImportError as error:
        reason = "needs transformers: pip install 'udalib[language]'"
        if "PYTEST_CURRENT_TEST" in os.environ:
            import pytest

            pytest.skip(reason)
        raise ImportError(reason) from error
    config = getattr(transformers, case.config["cfg"])(**model_options(case))
    attention = case.config.get("attn", "eager")
    model = case.fill(transformers.AutoModel.from_config(config, attn_implementation=attention))

    def run() -> dict[str, Tensor]:
        output = model(**{name: case.tensor(name) for name in case.inputs}, use_cache=False)
        found = {"": output.last_hidden_state, "hidden": output.last_hidden_state}
        return found | ({"pool": output.pooler_output} if "pooler_output" in output else {})

    return model, run


def vision_transformer(case: Case) -> tuple[nn.Module, Run]:
    """The timm class that the configuration names, and its outputs by kind."""
    module, _, name = case.config["cls"].rpartition(".")
    model: Any = case.fill(getattr(importlib.import_module(module), name)(**model_options(case)))

    def run() -> dict[str, Tensor]:
        tokens = model.forward_features(case.tensor("image"))
        return {"tokens": tokens, "logits": model.forward_head(tokens)}

    return model, run


def plan_of(layers: int, key: re.Match[str]) -> Plan:
    """The plan of an output's key; its number is the loops or the seed."""
    name = OURS.get(key["plan"], key["plan"])
    number = int(key["number"] or 1)
    return create_plan(name, layers, int(key["start"]), loops=number, seed=number)


def under_plans(case: Case, model: nn.Module, run: Run) -> Iterator[Check]:
    """Every output whose key names a plan."""
    layers = len(find_stack(model))
    values: dict[str, dict[str, Tensor]] = {}
    for name in case.outputs:
        key = KEY.fullmatch(name)
        if key is None:
            continue
        plan = plan_of(layers, key)
        if key["kind"] == "order":
            yield Check(name, np.array(plan.executed), case.outputs[name], exact())
            continue
        text = str(plan)
        if text not in values:
            with torch.no_grad(), planned(model, plan):
                values[text] = run()
        yield Check(name, values[text][key["kind"] or ""], case.outputs[name], OUTPUT)


def similarity(case: Case, model: nn.Module, run: Run) -> Iterator[Check]:
    """States of the network as it is, and their similarity over all tokens and over some."""
    states = layer_states(model, run)
    if "hidden_states" in case.outputs:
        yield Check("hidden_states", states, case.outputs["hidden_states"], OUTPUT)
    prefix = int(getattr(model, "num_prefix_tokens", 1))
    for name in case.outputs:
        if name == "cos_sim" or name.startswith("cos_sim_"):
            tokens = name.removeprefix("cos_sim").removeprefix("_") or "all"
            matrix = layer_similarity(states, tokens, prefix_tokens=prefix)
            yield Check(name, matrix, case.outputs[name], SIMILARITY)


@handles("painters", "*")
def painters(case: Case) -> Iterator[Check]:
    model, run = vision_transformer(case) if "cls" in case.config else language_model(case)
    yield from under_plans(case, model, run)
    yield from similarity(case, model, run)
