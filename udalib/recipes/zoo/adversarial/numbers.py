"""Published numbers of AdaptSegNet and ADVENT, as data (adaptsegnet sheet, section 11; advent sheet, section 7).

Those of the authors come first, then what other people obtained with their code or by their own means. Rows by class
are given where our sources have them. What answers to no recipe of ours (ensembles, oracles) is not here.
"""

from __future__ import annotations

from udalib.data import label_space
from udalib.recipes.spec.options import Options
from udalib.recipes.spec.specs import Published

MIOU = "target/miou"
MIOU13 = "target/subsets/cityscapes13"

REPRINT = "results table reprinted by a later journal paper"
LEADERBOARD = "results table in the repository of another paper"
LIBRARY = "README of a transfer-learning library"
LATER = "repository of a later method"


def issue(number: int, repository: str = "AdaptSegNet") -> str:
    """A thread of a repository's issue tracker."""
    return f"{repository} repository, issue {number}"


def row(space: str, values: str) -> Options:
    """IoU by class of the label space ``space``, from numbers in its order."""
    return Options(dict(zip(label_space(space).names, map(float, values.split()), strict=True)))


USER = "one user's run, not the authors'"
ROW_SOURCE_ONLY = row(
    "cityscapes19", "75.8 16.8 77.2 12.5 21.0 25.5 30.1 20.1 81.3 24.6 70.3 53.8 26.4 49.9 17.2 25.9 6.5 25.3 36.0"
)
ROW_MULTI = row(
    "cityscapes19", "86.5 36.0 79.9 23.4 23.3 23.9 35.2 14.8 83.4 33.3 75.6 58.5 27.6 73.7 32.5 35.4 3.9 30.1 28.1"
)
ROW_VGG = row(
    "cityscapes19", "87.3 29.8 78.6 21.1 18.2 22.5 21.5 11.0 79.7 29.6 71.3 46.8 6.5 80.1 23.0 26.9 0.0 10.6 0.3"
)
ROW_ADVENT = row(
    "cityscapes19", "89.9 36.5 81.6 29.2 25.2 28.5 32.3 22.4 83.9 34.0 77.1 57.4 27.9 83.7 29.4 39.1 1.5 28.4 23.3"
)
ROW_SYNTHIA_MULTI = row("cityscapes13", "84.3 42.7 77.5 4.7 7.0 77.9 82.5 54.3 21.0 72.3 32.2 18.9 32.3")
ROW_SYNTHIA_VGG = row("cityscapes13", "78.9 29.2 75.5 0.1 4.8 72.6 76.7 43.4 8.8 71.1 16.0 3.6 8.4")

GTA: dict[str, tuple[Published, ...]] = {
    "source-only-adaptsegnet": (
        Published(
            36.6,
            MIOU,
            f"{REPRINT}; {issue(35)}",
            "the baseline; attempts of others often end at 24 to 31 (issues 25 and 81)",
            ROW_SOURCE_ONLY,
        ),
        Published(35.95, MIOU, issue(65), "one user's run under PyTorch 0.4"),
        Published(37.3, MIOU, LIBRARY, "its own training settings"),
    ),
    "adaptsegnet-single": (
        Published(41.4, MIOU, issue(56), "quoted there from the paper"),
        Published(41.4, MIOU, issue(56), f"{USER}; at iteration 40 000"),
    ),
    "adaptsegnet-multi": (
        Published(
            42.4,
            MIOU,
            f"AdaptSegNet repository, README; {REPRINT}",
            "the maintainers speak of 41 to 42 after 100 000 to 130 000 iterations (issue 19)",
            ROW_MULTI,
        ),
        Published(42.5, MIOU, issue(29), f"{USER}, PyTorch 0.4: the best of 24 snapshots, which range from 31.0"),
        Published(39.5, MIOU, issue(65), f"{USER}, PyTorch 0.4"),
        Published(
            42.0, MIOU, issue(56), f"{USER}, from ImageNet and COCO (ImageNet alone: 40.6); two levels, it seems"
        ),
    ),
    "adaptsegnet-feature": (Published(39.3, MIOU, "a published walk-through of AdaptSegNet"),),
    "adaptsegnet-ls": (Published(44.1, MIOU, f"AdaptSegNet repository, README (figure); {issue(88)}"),),
    "adaptsegnet-vgg-single": (
        Published(
            35.0,
            MIOU,
            f"AdaptSegNet repository, README; {LEADERBOARD}",
            "after 130 000 iterations, by the maintainers (issue 28)",
            ROW_VGG,
        ),
    ),
    "advent": (
        Published(43.8, MIOU, REPRINT, "AdvEnt alone, not its average with MinEnt", ROW_ADVENT),
        Published(43.8, MIOU, LIBRARY, "a re-implementation with its own settings"),
    ),
    "minent": (Published(42.2, MIOU, "a re-run by another group", "the authors' total is not in our sources"),),
}

SYNTHIA: dict[str, tuple[Published, ...]] = {
    "source-only-adaptsegnet": (Published(41.5, MIOU13, LIBRARY, "its own training settings"),),
    "adaptsegnet-multi": (Published(46.7, MIOU13, LEADERBOARD, "", ROW_SYNTHIA_MULTI),),
    "adaptsegnet-vgg-single": (Published(37.6, MIOU13, LEADERBOARD, "", ROW_SYNTHIA_VGG),),
    "advent": (
        Published(47.6, MIOU13, f"{LIBRARY}, quoted there as the original", "AdvEnt alone"),
        Published(47.9, MIOU13, LIBRARY, "a re-implementation"),
    ),
}

_WITHOUT_ADAPTATION = "the same network without adaptation, trained there"
_QUOTED = "a user's quotation from a later paper's table"
CROSSCITY: dict[str, tuple[Published, ...]] = {
    "source-only": (
        Published(51.0, "rome/miou", LATER, _WITHOUT_ADAPTATION),
        Published(48.9, "rio/miou", LATER, _WITHOUT_ADAPTATION),
        Published(47.8, "tokyo/miou", LATER, _WITHOUT_ADAPTATION),
        Published(46.3, "taipei/miou", LATER, _WITHOUT_ADAPTATION),
        Published(48.2, "rio/miou", _QUOTED),
    ),
    "adaptsegnet-multi-rio": (Published(51.6, "rio/miou", _QUOTED, "whether of one or two levels is not said"),),
}
