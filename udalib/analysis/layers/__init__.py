"""Layers as painters: execution plans for stacks of residual layers, applied to networks without touching weights.

After Sun, Pickett, Nain, Jones, "Transformer Layers as Painters", AAAI 2025.
"""

from udalib.analysis.layers.planned import planned
from udalib.analysis.layers.plans import (
    PLANS,
    create_plan,
    largest_start,
    loop_parallel,
    middle_repeat,
    parallel,
    random_order,
    reverse,
    skip,
    skip_layer,
    split,
    switch_layers,
)
from udalib.analysis.layers.scores import aggregate_scores, chance_iou, normalised_score, score_plans
from udalib.analysis.layers.segments import Plan, Segment, positions
from udalib.analysis.layers.similarity import layer_similarity, select_tokens, similarity_groups
from udalib.analysis.layers.stacks import Stack, find_stack, find_stacks
from udalib.analysis.layers.states import layer_states

__all__ = [
    "PLANS",
    "Plan",
    "Segment",
    "Stack",
    "aggregate_scores",
    "chance_iou",
    "create_plan",
    "find_stack",
    "find_stacks",
    "largest_start",
    "layer_similarity",
    "layer_states",
    "loop_parallel",
    "middle_repeat",
    "normalised_score",
    "parallel",
    "planned",
    "positions",
    "random_order",
    "reverse",
    "score_plans",
    "select_tokens",
    "similarity_groups",
    "skip",
    "skip_layer",
    "split",
    "switch_layers",
]
