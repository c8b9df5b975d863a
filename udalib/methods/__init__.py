"""Methods: one file a published method, its losses and its training step, readable from top to bottom."""

from udalib.methods.adabn import AdaBN
from udalib.methods.base import LocalRuntime, Method, Runtime, count_parameters
from udalib.methods.registry import METHODS, create_method, list_methods
from udalib.methods.supervised import Supervised

__all__ = [
    "METHODS",
    "AdaBN",
    "LocalRuntime",
    "Method",
    "Runtime",
    "Supervised",
    "count_parameters",
    "create_method",
    "list_methods",
]
