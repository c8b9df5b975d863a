"""How long, how precisely and on what a run trains: what the trainer needs besides data, network and method."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from udalib.core.errors import ConfigError

PRECISIONS = ("32-true", "bf16-mixed", "16-mixed")
#: Fields that change the numbers of a run. The others (devices, threads, how often to log) may differ on resume.
MEANING = ("iterations", "precision", "accumulate", "clip", "seed", "sync_batchnorm")


@dataclass(frozen=True)
class TrainConfig:
    """Settings of :class:`udalib.engine.trainer.Trainer`.

    Attributes:
        iterations: number of training iterations (calls of ``method.step`` if nothing is accumulated).
        seed: seed of everything random inside an iteration (dropout, mixing), together with iteration and rank.
        device: "auto", "cpu", "cuda", "cuda:1" or "mps".
        devices: processes to start on this machine, one a device; ignored under torchrun and SLURM, which decide.
        precision: "32-true", "bf16-mixed" or "16-mixed" (float16 with loss scaling).
        accumulate: each batch is cut into this many micro-batches: less memory, same effective batch size.
        clip: largest gradient norm over the parameters of one optimiser; None = no clipping.
        channels_last: lay images and convolution weights out as NHWC (faster on recent GPUs).
        activation_checkpointing: keep only the input of each block of a transformer (or ConvNeXt) and compute it again
            in the backward pass: less memory, about a third more arithmetic in those blocks, the same numbers.
        compile: run each network of the method through ``torch.compile``.
        deterministic: ask torch for deterministic kernels (slower on a GPU; the CPU is deterministic anyway).
        sync_batchnorm: BatchNorm statistics over all processes (GPU only); otherwise each process uses its own.
        threads: CPU threads of torch; None leaves them alone.
        log_every: iterations between lines in ``metrics.jsonl``; the only regular wait for the device.
        evaluate_every: iterations between evaluations; None = at the end only. The end is always evaluated.
        checkpoint_every: iterations between writes of ``last.ckpt``; None = at the end (and on Ctrl-C) only.
        monitor: "evaluator/key" that decides which weights ``best.safetensors`` keeps; None = the first evaluator's
            score.
        progress: show a progress bar.
    """

    iterations: int
    seed: int = 0
    device: str = "auto"
    devices: int = 1
    precision: str = "32-true"
    accumulate: int = 1
    clip: float | None = None
    channels_last: bool = False
    activation_checkpointing: bool = False
    compile: bool = False
    deterministic: bool = False
    sync_batchnorm: bool = False
    threads: int | None = None
    log_every: int = 50
    evaluate_every: int | None = None
    checkpoint_every: int | None = 500
    monitor: str | None = None
    progress: bool = True

    def __post_init__(self) -> None:
        for name in ("iterations", "devices", "accumulate", "log_every"):
            _at_least_one(name, getattr(self, name))
        for name in ("threads", "evaluate_every", "checkpoint_every"):
            if getattr(self, name) is not None:
                _at_least_one(name, getattr(self, name))
        if self.precision not in PRECISIONS:
            raise ConfigError(f"precision is {self.precision!r}; choose one of {', '.join(PRECISIONS)}.")
        if self.clip is not None and not self.clip > 0:
            raise ConfigError(f"clip is {self.clip}; give a positive gradient norm, or None for no clipping.")

    def meaning(self) -> dict[str, Any]:
        """The fields that change the numbers of a run; a resumed run must have the same."""
        values = asdict(self)
        return {name: values[name] for name in MEANING}


def _at_least_one(name: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ConfigError(f"{name} is {value!r}; give a whole number of at least 1.")
