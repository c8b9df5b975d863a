"""Ctrl-C and SIGTERM: finish the iteration, save, say how to go on."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any

from udalib.engine.record.run import Run


class RunInterrupted(KeyboardInterrupt):
    """The run was stopped by a signal and saved; the message says how to resume.

    It is a KeyboardInterrupt so that a loop over seeds which goes on past failing runs does not go on past Ctrl-C.

    Attributes:
        exit_code: what the command line should return (130 for Ctrl-C, 143 for SIGTERM).
    """

    def __init__(self, message: str, signal_number: int = signal.SIGINT) -> None:
        super().__init__(message)
        self.exit_code = 128 + int(signal_number)


class EvaluationStopped(Exception):
    """Raised out of a prediction when a signal arrived during an evaluation; the loop catches it."""


def interrupted(run: Run | None, iteration: int, iterations: int, signal_number: int | None) -> RunInterrupted:
    """Build the error that tells the user where the run stands and how to go on."""
    number = signal.SIGINT if signal_number is None else signal.Signals(signal_number)
    cause = "Ctrl-C" if number == signal.SIGINT else number.name
    state = f"Stopped by {cause} after iteration {iteration} of {iterations}"
    if run is None:
        return RunInterrupted(f"{state}. Nothing was saved, because the trainer was given no run folder.", number)
    return RunInterrupted(f"{state}; saved in {run.checkpoint}. To go on from there, {run.resume_command}.", number)


class StopSignal:
    """Context in which the first Ctrl-C or SIGTERM only sets :attr:`received`; a second one stops at once.

    Outside the main thread signals cannot be caught, and nothing changes.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> StopSignal:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._previous[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._previous.clear()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self.received is not None:
            raise KeyboardInterrupt
        self.received = number
