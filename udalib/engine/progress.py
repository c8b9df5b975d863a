"""The progress bar: iteration, loss, rate, time left."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Progress:
    """A tqdm bar over iterations, shown by one process only."""

    def __init__(self, total: int, *, start: int = 0, title: str = "", shown: bool = True) -> None:
        from tqdm.auto import tqdm

        self._bar: Any = tqdm(
            total=total, initial=start, desc=title, disable=not shown, unit="it", dynamic_ncols=True, mininterval=0.5
        )

    def advance(self) -> None:
        """Count one iteration."""
        self._bar.update(1)

    def show(self, values: Mapping[str, float]) -> None:
        """Show ``values`` (the last logged means) behind the bar."""
        self._bar.set_postfix({name: f"{value:.4g}" for name, value in values.items()}, refresh=False)

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.close()
