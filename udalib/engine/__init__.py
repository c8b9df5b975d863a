"""Engine: the trainer, its record, schedules and optimisers, inference and evaluation. It knows no method by name."""

from udalib.engine.checkpoint import Checkpoint, load_checkpoint, load_weights
from udalib.engine.classification import ClassificationEvaluator
from udalib.engine.config import TrainConfig
from udalib.engine.evaluation import SegmentationEvaluator
from udalib.engine.inference import Sliding, Whole
from udalib.engine.logs import NonFiniteError, read_metrics
from udalib.engine.optim import OptimizerSpec, Rule, build_optimizer
from udalib.engine.records import RunRecord, find_runs, read_run
from udalib.engine.run import Run
from udalib.engine.schedules import Constant, Poly, Schedule, WarmupPoly
from udalib.engine.stop import RunInterrupted
from udalib.engine.trainer import Trainer

__all__ = [
    "Checkpoint",
    "ClassificationEvaluator",
    "Constant",
    "NonFiniteError",
    "OptimizerSpec",
    "Poly",
    "Rule",
    "Run",
    "RunInterrupted",
    "RunRecord",
    "Schedule",
    "SegmentationEvaluator",
    "Sliding",
    "TrainConfig",
    "Trainer",
    "WarmupPoly",
    "Whole",
    "build_optimizer",
    "find_runs",
    "load_checkpoint",
    "load_weights",
    "read_metrics",
    "read_run",
]
