"""Graders for the notebooks' exercises: ``check("00.1", answer)`` says what is right, or what to look at again."""

from __future__ import annotations

import html
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from udalib.core.registry import Registry


class NotYet(Exception):
    """Raised by a grader: the answer is not right yet, and the message says where to look."""


@dataclass(frozen=True)
class Feedback:
    """What a grader says; prints as one line, and in a notebook as a box with a sign, a word and a colour."""

    exercise: str
    right: bool
    message: str

    def __bool__(self) -> bool:
        return self.right

    def __str__(self) -> str:
        return f"{'✓ right' if self.right else '✗ not yet'} ({self.exercise}): {self.message}"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        color = "#009E73" if self.right else "#D55E00"
        style = f"border-left: 4px solid {color}; padding: 0.3em 0.8em;"
        return f'<div style="{style}">{html.escape(str(self))}</div>'


@dataclass(frozen=True)
class Exercise:
    """A question and its grader; the grader raises :class:`NotYet`, or returns a remark on a right answer."""

    key: str
    question: str
    grade: Callable[[Any], str]


EXERCISES: Registry[Exercise] = Registry("exercise")


def exercise(key: str, question: str) -> Callable[[Callable[[Any], str]], Callable[[Any], str]]:
    """Register the decorated function as the grader of exercise ``key``, for example "00.1"."""

    def register(grade: Callable[[Any], str]) -> Callable[[Any], str]:
        EXERCISES.add(key, Exercise(key, question, grade))
        return grade

    return register


def check(key: str, answer: Any) -> Feedback:
    """Grade ``answer`` to exercise ``key``; an answer that raises is 'not yet', with its error in the message.

    An unknown ``key`` raises :class:`~udalib.core.errors.UnknownNameError`.
    """
    found = EXERCISES.get(key)
    if answer is None or answer is Ellipsis:
        return Feedback(key, False, f"no answer yet. The question: {found.question}")
    try:
        return Feedback(key, True, found.grade(_watched(answer) if callable(answer) else answer))
    except NotYet as hint:
        return Feedback(key, False, str(hint))
    except Exception as error:
        return Feedback(key, False, f"your code stopped with {type(error).__name__}: {error}")


def _watched(answer: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any) -> Any:
        value = answer(*args)
        require(
            value is not None and value is not Ellipsis, "your function returns nothing yet; end it with `return ...`."
        )
        return value

    return call


def require(condition: bool, hint: str) -> None:
    """Raise :class:`NotYet` with ``hint`` unless ``condition`` holds."""
    if not condition:
        raise NotYet(hint)


def require_function(answer: Any) -> None:
    """Raise :class:`NotYet` unless ``answer`` can be called."""
    require(callable(answer), f"hand in the function itself, without calling it; got {type(answer).__name__}.")


def require_close(got: Any, want: float, what: str, tolerance: float = 1e-4) -> None:
    """Raise :class:`NotYet` unless ``got`` is a number within ``tolerance`` of ``want``."""
    try:
        value = float(got)
    except (TypeError, ValueError):
        raise NotYet(f"{what} should be a number, got {got!r}.") from None
    require(abs(value - want) <= tolerance, f"{what} should be {want:.6g}, got {value:.6g}.")
