"""Methods: one file a published method, its losses and its training step, readable from top to bottom."""

import importlib
import pkgutil

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

for _module in pkgutil.iter_modules(__path__, "udalib.methods."):
    importlib.import_module(_module.name)  # a new file registers its method without an edit here
