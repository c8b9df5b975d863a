"""Golden files keep large outputs as every n-th element; this applies the rule that the file states."""

from __future__ import annotations

import re
from typing import Any

from harness import Case
from tolerances import to_numpy


def subsample(case: Case, name: str, value: Any) -> Any:
    """Thin ``value`` as ``config["subsample"]`` (text or one text a name) says for output ``name``; numpy array.

    Understands ``"a and b: [..., ::4, ::4]; c [:, ::2]"`` and ``"channels ::4 for every level"``.
    """
    value = to_numpy(value)
    rule = case.config.get("subsample") or case.meta.get("subsample") or ""
    clauses = (
        [f"{key} {text}" for key, text in rule.items()] if isinstance(rule, dict) else re.split(r";|,(?= *[a-z])", rule)
    )
    for clause in clauses:
        everywhere = "every level" in clause
        if not everywhere and not re.search(rf"(?<![\w.]){re.escape(name)}(?![\w.])", clause):
            continue
        channels = re.search(r"channels ::(\d+)", clause)
        if channels:
            return value[:, :: int(channels[1])]
        brackets = re.search(r"\[([^\]]*)\]", clause)
        if brackets:
            return value[tuple(_index(part.strip()) for part in brackets[1].split(","))]
    return value


def _index(text: str) -> Any:
    if text == "...":
        return Ellipsis
    return slice(*(int(part) if part else None for part in text.split(":")))
