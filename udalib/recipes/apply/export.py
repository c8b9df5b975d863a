"""Take a trained run out of udalib: weights, a program that needs no code of ours, and a card that says what it is."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from udalib.core.errors import ConfigError, unknown_name
from udalib.core.files import atomic_path, write_json, write_text
from udalib.engine.record.reading import RunRecord, read_run
from udalib.recipes.apply.export_card import model_card
from udalib.recipes.apply.predictor import Predictor, load_predictor

FORMATS = ("safetensors", "torch", "onnx")
FILES = {"safetensors": "model.safetensors", "torch": "model.pt2", "onnx": "model.onnx"}
TOLERANCE = 1e-4
"""Largest difference of an exported program's logits, as a share of the largest logit: other sums, the same numbers."""


class Deployed(nn.Module):
    """Image to logits, as the run's method predicts: float (B, 3, H, W) RGB in [0, 1] to float32 (B, C, H, W)."""

    def __init__(self, method: nn.Module) -> None:
        super().__init__()
        self.method = method

    def forward(self, image: Tensor) -> Tensor:
        """Logits of the classes at the images' size."""
        logits: Tensor = self.method.predict(image)  # type: ignore[operator]
        return logits.float()


@dataclass(frozen=True)
class Export:
    """What was written.

    Attributes:
        folder: that holds it.
        files: by format, and "card" and "config".
        size: (H, W) of the images that the programs take.
        difference: by format, the largest difference to the run's own logits, as a share of the largest logit.
    """

    folder: Path
    files: dict[str, Path]
    size: tuple[int, int]
    difference: dict[str, float]


def export_run(
    run: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    formats: Sequence[str] = ("safetensors", "torch"),
    size: tuple[int, int] | None = None,
) -> Export:
    """Write the final weights of a run in each of ``formats``, and check that programs give the run's own logits.

    Args:
        run: a run folder of segmentation.
        folder: to write to; files of an earlier export are replaced.
        formats: "safetensors" (weights under the names of the method), "torch" (a ``torch.export`` program, loaded
            by ``torch.export.load`` without udalib), "onnx" (needs the packages onnx and onnxscript).
        size: (H, W) of the images that the programs take; by default the size that the recipe evaluates at.

    Raises:
        UnknownNameError: no such format.
        ConfigError: no size is known, a package is missing, or a program gives other logits.
        CheckpointError: the run has no weights.
    """
    for name in formats:
        if name not in FORMATS:
            raise unknown_name("export format", name, FORMATS)
    predictor = load_predictor(run, "cpu", size)
    record = read_run(predictor.weights.parent)
    extent = _extent(predictor)
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    model = Deployed(predictor.method).eval()
    example = torch.rand(2, 3, *extent, generator=torch.Generator().manual_seed(0))
    files = {name: target / FILES[name] for name in formats}
    difference = {name: _write(name, model, example, path) for name, path in files.items()}
    write_json(target / "config.json", config(predictor, record, extent))
    write_text(target / "README.md", model_card(predictor.recipe, record, predictor.label_space, extent, files))
    return Export(target, {**files, "config": target / "config.json", "card": target / "README.md"}, extent, difference)


def config(predictor: Predictor, record: RunRecord, size: tuple[int, int]) -> dict[str, Any]:
    """What a program needs to know to use the model: input, classes, colours, and the recipe that made it."""
    space = predictor.label_space
    return {
        "input": {"layout": "batch, RGB, height, width", "range": [0, 1], "size": list(size), "normalised": "inside"},
        "output": {"layout": "batch, class, height, width", "values": "logits", "ignore_index": 255},
        "classes": list(space.names),
        "colors": space.palette.tolist(),
        "recipe": record.data["recipe"],
        "seed": record.data["seed"],
    }


def _extent(predictor: Predictor) -> tuple[int, int]:
    if predictor.size is None:
        raise ConfigError("the recipe takes images of any size; --size HEIGHT WIDTH says what the model takes.")
    return predictor.size


def _write(name: str, model: Deployed, example: Tensor, path: Path) -> float:
    """Write one format and return the largest difference of what was written to the model's own logits."""
    with torch.inference_mode():
        wanted = model(example)
    if name == "safetensors":
        return _safetensors(model.method, path)
    with torch.no_grad():
        program = torch.export.export(model, (example,), dynamic_shapes={"image": {0: torch.export.Dim("batch")}})
    got = _torch_program(program, example, path) if name == "torch" else _onnx(program, example, path)
    difference = float((got - wanted).abs().max() / wanted.abs().max())
    if not difference <= TOLERANCE:
        path.unlink()
        raise ConfigError(
            f"the exported {name} program gives other logits than the run (largest difference {difference:.1e} of the "
            f"largest logit, {TOLERANCE:.0e} is allowed); nothing was kept. Report this with the recipe's name."
        )
    return difference


def _safetensors(method: nn.Module, path: Path) -> float:
    state = {name: value.detach().contiguous().clone() for name, value in method.state_dict().items()}
    with atomic_path(path) as temporary:
        save_file(state, str(temporary))
    return 0.0


def _torch_program(program: Any, example: Tensor, path: Path) -> Tensor:
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        torch.export.save(program, file)
    with path.open("rb") as file, torch.inference_mode():
        logits: Tensor = torch.export.load(file).module()(example)
    return logits


def _onnx(program: Any, example: Tensor, path: Path) -> Tensor:
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
        from onnx.reference import ReferenceEvaluator
    except ImportError as error:
        raise ConfigError(f"ONNX needs {error.name}: pip install 'udalib[export]'.") from error
    with atomic_path(path) as temporary:
        torch.onnx.export(program, (example,), str(temporary), dynamo=True, external_data=False, verbose=False)
    (logits,) = ReferenceEvaluator(str(path)).run(None, {"image": example.numpy()})
    return torch.from_numpy(logits)
