"""What every method promises, as checks that run on any of them: `check_method("dacs")`, or `check(Subject(...))`.

A method that is registered and has a recipe is checked by ``tests/methods/test_conformance.py`` unasked; one from
outside the package calls :func:`check_recipe` in its own tests. Each check raises :class:`ConformanceError`.
"""

from collections.abc import Callable

from udalib.recipes.conformance.comparing import ConformanceError
from udalib.recipes.conformance.from_recipe import recipe_of, subject_of
from udalib.recipes.conformance.splits import check_micro_batches, check_processes
from udalib.recipes.conformance.states import check_prediction, check_resume
from udalib.recipes.conformance.steps import (
    check_bfloat16,
    check_draws,
    check_gradients,
    check_logs,
    check_no_labels,
    check_streams,
    check_surroundings,
)
from udalib.recipes.conformance.subject import STEPS, Subject
from udalib.recipes.spec.specs import Recipe

CHECKS: dict[str, Callable[[Subject], None]] = {
    "streams": check_streams,
    "logs": check_logs,
    "gradients": check_gradients,
    "surroundings": check_surroundings,
    "draws": check_draws,
    "resume": check_resume,
    "prediction": check_prediction,
    "no_labels": check_no_labels,
    "bfloat16": check_bfloat16,
    "processes": check_processes,
    "micro_batches": check_micro_batches,
}


def check(subject: Subject) -> None:
    """Run every check on ``subject``.

    Raises:
        ConformanceError: the first promise that it breaks.
    """
    for name, run in CHECKS.items():
        try:
            run(subject)
        except ConformanceError as error:
            raise ConformanceError(f"{subject.name}, {name}: {error}") from error


def check_recipe(recipe: Recipe) -> None:
    """Run every check on the method of ``recipe``, on small batches of its streams."""
    check(subject_of(recipe))


def check_method(name: str) -> None:
    """Run every check on the registered method ``name``, in the plainest recipe that uses it."""
    check_recipe(recipe_of(name))


__all__ = [
    "CHECKS",
    "STEPS",
    "ConformanceError",
    "Subject",
    "check",
    "check_method",
    "check_recipe",
    "recipe_of",
    "subject_of",
]
