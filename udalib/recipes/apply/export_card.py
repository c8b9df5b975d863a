"""The card of an exported model: what it is, what it was trained on, how it scored, how it is used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from udalib.data import LabelSpace
from udalib.engine.record.reading import RunRecord
from udalib.recipes.report.groups import summarise
from udalib.recipes.report.records import read_entry
from udalib.recipes.report.text import metric_title, render
from udalib.recipes.spec.specs import Recipe

USE = {
    "torch": "program = torch.export.load({file!r}).module()\nlogits = program(images)  # no udalib needed",
    "onnx": 'session = onnxruntime.InferenceSession({file!r})\n(logits,) = session.run(None, {{"image": images}})',
    "safetensors": "state = safetensors.torch.load_file({file!r})  # names of udalib's method; see config.json",
}


def model_card(
    recipe: Recipe, record: RunRecord, space: LabelSpace, size: tuple[int, int], files: Mapping[str, Path]
) -> str:
    """Markdown; every number in it is the run's."""
    parts = [
        f"# {recipe.name}, seed {record.data['seed']}",
        recipe.summary,
        _facts(recipe, record, space, size),
        "## Scores",
        "Measured at the end of training, on the weights exported here.",
        render(summarise([read_entry(record.folder)]), "markdown").rstrip(),
        "## Use",
        "\n\n".join(f"```python\n{USE[name].format(file=path.name)}\n```" for name, path in files.items()),
        f"`images` is float32 (batch, 3, {size[0]}, {size[1]}), RGB in [0, 1]; the input normalisation is inside. "
        "The class of a pixel is the largest of its logits; `config.json` names the classes and their colours.",
        "## Limits",
        "The scores hold for the images named above and for nothing else. Whoever distributes the model has to heed "
        "the licences of the data it was trained on and of the weights it started from.",
    ]
    return "\n\n".join(parts) + "\n"


def _facts(recipe: Recipe, record: RunRecord, space: LabelSpace, size: tuple[int, int]) -> str:
    data = record.data
    streams = [f"{s.name}: {s.dataset.name}, split {s.dataset.split}" for s in recipe.streams]
    code = data.get("git", {}).get("commit", "unknown") + (
        ", with changes" if data.get("git", {}).get("changed") else ""
    )
    facts: Sequence[tuple[str, str]] = (
        ("classes", f"{len(space.names)}, label space {recipe.label_space}"),
        ("method", recipe.method.name),
        ("trained on", "; ".join(streams)),
        ("iterations", str(recipe.train.iterations)),
        ("scored by", ", ".join(metric_title(f"{e.name}/miou") for e in recipe.evaluations)),
        ("image size", f"{size[0]} x {size[1]}"),
        ("made by", f"`{data.get('command', 'unknown')}`"),
        ("code", f"udalib {data['versions'].get('udalib', 'unknown')}, commit {code}"),
        ("PyTorch", data["versions"].get("torch", "unknown")),
    )
    return "\n".join(f"- **{name}**: {text}" for name, text in facts)
