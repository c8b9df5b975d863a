"""Engine: the trainer, its record, schedules and optimisers, inference and evaluation. It knows no method by name."""

from udalib.engine.config import TrainConfig
from udalib.engine.evaluation.classification import ClassificationEvaluator
from udalib.engine.evaluation.error_localization import ErrorLocalizationEvaluator
from udalib.engine.evaluation.inference import Sliding, Whole
from udalib.engine.evaluation.segmentation import SegmentationEvaluator
from udalib.engine.optim.build import OptimizerSpec, Rule, build_optimizer
from udalib.engine.optim.schedules import Constant, Poly, Schedule, WarmupPoly
from udalib.engine.record.checkpoint import Checkpoint, load_checkpoint, load_weights
from udalib.engine.record.logs import NonFiniteError, read_metrics
from udalib.engine.record.reading import RunRecord, find_runs, read_run
from udalib.engine.record.run import Run
from udalib.engine.stop import RunInterrupted
from udalib.engine.trainer import Trainer

__all__ = [
    "Checkpoint",
    "ClassificationEvaluator",
    "Constant",
    "ErrorLocalizationEvaluator",
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
