"""Pure tensor functions that methods share."""

from udalib.ops.ema import ema_decay, make_teacher, update_teacher
from udalib.ops.losses import batch_accuracy, cross_entropy
from udalib.ops.resize import resize

__all__ = ["batch_accuracy", "cross_entropy", "ema_decay", "make_teacher", "resize", "update_teacher"]
