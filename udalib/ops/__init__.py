"""Pure tensor functions that methods share."""

from udalib.ops.adversarial import frozen, gan_loss
from udalib.ops.ema import ema_decay, make_teacher, update_teacher
from udalib.ops.entropy import class_ratio_loss, mean_entropy, pixel_entropy, self_information
from udalib.ops.feature_distance import THINGS, feature_distance, pool_label, thing_mask
from udalib.ops.losses import batch_accuracy, cross_entropy
from udalib.ops.masking import block_grid, block_mask, mask_images
from udalib.ops.mixing import choose_half, class_mask, cow_mask, cut_mask, mix, present_classes
from udalib.ops.photometric import blur, jitter
from udalib.ops.pseudo_labels import PseudoLabels, class_map, confident_fraction, ignore_rows, pseudo_labels
from udalib.ops.resize import resize

__all__ = [
    "THINGS",
    "PseudoLabels",
    "batch_accuracy",
    "block_grid",
    "block_mask",
    "blur",
    "choose_half",
    "class_map",
    "class_mask",
    "class_ratio_loss",
    "confident_fraction",
    "cow_mask",
    "cross_entropy",
    "cut_mask",
    "ema_decay",
    "feature_distance",
    "frozen",
    "gan_loss",
    "ignore_rows",
    "jitter",
    "make_teacher",
    "mask_images",
    "mean_entropy",
    "mix",
    "pixel_entropy",
    "pool_label",
    "present_classes",
    "pseudo_labels",
    "resize",
    "self_information",
    "thing_mask",
    "update_teacher",
]
