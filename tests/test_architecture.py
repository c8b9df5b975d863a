"""Imports run downwards only, optional packages are imported lazily, and no file grows without bound."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "udalib"
FILES = sorted(PACKAGE.rglob("*.py"))
MAX_LINES = 300

LOWER = {"core", "data", "world", "models", "ops", "metrics", "methods", "engine", "recipes"}
ALLOWED: dict[str, set[str]] = {
    "core": set(),
    "data": {"core", "ops"},
    "world": {"core", "data.labels"},
    "models": {"core", "ops"},
    "ops": {"core"},
    "metrics": {"core"},
    "methods": {"core", "models", "ops"},
    "engine": {"core", "metrics", "data", "ops"},
    "recipes": LOWER - {"recipes"},
    "analysis": LOWER,
    "viz": LOWER | {"analysis"},
    "teach": LOWER | {"analysis", "viz"},
    "notebooks": LOWER | {"analysis", "viz", "teach"},
    "cli": LOWER | {"analysis", "viz", "teach", "notebooks"},
}

REQUIRED = {
    "PIL", "lightning", "matplotlib", "numpy", "safetensors", "seaborn", "sklearn", "timm", "torch", "torchmetrics",
    "torchvision", "tqdm",
}  # fmt: skip
ALSO = {"cli": {"tyro"}}  # its __init__ reports a missing tyro before anything else is imported
NEVER = {"cv2", "mmcv", "mmseg", "hydra", "pytorch_lightning"}


def imports(tree: ast.AST, package: str) -> Iterator[tuple[str, int, bool]]:
    """Yield (dotted module, line, whether it is imported when the file is) for every import; relative ones resolved."""
    lazy = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for node in ast.walk(function)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno, id(node) not in lazy
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*parents, base] if base else parents)
            for alias in node.names:
                yield f"{base}.{alias.name}", node.lineno, id(node) not in lazy


def layer_of(path: Path) -> str:
    """Name of the layer a file of the package belongs to: its folder, or its own name if it lies at the top."""
    first = path.relative_to(PACKAGE).parts[0]
    name = first.removesuffix(".py")
    return "cli" if name.startswith("cli") else name


def wrong_arrows(source: str, layer: str, package: str) -> list[str]:
    """Describe every import of ``source`` that the layer may not make."""
    allowed = ALLOWED[layer] | {layer}
    found = []
    for module, line, _ in imports(ast.parse(source), package):
        parts = module.split(".")
        if parts[0] != "udalib" or len(parts) < 2:
            continue
        target = ".".join(parts[1:])
        if not any(target == name or target.startswith(f"{name}.") for name in allowed):
            found.append(f"line {line}: {layer} imports {module}")
    return found


def wrong_packages(source: str, package: str, layer: str = "") -> list[str]:
    """Describe every import of an outside package that is forbidden, or optional but imported eagerly."""
    found = []
    for module, line, eager in imports(ast.parse(source), package):
        top = module.split(".")[0]
        if top in sys.stdlib_module_names or top in {"udalib", "__future__"}:
            continue
        if top in NEVER:
            found.append(f"line {line}: {top} is not used here")
        elif eager and top not in REQUIRED | ALSO.get(layer, set()):
            found.append(f"line {line}: {top} is optional; import it inside the function that needs it")
    return found


def package_of(path: Path) -> str:
    """Dotted package of a file, against which relative imports are resolved."""
    return ".".join(path.relative_to(ROOT).parent.parts)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_and_length(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    layer = layer_of(path)
    assert not wrong_packages(source, package_of(path), layer)
    assert len(source.splitlines()) <= MAX_LINES, f"more than {MAX_LINES} lines: look for the second idea in it"
    if layer != "__init__":
        assert layer in ALLOWED, f"new layer {layer!r}: say in this test (and in the design) what it may import"
        assert not wrong_arrows(source, layer, package_of(path))


@pytest.mark.parametrize(
    ("layer", "line"),
    [
        ("core", "from udalib.data import labels"),
        ("data", "import udalib.engine.trainer"),
        ("world", "from udalib.data import stream"),
        ("models", "from udalib.data import labels"),
        ("data", "from udalib.models import network"),
        ("ops", "from ..models import network"),
        ("methods", "from udalib import engine"),
        ("engine", "def late():\n    from udalib.methods.supervised import Supervised"),
        ("recipes", "from udalib.viz import overlay"),
    ],
)
def test_an_upward_import_is_found(layer: str, line: str) -> None:
    assert wrong_arrows(line, layer, f"udalib.{layer}")


def test_the_label_spaces_are_shared_by_data_and_world() -> None:
    assert not wrong_arrows("from udalib.data.labels import label_space", "world", "udalib.world")


@pytest.mark.parametrize("line", ["import cv2", "def f():\n    import mmcv", "import tyro", "import papermill"])
def test_a_forbidden_or_eager_optional_package_is_found(line: str) -> None:
    assert wrong_packages(line, "udalib.x")


def test_a_lazy_optional_package_is_accepted() -> None:
    assert not wrong_packages("def f():\n    import tyro", "udalib.x")
