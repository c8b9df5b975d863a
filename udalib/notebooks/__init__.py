"""Executing the notebook series headlessly, and the check of a notebook's typed parameters."""

from udalib.notebooks.parameters import Parameter, check_parameters, read_parameters, resolve
from udalib.notebooks.runner import find_notebooks, main
from udalib.notebooks.scan import find_tracebacks

__all__ = ["Parameter", "check_parameters", "find_notebooks", "find_tracebacks", "main", "read_parameters", "resolve"]
