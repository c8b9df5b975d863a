"""Published numbers of DACS, DAFormer, HRDA and MIC, as data (daformer sheet, section 12; mic_hrda sheet, section 6).

Those of the authors come first, then what users measured with their code. Rows by class are given where our sources
have them. What answers to no recipe of ours (methods of others, domain generalisation, HRDA's supervised bound of 81.2)
is not here, and the ablation tables of the three papers are in none of our sources.

ACDC and Dark Zurich: published numbers are those of the authors' test servers, whose labels are not public. A run of
ours is scored on val, so they stand under a metric of their own, which no run of ours has.
"""

from __future__ import annotations

from udalib.recipes.spec.specs import Published
from udalib.recipes.zoo.adversarial.numbers import MIOU, MIOU13, USER, issue, row
from udalib.recipes.zoo.synthetic_to_real import PART2

MIOU16 = "target/subsets/cityscapes16"
SERVER = "target/test-server"
SERVER_NOTE = "scored by the authors' test server; our evaluation is on val, and the two are not comparable"

README = "DAFormer repository, README"
HRDA_README = "MIC and HRDA repositories, README"
TABLE = "comparison table in the repository of a later method"
LISTING = "a public listing of results"
SEEDS = "mean of three seeds"
OTHER_SETTING = "DACS in the comparison table, not in this setting"

ROW_GTA = row(
    "cityscapes19", "95.7 70.2 89.4 53.5 48.1 49.6 55.8 59.4 89.9 47.9 92.5 72.2 44.7 92.3 74.5 78.2 65.1 55.9 61.8"
)
ROW_SYNTHIA = row("cityscapes16", "84.5 40.7 88.4 41.5 6.5 50.0 55.0 54.6 86.0 89.8 73.2 48.2 87.2 53.2 53.9 61.7")
ROW_SYNTHIA13 = row("cityscapes13", "84.5 40.7 88.4 55.0 54.6 86.0 89.8 73.2 48.2 87.2 53.2 53.9 61.7")

GTA: dict[str, tuple[Published, ...]] = {
    "dacs-deeplabv2": (
        Published(54.2, MIOU, PART2, f"DACS with warm-up, {SEEDS}"),
        Published(52.1, MIOU, README, OTHER_SETTING),
    ),
    "dacs-segformer-mit_b5": (Published(58.2, MIOU, PART2, f"DACS with warm-up, {SEEDS}"),),
    "daformer": (
        Published(68.3, MIOU, f"{README}; {TABLE}", SEEDS, ROW_GTA),
        Published(68.85, MIOU, README, "the released checkpoint, seed 0"),
        Published(66.2, MIOU, issue(23, "DAFormer"), USER),
        Published(67.1, MIOU, issue(64, "DAFormer"), USER),
        Published(66.1, MIOU, "repository of the follow-up", "one user's run in the follow-up's code base"),
    ),
    "daformer-mit_b3": (Published(67.91, MIOU, issue(47, "DAFormer"), USER),),
    "daformer-mit_b4": (Published(66.69, MIOU, issue(47, "DAFormer"), USER),),
    "hrda": (Published(73.8, MIOU, HRDA_README, SEEDS),),
    "mic-hrda": (
        Published(
            75.9,
            MIOU,
            "MIC repository, README",
            "the authors' three seeds: 75.62, 76.03, 75.90 (MIC repository, issue 4); users report single runs between "
            "70 and 76",
        ),
    ),
}

SYNTHIA: dict[str, tuple[Published, ...]] = {
    "dacs-deeplabv2": (Published(48.3, MIOU16, README, OTHER_SETTING),),
    "daformer": (
        Published(60.9, MIOU16, f"{README}; {TABLE}", SEEDS, ROW_SYNTHIA),
        Published(67.4, MIOU13, TABLE, "", ROW_SYNTHIA13),
        Published(51.0, MIOU, issue(18, "DAFormer"), f"{USER}; over 19 classes, of which three score 0"),
    ),
    "hrda": (Published(65.8, MIOU16, HRDA_README, SEEDS),),
    "mic-hrda": (Published(74.0, MIOU13, LISTING),),
}

ACDC: dict[str, tuple[Published, ...]] = {
    "daformer": (Published(55.4, SERVER, README, SERVER_NOTE),),
    "hrda": (Published(68.0, SERVER, HRDA_README, SERVER_NOTE),),
    "mic-hrda": (Published(70.4, SERVER, LISTING, SERVER_NOTE),),
}

DARK_ZURICH: dict[str, tuple[Published, ...]] = {
    "daformer": (Published(53.8, SERVER, README, SERVER_NOTE),),
    "hrda": (Published(55.9, SERVER, HRDA_README, SERVER_NOTE),),
    "mic-hrda": (
        Published(
            60.3, SERVER, f"quoted by a user, {issue(54, 'MIC')}", f"{SERVER_NOTE}; users see between 56 and 59 there"
        ),
    ),
}

ORACLE: dict[str, tuple[Published, ...]] = {
    "oracle-deeplabv2": (Published(72.1, MIOU, PART2, SEEDS),),
    "oracle-segformer-mit_b5": (Published(76.4, MIOU, PART2, SEEDS),),
    "oracle-daformer": (Published(77.6, MIOU, issue(6, "HRDA"), "at half resolution, as in this recipe"),),
}

NUMBERS: dict[str, dict[str, tuple[Published, ...]]] = {
    "gta2cityscapes": GTA,
    "synthia2cityscapes": SYNTHIA,
    "cityscapes2acdc": ACDC,
    "cityscapes2darkzurich": DARK_ZURICH,
    "cityscapes": ORACLE,
}


def numbers(recipe: str) -> tuple[Published, ...]:
    """What others published for the recipe of this name; empty where our sources have nothing."""
    family, name = recipe.split("/")
    return NUMBERS[family].get(name, ())
