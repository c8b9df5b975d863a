"""Checks for the notebooks' exercises; the graders of chapter NN are in ``chapterNN.py``, found by its name."""

import importlib
import pkgutil

from udalib.teach.check import EXERCISES, Exercise, Feedback, NotYet, check

__all__ = ["EXERCISES", "Exercise", "Feedback", "NotYet", "check"]

for _module in pkgutil.iter_modules(__path__, "udalib.teach."):
    importlib.import_module(_module.name)
