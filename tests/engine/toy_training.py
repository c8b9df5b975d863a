"""A small training on fake streets, as a module and as a script that can kill itself at a chosen instant.

    python toy_training.py FOLDER [key=value ...] [kill=KIND:COUNT]

Keys are those of TrainConfig, net=bn|plain, batch_size, slow=SECONDS (a step), stop=ITERATION (Ctrl-C there), and
VARIABLES of the environment. Kinds of instants: ``iteration`` (inside the COUNT-th step of this
process), ``line`` (after the COUNT-th line of metrics.jsonl), ``torn`` (in the middle of it), ``saving`` (half of the
COUNT-th checkpoint written), ``saved`` (between a checkpoint and run.json), ``best`` (half of best.safetensors).
"""

from __future__ import annotations

import ast
import io
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import udalib.engine.record.recorder as recorder
from udalib.core.types import Batch, Logs, Sample
from udalib.data import Stream
from udalib.engine import Poly, Run, RunInterrupted, TrainConfig, Trainer
from udalib.engine.record.logs import MetricsFile
from udalib.methods import Supervised

CLASSES = 3


class ToyStreets:
    """Random blocks on a two-coloured ground; the label follows brightness, so that it can be learnt."""

    name = "toy streets"

    def __len__(self) -> int:
        return 24

    def __getitem__(self, index: int) -> Sample:
        generator = torch.Generator().manual_seed(index)
        blocks = torch.randint(0, CLASSES, (4, 4), generator=generator)
        label = blocks.repeat_interleave(4, 0).repeat_interleave(4, 1)
        noise = torch.randint(0, 60, (3, 16, 16), generator=generator)
        return {"image": (label * 80 + noise).to(torch.uint8), "label": label.to(torch.uint8), "name": str(index)}


class Accuracy:
    """An evaluator: pixel accuracy on the first images, called miou because that is what the trainer monitors."""

    asks = "predict"
    score = "miou"

    def evaluate(self, predict: Any, device: torch.device, fabric: Any = None) -> dict[str, Any]:
        samples = [ToyStreets()[i] for i in range(8)]
        images = torch.stack([s["image"] for s in samples]).float() / 255
        label = torch.stack([s["label"] for s in samples]).long()
        return {"miou": float((predict(images.to(device)).argmax(1).cpu() == label).float().mean()), "absent": None}


class Rooted(Supervised):
    """Logs a second term, so that logs have more than one."""

    def step(self, batches: Mapping[str, Batch], iteration: int) -> Logs:
        logs = super().step(batches, iteration)
        return {**logs, "root": logs["loss"].sqrt()}  # type: ignore[union-attr]


def network(kind: str = "bn", seed: int = 0) -> nn.Module:
    """BatchNorm and dropout ("bn"), or neither ("plain")."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        extra = [nn.BatchNorm2d(8), nn.Dropout(0.3)] if kind == "bn" else []
        return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), *extra, nn.ReLU(), nn.Conv2d(8, CLASSES, 1))


def method(kind: str = "bn") -> Rooted:
    """The method with Adam, whose moments must survive a resume."""
    net = network(kind)
    return Rooted(net, torch.optim.AdamW(net.parameters(), 1e-2))


def config(**changes: Any) -> TrainConfig:
    """Settings in which logs, evaluations and checkpoints fall on different iterations."""
    settings = {"iterations": 40, "log_every": 4, "evaluate_every": 10, "checkpoint_every": 6, "device": "cpu"}
    return TrainConfig(**{**settings, "progress": False, **changes})


def train(folder: str | Path | None, *, net: str = "bn", batch_size: int = 4, **changes: Any) -> tuple[Rooted, Any]:
    """Train (or resume) in ``folder``; return method and results."""
    trained, total = method(net), changes.get("iterations", 40)
    run = None if folder is None else Run(folder, name="toy", recipe={"net": net, "batch_size": batch_size})
    streams = {"source": Stream("source", ToyStreets(), batch_size)}
    trainer = Trainer(config(**changes), run)
    return trained, trainer.fit(trained, streams, {"target": Accuracy()}, {"main": Poly(total)})


def weights(trained: nn.Module) -> dict[str, Tensor]:
    """State of a method, copied."""
    return {name: value.clone() for name, value in trained.state_dict().items()}


def die() -> None:
    """As a power cut would."""
    os.kill(os.getpid(), signal.SIGKILL)


def arm(kind: str, count: int) -> None:
    """Kill this process at an instant."""
    calls = {"n": 0}

    def due() -> bool:
        calls["n"] += 1
        return calls["n"] == count

    if kind == "iteration":
        optimizer_step = torch.optim.AdamW.step
        torch.optim.AdamW.step = lambda *a, **k: die() if due() else optimizer_step(*a, **k)  # type: ignore
    elif kind in ("line", "torn"):
        MetricsFile.write = _write_and_die(MetricsFile.write, due, torn=kind == "torn")  # type: ignore
    elif kind == "saving":
        torch.save = _half(torch.save, due)  # type: ignore
    elif kind == "saved":
        save = recorder.save_checkpoint
        recorder.save_checkpoint = lambda *a: (save(*a), due() and die())  # type: ignore
    elif kind == "best":
        import safetensors.torch

        safetensors.torch.save_file = _half_file(safetensors.torch.save_file, due)  # type: ignore
    else:
        raise SystemExit(f"unknown instant {kind}")


def _write_and_die(write: Any, due: Any, *, torn: bool) -> Any:
    def patched(self: MetricsFile, record: Mapping[str, Any]) -> None:
        if not due():
            write(self, record)
        elif torn:
            self._file.write(b'{"iteration": 4, "ki')
            self._file.flush()
            die()
        else:
            write(self, record)
            die()

    return patched


def _half(save: Any, due: Any) -> Any:
    def patched(value: Any, path: Path) -> None:
        buffer = io.BytesIO()
        save(value, buffer)
        if due():
            path.write_bytes(buffer.getvalue()[: len(buffer.getvalue()) // 2])
            die()
        path.write_bytes(buffer.getvalue())

    return patched


def _half_file(save_file: Any, due: Any) -> Any:
    def patched(state: Any, path: str, metadata: Any) -> None:
        save_file(state, path, metadata)
        if due():
            os.truncate(path, os.path.getsize(path) // 2)
            die()

    return patched


def main(arguments: list[str]) -> None:
    """Train in a folder; exit like the command line when interrupted."""
    folder, *rest = arguments
    options = dict(item.split("=", 1) for item in rest)
    os.environ.update({key: options.pop(key) for key in list(options) if key.isupper()})
    if "kill" in options:
        kind, count = options.pop("kill").split(":")
        arm(kind, int(count))
    slow = float(options.pop("slow", 0))
    if slow:
        _slow_down(slow)
    fail = int(options.pop("fail", -1))
    if fail >= 0:
        _exit_inside(fail)
    stop = int(options.pop("stop", -1))
    if stop >= 0:
        _signal_inside(stop)
    text = ("net", "device", "precision")
    try:
        train(folder, **{k: v if k in text else ast.literal_eval(v) for k, v in options.items()})
    except RunInterrupted as interruption:
        Path(folder, "message.txt").write_text(str(interruption))
        sys.exit(interruption.exit_code if stop < 0 else 0)


def _signal_inside(iteration: int) -> None:
    step = Rooted.step

    def patched(self: Rooted, batches: Mapping[str, Batch], i: int) -> Logs:
        if i == iteration and os.environ.get("RANK", "0") == "0":  # one process only: the others must agree
            signal.raise_signal(signal.SIGINT)
        return step(self, batches, i)

    Rooted.step = patched  # type: ignore


def _exit_inside(iteration: int) -> None:
    step = Rooted.step

    def patched(self: Rooted, batches: Mapping[str, Batch], i: int) -> Logs:
        if i == iteration:
            os._exit(0)
        return step(self, batches, i)

    Rooted.step = patched  # type: ignore


def _slow_down(seconds: float) -> None:
    import time

    step = Rooted.step
    Rooted.step = lambda self, *a: (time.sleep(seconds), step(self, *a))[1]  # type: ignore


if __name__ == "__main__":
    torch.set_num_threads(1)
    sys.argv = [__file__, *(globals().get("ARGUMENTS") or sys.argv[1:])]  # from which Fabric starts further processes
    main(sys.argv[1:])
