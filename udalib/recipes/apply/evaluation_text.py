"""An evaluation as a terminal table, Markdown, CSV or JSON; numbers in percent but for JSON, "nan" = not defined."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from udalib.core.errors import unknown_name
from udalib.recipes.apply.evaluate import Evaluation
from udalib.recipes.report.text import markdown_table, plain_table
from udalib.recipes.spec.serialise import to_plain

NOTE = "IoU in percent over all images together; nan: the class is in no label and no prediction, no mean counts it."


def render_evaluation(evaluation: Evaluation, format: str = "table") -> str:
    """Return ``evaluation`` as text; ``format`` is table, markdown, csv or json."""
    if format not in FORMATS:
        raise unknown_name("evaluation format", format, FORMATS)
    return FORMATS[format](evaluation)


def _rows(evaluation: Evaluation) -> list[tuple[str, str, float | None]]:
    """(kind, name, fraction) of every class and every mean."""
    scores = evaluation.scores
    rows = [("iou", name, value) for name, value in scores["iou"].items()]
    rows.append(("miou", f"all {len(rows)} classes", scores["miou"]))
    return rows + [("miou", name, value) for name, value in scores["subsets"].items()]


def percent(value: float | None, digits: int = 2) -> str:
    """A fraction in percent, "nan" for None.

    >>> percent(0.4235), percent(None)
    ('42.35', 'nan')
    """
    return "nan" if value is None else f"{100 * value:.{digits}f}"


def protocol_lines(protocol: Mapping[str, Any]) -> list[str]:
    """What was evaluated and how, one statement a line."""
    first = f" (the first {protocol['limit']} at most)" if protocol["limit"] is not None else ""
    lines = [
        f"recipe {protocol['recipe']}, preset {protocol['preset'] or 'none'}, evaluation {protocol['evaluation']}",
        f"{protocol['images']} images of {protocol['dataset']}, split {protocol['split']}{first}, "
        f"classes of {protocol['label_space']}",
    ]
    changes = [f"--set {' '.join(f'{key}={value}' for key, value in protocol['overrides'].items())}"]
    lines += changes if protocol["overrides"] else []
    return lines + (_files_lines(protocol) if "predictions" in protocol else _network_lines(protocol))


def _files_lines(protocol: Mapping[str, Any]) -> list[str]:
    skipped: Sequence[str] = protocol["skipped"]
    left_out = f"{len(skipped)} images left out, their predictions have another size than the label"
    names = ": " + ", ".join(skipped[:5]) + ", ..." * (len(skipped) > 5)
    return [f"label PNGs in {protocol['predictions']}", *([left_out + names] if skipped else [])]


def _network_lines(protocol: Mapping[str, Any]) -> list[str]:
    options = {key: value for key, value in protocol["inference"].items() if key != "name"}
    inference = protocol["inference"]["name"] + "".join(f", {key} {value}" for key, value in options.items())
    lines = [
        f"predicted at {_sizes(protocol['predicted_at'])}, scored at the labels' {_sizes(protocol['scored_at'])} "
        "(height x width)",
        f"inference {inference}; one scale, no flip; device {protocol['device']}",
    ]
    for point in protocol["checkpoints"]:
        from_what = "raw logits" if point["raw_logits"] else "logits at the predicted size"
        lines.append(
            f"weights {point['file']} ({point['origin']}), factor {point['weight']:g}: recipe {point['recipe']}, "
            f"network {point['network']}, {point['precision']}; {from_what}, resized to the label with "
            f"align_corners={point['align_corners']}"
        )
    return lines


def _sizes(sizes: Sequence[Sequence[int]]) -> str:
    texts = [f"{height} x {width}" for height, width in sizes]
    return ", ".join(texts) if len(texts) <= 3 else f"{len(texts)} sizes from {texts[0]} to {texts[-1]}"


def _extra_lines(evaluation: Evaluation) -> list[str]:
    outside = evaluation.scores["outside"]
    lines = [f"{outside} labelled pixels are predicted as none of the classes and count as misses."] * bool(outside)
    for number in evaluation.published:
        note = f"; {number.note}" if number.note else ""
        lines.append(f"published {number.metric}: {number.value:g} ({number.source}{note}); not measured here")
    return lines


def _table(evaluation: Evaluation) -> str:
    rows = [[name if kind == "iou" else f"mIoU, {name}", percent(value)] for kind, name, value in _rows(evaluation)]
    lines = [*protocol_lines(evaluation.protocol), "", plain_table(["class", "IoU"], rows), "", NOTE]
    return "\n".join([*lines, *_extra_lines(evaluation)]) + "\n"


def _markdown(evaluation: Evaluation) -> str:
    rows = [
        [name, percent(value)] if kind == "iou" else [f"**mIoU, {name}**", f"**{percent(value)}**"]
        for kind, name, value in _rows(evaluation)
    ]
    protocol = "\n".join(f"- {line}" for line in protocol_lines(evaluation.protocol))
    notes = "\n".join(f"- {line}" for line in _extra_lines(evaluation))
    return "\n\n".join([protocol, markdown_table(["class", "IoU"], rows), NOTE, *([notes] if notes else [])]) + "\n"


def _csv(evaluation: Evaluation) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["metric", "name", "percent"])
    writer.writerows([kind, name, percent(value, 4)] for kind, name, value in _rows(evaluation))
    writer.writerows(["protocol", line, ""] for line in protocol_lines(evaluation.protocol))
    return out.getvalue()


def _json(evaluation: Evaluation) -> str:
    values = {
        "protocol": to_plain(evaluation.protocol),
        "scores": evaluation.scores,
        "published": to_plain(evaluation.published),
    }
    return json.dumps(values, indent=2) + "\n"


FORMATS: dict[str, Callable[[Evaluation], str]] = {
    "table": _table,
    "markdown": _markdown,
    "csv": _csv,
    "json": _json,
}
