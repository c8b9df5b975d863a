"""The scores of one trained run under every execution plan, and how alike the states between its layers are."""

from __future__ import annotations

from typing import Any

import torch

from udalib.analysis.layers import find_stack, layer_similarity, layer_states
from udalib.analysis.layers.scores import chance_iou
from udalib.analysis.layers.stacks import Stack
from udalib.analysis.layers.trials import plan_trials, score_trials
from udalib.engine.record.reading import read_run
from udalib.recipes.apply.loading import LoadedRun, find_device, load_run
from udalib.recipes.build import build_evaluators
from udalib.recipes.sweep.tasks import Task

STATES = 20
"""Images whose states are compared; of each image the whole map is one vector."""


class Scorer:
    """Scores of one run's network on some images of each of its evaluations, which are read once.

    Args:
        run: with weights.
        images: of each evaluation.
        device: where the network is.
    """

    def __init__(self, run: LoadedRun, images: int, device: torch.device) -> None:
        self.run, self.device = run, device
        self.evaluators = build_evaluators(run.recipe, run.method)
        for evaluator in self.evaluators.values():
            # A list is a data set too; every plan sees the same images, so they are read once.
            evaluator.dataset = [evaluator.dataset[i] for i in range(min(images, len(evaluator.dataset)))]

    def all_scores(self) -> dict[str, dict[str, Any]]:
        """Everything the evaluators say, by evaluation."""
        return {name: each.evaluate(self.run.method.predict, self.device) for name, each in self.evaluators.items()}

    def scores(self) -> dict[str, float]:
        """Mean IoU in percent by evaluation."""
        return {name: round(100 * found["miou"], 3) for name, found in self.all_scores().items()}

    def similarity(self, name: str, stack: Stack) -> list[list[float]]:
        """Cosine similarity of the states of ``stack`` on images of an evaluation, class tokens left out."""
        evaluator = self.evaluators[name]
        samples = [evaluator.dataset[i] for i in range(min(STATES, len(evaluator.dataset)))]
        images, network = evaluator.images(samples, self.device), self.run.method.network
        states = layer_states(network, lambda: network(images), stack=stack)
        prefix = prefix_tokens(network.encoder)
        found = layer_similarity(states, "patch" if prefix else "all", prefix_tokens=prefix)
        return [[round(value, 4) for value in row] for row in found.tolist()]


def prefix_tokens(encoder: torch.nn.Module) -> int:
    """Tokens before those of the image, as timm's transformers say it; 0 for other encoders."""
    return max((int(getattr(module, "num_prefix_tokens", 0)) for module in encoder.modules()), default=0)


def score_run(task: Task, options: Any) -> dict[str, Any]:
    """One row of the record: the untouched network, every trial, and how alike its states are.

    ``options`` has what is asked for: device, stack, images, loops, draws.
    """
    device = find_device(options.device)
    run = load_run(task.folder, device)
    network: Any = run.method.network
    stack = find_stack(network, options.stack)
    scorer = Scorer(run, options.images, device)
    full = scorer.all_scores()
    pixels = {name: torch.tensor(found["confusion"]).sum(1).tolist() for name, found in full.items()}
    trials = plan_trials(len(stack), loops=options.loops, draws=options.draws)
    scores = score_trials(network, trials, scorer.scores, stack=stack)
    data = read_run(task.folder).data
    return {
        "recipe": task.recipe.name,
        "seed": task.recipe.train.seed,
        "full": {name: round(100 * found["miou"], 3) for name, found in full.items()},
        "chance": {name: round(100 * chance_iou(counts), 3) for name, counts in pixels.items()},
        "scores": {name: [each[name] for each in scores] for name in full},
        "similarity": {name: scorer.similarity(name, stack) for name in full},
        "stack": {"name": stack.name, "layers": len(stack), "class": type(stack.layers[0]).__name__},
        "machine": data["device"],
        "versions": data["versions"],
    }
