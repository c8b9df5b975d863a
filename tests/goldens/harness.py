"""The golden runner: read a file, build the piece its ``meta`` describes, run it, compare.

A handler is a generator function registered with :func:`handles`; it receives a :class:`Case` and yields one
:class:`Check` for each compared output. It reads sizes, class counts and options from ``case.config`` only, so that a
case of the same kind with other numbers passes unchanged.
"""

from __future__ import annotations

import fnmatch
import importlib.util
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
# One module object under both names, however it was imported: handlers register in one table.
sys.modules.setdefault("harness", sys.modules[__name__])
sys.modules.setdefault("tests.goldens.harness", sys.modules[__name__])

from golden_fill import fill as golden_fill  # noqa: E402
from tolerances import Check, Tolerance, absolute, agreement, exact, relative, relmax, to_numpy  # noqa: E402

__all__ = ["Case", "Check", "Report", "Tolerance", "absolute", "agreement", "exact", "handles", "relative", "relmax"]
__all__ += ["load_handlers", "run_file", "to_numpy"]


class Outputs(dict[str, np.ndarray]):
    """The golden outputs; remembers which of them a handler has read."""

    def __init__(self, values: Mapping[str, np.ndarray]) -> None:
        super().__init__(values)
        self.read: set[str] = set()

    def __getitem__(self, name: str) -> np.ndarray:
        self.read.add(name)
        return super().__getitem__(name)

    def items(self) -> Any:
        self.read.update(self)
        return super().items()


@dataclass
class Case:
    """One golden file."""

    path: Path
    meta: dict[str, Any]
    inputs: dict[str, np.ndarray]
    outputs: Outputs

    @classmethod
    def load(cls, path: str | Path) -> Case:
        """Read ``path`` (an .npz file with ``meta``, ``in__*`` and ``out__*``)."""
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        pick = lambda prefix: {n[len(prefix) :]: a for n, a in arrays.items() if n.startswith(prefix)}  # noqa: E731
        return cls(Path(path), json.loads(str(arrays["meta"])), pick("in__"), Outputs(pick("out__")))

    @property
    def system(self) -> str:
        return str(self.meta["system"])

    @property
    def name(self) -> str:
        return str(self.meta["case"])

    @property
    def config(self) -> Any:
        return self.meta["config"]

    @property
    def params(self) -> list[tuple[str, tuple[int, ...], str]]:
        """``(full name, shape, kind)`` of every listed parameter and buffer."""
        return [(name, tuple(shape), kind) for name, shape, kind in self.meta.get("params") or []]

    def tensor(self, name: str) -> torch.Tensor:
        """Input ``name`` as a tensor that owns its memory."""
        return torch.from_numpy(np.array(self.inputs[name]))

    def skip(self, name: str, reason: str) -> None:
        """Declare that output ``name`` is deliberately not compared; ``reason`` must not be empty."""
        if not reason:
            raise ValueError(f"say why {name} is not compared")
        self.outputs.read.add(name)

    def fill(self, module: nn.Module, prefix: str = "") -> nn.Module:
        """Fill ``module`` with the golden values of the parameters whose listed name starts with ``prefix``.

        Strict both ways: a listed name the module lacks, a state entry the list lacks or another shape raises
        :class:`ValueError`. Entries of kind "keep" keep what the constructor computed. Returns ``module.eval()``.
        """
        state = module.state_dict()
        listed = {n[len(prefix) :]: (n, shape, kind) for n, shape, kind in self.params if n.startswith(prefix)}
        if state.keys() != listed.keys():
            lacks, extra = sorted(listed.keys() - state.keys()), sorted(state.keys() - listed.keys())
            raise ValueError(f"module lacks {lacks[:6]} ({len(lacks)}); not in the golden: {extra[:6]} ({len(extra)})")
        values = {}
        for name, (full_name, shape, kind) in listed.items():
            if tuple(state[name].shape) != shape:
                raise ValueError(f"{name}: shape {tuple(state[name].shape)}, expected {shape}")
            values[name] = state[name] if kind == "keep" else torch.from_numpy(golden_fill(full_name, shape, kind))
        module.load_state_dict(values)
        return module.eval()


Handler = Callable[[Case], Iterator[Check]]
_HANDLERS: dict[tuple[str, str], Handler] = {}


def handles(system: str, *patterns: str) -> Callable[[Handler], Handler]:
    """Register a handler for the cases of ``system`` that match a shell-style pattern; the longest pattern wins."""

    def register(handler: Handler) -> Handler:
        _HANDLERS.update({(system, pattern): handler for pattern in patterns})
        return handler

    return register


def find_handler(case: Case) -> Handler | None:
    """The handler registered for ``case``, or None."""
    load_handlers()
    matching = [p for s, p in _HANDLERS if s == case.system and fnmatch.fnmatchcase(case.name, p)]
    return _HANDLERS[case.system, max(matching, key=len)] if matching else None


_LOADED: dict[Path, str | None] = {}


def load_handlers() -> dict[Path, str]:
    """Import every file of ``handlers/`` once; returns file -> error text for those that could not be imported."""
    for path in sorted((HERE / "handlers").glob("*.py")):
        if path not in _LOADED:
            spec = importlib.util.spec_from_file_location(f"golden_handlers.{path.stem}", path)
            assert spec is not None
            assert spec.loader is not None
            module = importlib.util.module_from_spec(spec)
            sys.modules[spec.name] = module
            try:
                spec.loader.exec_module(module)
                _LOADED[path] = None
            except Exception as error:
                _LOADED[path] = f"{type(error).__name__}: {error}"
    return {path: error for path, error in _LOADED.items() if error is not None}


@dataclass
class Report:
    """The outcome of one case: ``status`` is "ok", "FAIL" or "no handler"; ``text`` is the line to print."""

    case: str
    status: str
    text: str

    @property
    def ok(self) -> bool:
        return self.status == "ok"


def run_file(path: str | Path) -> Report:
    """Check one golden file; never raises for anything a file or a handler does wrong."""
    name = str(path)
    try:
        case = Case.load(path)
        name = f"{case.system}/{case.name}"
        handler = find_handler(case)
        if handler is None:
            text = (
                f"no golden handler matches; write one in tests/goldens/handlers/ with @handles({case.system!r}, ...)"
            )
            return Report(name, "no handler", text)
        return _run(case, handler, name)
    except Exception as error:
        return Report(name, "FAIL", f"{type(error).__name__}: {error}")


def _run(case: Case, handler: Handler, name: str) -> Report:
    start = time.perf_counter()
    torch.manual_seed(0)
    results = [(check.error(), check) for check in handler(case)]
    unread = sorted(set(case.outputs) - case.outputs.read)
    if not results or unread:
        return Report(name, "FAIL", f"outputs never compared: {unread or sorted(case.outputs)}")
    failed = [(error, check) for error, check in results if not error <= check.tolerance.limit]
    ratio = lambda r: r[0] / r[1].tolerance.limit if r[1].tolerance.limit else r[0]  # noqa: E731
    error, check = max(failed or results, key=ratio)
    seconds = time.perf_counter() - start
    summary = f"largest error {error:.3g} (tolerance {check.tolerance}) at {check.name}"
    counts = f"{len(results)} checks" + (f", {len(failed)} failed" if failed else "")
    return Report(name, "FAIL" if failed else "ok", f"{summary}; {counts}; {seconds:.1f} s")
