"""Every registered method keeps what every method promises; a new one is checked without an edit here."""

from __future__ import annotations

import pytest

from udalib.methods import METHODS, Supervised, list_methods
from udalib.recipes.conformance import CHECKS, ConformanceError, Subject, recipe_of, subject_of


@pytest.fixture(scope="module", params=list_methods())
def subject(request: pytest.FixtureRequest, cache: None) -> Subject:
    return subject_of(recipe_of(request.param))


@pytest.mark.parametrize("check", CHECKS)
def test_conformance(subject: Subject, check: str) -> None:
    CHECKS[check](subject)


def test_a_method_without_a_recipe_says_so() -> None:
    METHODS.add("nobody-uses-it", type("Unused", (Supervised,), {}))
    try:
        with pytest.raises(ConformanceError, match=r"no recipe .* uses the method 'nobody-uses-it'.*register one"):
            recipe_of("nobody-uses-it")
    finally:
        METHODS.remove("nobody-uses-it")
