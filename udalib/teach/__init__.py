"""Checks for the notebooks' exercises."""

from udalib.teach import chapter00, chapter01, chapter02, chapter03, chapter04, chapter05, chapter06
from udalib.teach.check import EXERCISES, Exercise, Feedback, NotYet, check

__all__ = [
    "EXERCISES",
    "Exercise",
    "Feedback",
    "NotYet",
    "chapter00",
    "chapter01",
    "chapter02",
    "chapter03",
    "chapter04",
    "chapter05",
    "chapter06",
    "check",
]
