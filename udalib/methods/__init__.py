"""Methods: one file a published method, its losses and its training step, readable from top to bottom."""

from udalib.methods.base import LocalRuntime, Method, Runtime, count_parameters
from udalib.methods.registry import METHODS, create_method, list_methods

__all__ = ["METHODS", "LocalRuntime", "Method", "Runtime", "count_parameters", "create_method", "list_methods"]
