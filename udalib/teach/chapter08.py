"""Graders of notebook 08: how many points to draw, MMD, A-distance, purity, and correlation inside recipes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from udalib.analysis.features.measuring.association import deviations
from udalib.analysis.features.measuring.gaps import mmd
from udalib.analysis.features.measuring.separation import knn_purity
from udalib.teach.check import exercise, require, require_close, require_function

Floats = NDArray[np.float64]


@exercise("08.1", "write takes(source, target, per_class, minimum): how many cells of each class to draw, as a dict.")
def _takes(answer: Any) -> str:
    require_function(answer)
    source, target = np.array([900, 40, 9, 0, 30]), np.array([700, 25, 60, 50, 10])
    got = {int(c): int(n) for c, n in dict(answer(source, target, 30, 10)).items()}
    require(2 not in got and 3 not in got, "classes 2 and 3 have fewer than 10 cells in the source: leave them out.")
    require(4 in got, "class 4 has exactly the minimum in its poorer domain, 10: that is enough.")
    require(got.get(0) == 30, "per_class is the most that a class may give: class 0 gives 30.")
    require(got.get(1) != 40, "as many from EACH domain: class 1 has only 25 in the target.")
    require(got == {0: 30, 1: 25, 4: 10}, f"the poorer domain decides: {{0: 30, 1: 25, 4: 10}}, got {got}.")
    return "so no measure between domains can see that a class is rarer in one of them."


@exercise("08.2", "write unbiased_mmd(x, y, s): squared MMD of x (n, C) and y (m, C), Gaussian kernel of bandwidth s.")
def _unbiased_mmd(answer: Any) -> str:
    require_function(answer)
    random = np.random.default_rng(0)
    x, y = random.normal(size=(6, 3)), random.normal(size=(9, 3)) + 0.5
    got, want = float(answer(x, y, 1.5)), mmd(x, y, 1.5)
    wrong = _mmd_mistakes(x, y, 1.5)
    require(not _near(got, wrong["biased"]), "a pair of a point with itself says nothing: leave the diagonal out.")
    require(not _near(got, wrong["half"]), "the pairs across count twice: minus 2 times their mean.")
    require(not _near(got, wrong["root"]), "the SQUARED MMD is asked for; unbiased it may lie below 0.")
    require(not _near(got, wrong["bandwidth"]), "the kernel is exp(-d^2 / (2 s^2)); mind the 2 and the squares.")
    require_close(got, want, "the squared MMD")
    same = float(answer(x[:2], x[:2], 1.0))
    require_close(same, mmd(x[:2], x[:2], 1.0), "of a set with itself it is below 0, and there")
    return "for two samples of one distribution the mean is 0, so half of such values are negative."


@exercise(
    "08.3", "write a_distance(source_wrong, target_wrong): from held-out mistakes (bool, n and m), with its range."
)
def _a_distance(answer: Any) -> str:
    require_function(answer)
    source, target = np.arange(10) < 1, np.arange(40) < 12  # 10 % and 30 % wrong
    got = float(answer(source, target))
    pooled = 2 * (1 - 2 * np.concatenate([source, target]).mean())
    require(not _near(got, pooled), "every DOMAIN has one vote: the mean of 10 % and 30 %, not of all points.")
    require(not _near(got, 0.8), "2 (1 - e) would be 1 for a classifier that guesses; subtract TWICE the error.")
    require(not _near(got, 0.6), "the range is 0 to 2: 2 (1 - 2 e), with the 2 in front.")
    require_close(got, 1.2, "with an error of 20 %")
    require_close(answer(source | True, target), 0.0, "worse than guessing is no gap: at an error above one half it")
    require_close(answer(source & False, target & False), 2.0, "for a classifier that never errs it")
    return "a classifier that errs in a quarter of the cases is halfway: 1."


@exercise("08.4", "write purity(features, classes, images, k): mean share of one's class among k neighbours.")
def _purity(answer: Any) -> str:
    require_function(answer)
    random = np.random.default_rng(1)
    images, classes = np.repeat(np.arange(8), 5), random.integers(0, 3, 40)
    places = random.normal(size=(8, 4))[images] + random.normal(size=(40, 4)) + 0.8 * np.eye(4)[classes]
    got = float(answer(places, classes, images, 3))
    require(not _near(got, knn_purity(places, classes, 3)), "neighbours from the point's OWN image do not count.")
    with_self = _purity_of(places, classes, np.full(40, -1), 3)
    require(not _near(got, with_self), "a point is its own nearest neighbour; it lies in its own image, leave it out.")
    majority = _purity_of(places, classes, images, 3, majority=True)
    require(not _near(got, majority), "no vote: the SHARE of the k neighbours, then the mean over points.")
    require_close(got, knn_purity(places, classes, 3, groups=images), "the purity")
    require_close(
        answer(places, classes, images, 7), knn_purity(places, classes, 7, groups=images), "with 7 neighbours"
    )
    return "pixels of one image are nearly copies; the fewer the images, the more their own neighbours flatter."


@exercise("08.5", "write within(values, scores, recipes): Pearson's correlation of deviations from the recipes' means.")
def _within(answer: Any) -> str:
    require_function(answer)
    random = np.random.default_rng(2)
    recipes = np.array([*"aaabbbbcc"])
    level = np.array([30.0, 30, 30, 45, 45, 45, 45, 52, 52])
    noise = random.normal(size=9)
    values, scores = -level + 2 * noise, level + noise + 0.7 * random.normal(size=9)
    got = float(answer(values, scores, recipes))
    dx, dy = deviations(values, recipes), deviations(scores, recipes)
    require(not _near(got, _pearson(values, scores)), "that is over all runs: take each recipe's mean away first.")
    require(not _near(got, _pearson(dx, scores)), "the scores have recipes, too: take their means away as well.")
    each = [_pearson(values[recipes == r], scores[recipes == r]) for r in "abc"]
    require(not _near(got, float(np.mean(each))), "one correlation of all deviations, not the mean of three.")
    require_close(got, _pearson(dx, dy), "the correlation inside recipes")
    require_close(answer(values[::-1], scores[::-1], recipes[::-1]), _pearson(dx, dy), "in another order of the runs")
    return "the sign turned: across recipes the measure falls with the score, among seeds it rises."


def _mmd_mistakes(x: Floats, y: Floats, s: float) -> dict[str, float]:
    def kernel(a: Floats, b: Floats, scale: float = 2 * s**2) -> Floats:
        return np.asarray(np.exp(-np.square(a[:, None] - b[None]).sum(axis=2) / scale))

    def apart(a: Floats) -> float:
        return float(a[~np.eye(len(a), dtype=bool)].mean())

    xx, yy, xy = kernel(x, x), kernel(y, y), kernel(x, y)
    right = apart(xx) + apart(yy) - 2 * xy.mean()
    return {
        "biased": float(xx.mean() + yy.mean() - 2 * xy.mean()),
        "half": float(apart(xx) + apart(yy) - xy.mean()),
        "root": float(np.sqrt(max(right, 0.0))),
        "bandwidth": float(apart(kernel(x, x, s)) + apart(kernel(y, y, s)) - 2 * kernel(x, y, s).mean()),
    }


def _purity_of(
    features: Floats, classes: NDArray[np.int64], images: NDArray[np.int64], k: int, majority: bool = False
) -> float:
    """Purity with a typical mistake; images of -1 leave nothing out, not even the point itself."""
    distance = np.square(features[:, None] - features[None]).sum(axis=2)
    distance[(images[:, None] == images[None]) & (images[:, None] >= 0)] = np.inf
    hits = classes[distance.argsort(axis=1)[:, :k]] == classes[:, None]
    share = hits.mean(axis=1)
    return float((share > 0.5).mean() if majority else share.mean())


def _pearson(x: Any, y: Any) -> float:
    return float(np.corrcoef(x, y)[0, 1])


def _near(got: float, want: float) -> bool:
    return abs(got - want) < 1e-9
