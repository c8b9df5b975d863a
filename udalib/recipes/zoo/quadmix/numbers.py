"""Published numbers of QuadMix, as data (quadmix sheet, section 5); all from the tables of the authors' README.

The paper's ablation tables are in none of our sources, so ablation recipes carry no number.
"""

from __future__ import annotations

from udalib.data import label_space
from udalib.recipes.spec.options import Options
from udalib.recipes.spec.specs import Published
from udalib.recipes.zoo.adversarial.numbers import MIOU, MIOU13, row
from udalib.recipes.zoo.self_training.numbers import MIOU16

README = "QuadMix repository, README"
MIOU11 = "target/subsets/synthia11"
SOURCE_ONLY = "row 'Source' of the table; its training is not described in our sources"
RESUMED = "training resumes a checkpoint of MIC; ours trains as MIC until the same iteration"
LABELLER = "the published labeller of the first iterations is a model of another method (TPS), ours a source-only run"


def row11(values: str) -> Options:
    """IoU by class of SYNTHIA-Seq's 11 evaluated classes, from numbers in their order."""
    space = label_space("synthia12")
    names = [space.names[i] for i in space.subset("synthia11")]
    return Options(dict(zip(names, map(float, values.split()), strict=True)))


GTA_CNN = row(
    "cityscapes19", "97.1 78.0 90.4 49.7 40.3 53.4 61.7 70.9 90.7 49.7 92.9 77.9 53.9 93.5 72.4 65.9 0.7 60.5 68.5"
)
GTA_VIT = row(
    "cityscapes19", "97.5 80.9 91.6 62.3 57.6 58.2 64.5 71.2 91.7 52.3 94.3 80.0 55.9 94.6 86.3 90.5 82.3 65.1 68.1"
)
SYNTHIA_CNN = row("cityscapes16", "88.5 52.9 87.1 3.7 1.4 56.2 62.7 59.2 87.2 89.0 79.1 55.8 87.9 61.7 58.1 71.2")
SYNTHIA_VIT = row("cityscapes16", "88.1 51.2 88.9 46.7 7.9 58.6 64.7 63.7 88.1 93.9 81.3 56.6 90.3 66.9 66.8 66.0")
SEQ_CNN = row11("90.8 39.9 83.2 33.2 30.1 50.7 84.8 83.2 61.2 32.7 87.4")
SEQ_VIT = row11("94.1 61.9 82.9 36.9 41.0 59.1 85.2 85.6 64.3 37.8 90.3")
VIPER_CNN = row("viper15", "91.6 51.4 87.0 24.1 32.3 37.2 84.1 28.4 84.8 64.4 85.7 41.4 46.5 34.0 49.6")
VIPER_VIT = row("viper15", "87.3 43.8 87.3 25.2 40.0 36.9 86.7 20.8 90.3 65.8 86.8 48.6 65.6 37.6 49.7")

NUMBERS: dict[str, tuple[Published, ...]] = {
    "gta2cityscapes/quadmix-hrda-deeplabv2": (Published(66.8, MIOU, README, RESUMED, GTA_CNN),),
    "gta2cityscapes/quadmix-hrda": (Published(76.1, MIOU, README, RESUMED, GTA_VIT),),
    "synthia2cityscapes/quadmix-hrda-deeplabv2": (
        Published(62.6, MIOU16, README, RESUMED, SYNTHIA_CNN),
        Published(72.3, MIOU13, README, RESUMED),
    ),
    "synthia2cityscapes/quadmix-hrda": (
        Published(67.5, MIOU16, README, RESUMED, SYNTHIA_VIT),
        Published(74.3, MIOU13, README, RESUMED),
    ),
    "synthia-seq2cityscapes-seq/source-only": (Published(38.3, MIOU11, README, SOURCE_ONLY),),
    "synthia-seq2cityscapes-seq/quadmix-video": (Published(61.5, MIOU11, README, LABELLER, SEQ_CNN),),
    "synthia-seq2cityscapes-seq/quadmix-video-daformer": (Published(67.2, MIOU11, README, LABELLER, SEQ_VIT),),
    "viper2cityscapes-seq/source-only": (Published(37.1, MIOU, README, SOURCE_ONLY),),
    "viper2cityscapes-seq/quadmix-video": (Published(56.2, MIOU, README, LABELLER, VIPER_CNN),),
    "viper2cityscapes-seq/quadmix-video-daformer": (Published(58.2, MIOU, README, LABELLER, VIPER_VIT),),
}


def numbers(recipe: str) -> tuple[Published, ...]:
    """What the authors published for the recipe of this name; empty where our sources have nothing."""
    return NUMBERS.get(recipe, ())
