"""Recipes: named, complete, immutable descriptions of experiments, and the one function that runs them."""

from udalib.recipes.registry import PRESETS, RECIPES, get_recipe, list_recipes, register
from udalib.recipes.report.groups import Report, summarise
from udalib.recipes.report.records import Entry, read_entries
from udalib.recipes.report.text import FORMATS, render
from udalib.recipes.runner import RunResult, execute, run_folder, run_recipe
from udalib.recipes.spec.options import Options
from udalib.recipes.spec.overrides import apply_overrides, parameter_paths, parse_assignments
from udalib.recipes.spec.specs import (
    DatasetSpec,
    DecoderSpec,
    EncoderSpec,
    EvaluationSpec,
    InferenceSpec,
    MethodSpec,
    MultiResolutionSpec,
    NetworkSpec,
    Published,
    Recipe,
    SamplerSpec,
    ScheduleSpec,
    StartSpec,
    StreamSpec,
    TransformSpec,
)

__all__ = [
    "FORMATS",
    "PRESETS",
    "RECIPES",
    "DatasetSpec",
    "DecoderSpec",
    "EncoderSpec",
    "Entry",
    "EvaluationSpec",
    "InferenceSpec",
    "MethodSpec",
    "MultiResolutionSpec",
    "NetworkSpec",
    "Options",
    "Published",
    "Recipe",
    "Report",
    "RunResult",
    "SamplerSpec",
    "ScheduleSpec",
    "StartSpec",
    "StreamSpec",
    "TransformSpec",
    "apply_overrides",
    "execute",
    "get_recipe",
    "list_recipes",
    "parameter_paths",
    "parse_assignments",
    "read_entries",
    "register",
    "render",
    "run_folder",
    "run_recipe",
    "summarise",
]
