"""An atlas as files: points.csv and measures.json."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from udalib.analysis.features.atlas import Atlas
from udalib.analysis.features.embedding.stability import Stability
from udalib.analysis.features.measuring.table import MEASURES
from udalib.core.files import write_json, write_text
from udalib.engine.record.machine import versions


def points_csv(atlas: Atlas) -> str:
    """One line a point, layer and run: where it is from, what it shows, what was predicted, its coordinates."""
    out = io.StringIO()
    writer: csv.DictWriter[str] | None = None
    for row in atlas.rows():
        if writer is None:
            writer = csv.DictWriter(out, list(row), lineterminator="\n")
            writer.writeheader()
        writer.writerow({**row, **{key: f"{row[key]:.6g}" for key in ("confidence", "x", "y")}})
    return out.getvalue()


def measures_record(atlas: Atlas, stabilities: Mapping[str, Stability] | None = None) -> dict[str, Any]:
    """Measures of every layer of every run with what they depend on, as JSON values.

    Args:
        atlas: what was measured.
        stabilities: layer -> stability of the first run's picture, where it was computed.
    """
    features, names = atlas.features, atlas.features.space.names
    points = features.points
    counts = [np.bincount(points.label[points.domain == d], minlength=len(names)) for d in range(len(features.domains))]
    return {
        "what": "Measures of pixel features at ground-truth-pure cells, equally many of each class in both domains.",
        "runs": list(features.runs),
        "layers": list(features.layers),
        "domains": list(features.domains),
        "images": len(features.images),
        "points": {names[c]: [int(count[c]) for count in counts] for c in features.classes},
        "short": [names[c] for c in features.short],
        "left_out": {names[c]: list(found) for c, found in features.left_out.items()},
        "embedding": {"how": atlas.how, **asdict(atlas.settings)},
        "titles": {name: measure.title for name, measure in MEASURES.items()},
        "measures": {
            run: {layer: _plain(atlas.measures[run, layer]) for layer in features.layers} for run in features.runs
        },
        "residual": [{"run": run, "layer": layer, "residual": value} for (run, layer), value in atlas.residual.items()],
        "target_miou": dict(features.scores),
        "correlation": {
            layer: {name: asdict(each) for name, each in atlas.correlations(layer).items()} for layer in features.layers
        },
        "stability": {layer: _stability(each) for layer, each in (stabilities or {}).items()},
        "versions": versions(),
    }


def write_record(folder: Path, atlas: Atlas, stabilities: Mapping[str, Stability] | None = None) -> None:
    """Write points.csv, then measures.json, into ``folder``, each at once or not at all."""
    write_text(folder / "points.csv", points_csv(atlas))
    write_json(folder / "measures.json", measures_record(atlas, stabilities))


def _plain(values: Mapping[str, float | None]) -> dict[str, float | None]:
    """JSON knows no infinity."""
    return {name: value if value is not None and np.isfinite(value) else None for name, value in values.items()}


def _stability(each: Stability) -> dict[str, Any]:
    scores = {"score": each.score, "over_seeds": each.over_seeds, "over_perplexities": each.over_perplexities}
    parts = {"trustworthiness": each.trust.tolist(), "kept": each.kept.tolist()}
    return {"k": each.k, "settings": [list(pair) for pair in each.settings], **_plain(scores), **parts}
