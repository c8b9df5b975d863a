"""Pure tensor functions that methods share."""

from udalib.ops.adversarial import frozen, gan_loss
from udalib.ops.ema import ema_decay, make_teacher, update_teacher
from udalib.ops.entropy import class_ratio_loss, mean_entropy, pixel_entropy, self_information
from udalib.ops.losses import batch_accuracy, cross_entropy
from udalib.ops.resize import resize

__all__ = [
    "batch_accuracy",
    "class_ratio_loss",
    "cross_entropy",
    "ema_decay",
    "frozen",
    "gan_loss",
    "make_teacher",
    "mean_entropy",
    "pixel_entropy",
    "resize",
    "self_information",
    "update_teacher",
]
