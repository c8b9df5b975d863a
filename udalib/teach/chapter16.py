"""Graders of notebook 16: spread over seeds, pairs, and what a run has to record."""

from __future__ import annotations

from typing import Any

from udalib.teach.check import exercise, require, require_close, require_function


@exercise("16.1", "write spread(scores): (mean, sample standard deviation) of one score a seed.")
def _spread(answer: Any) -> str:
    require_function(answer)
    mean, std = answer([75.62, 76.03, 75.90])
    require_close(mean, 75.85, "the mean of 75.62, 76.03 and 75.90")
    require_close(std, 0.2095, "their standard deviation (divide by n - 1, for the mean is estimated too)", 1e-3)
    return "those are the three seeds of MIC that its authors published: 75.9 with a spread of 0.2."


@exercise("16.2", "write paired(ours, baseline): (mean, sample standard deviation) of the differences, seed by seed.")
def _paired(answer: Any) -> str:
    require_function(answer)
    ours, baseline = {0: 41.0, 1: 52.0, 2: 46.0}, {2: 43.0, 0: 40.0, 1: 50.0}
    mean, std = answer(ours, baseline)
    require_close(mean, 2.0, "the mean difference of {0: 41, 1: 52, 2: 46} and {2: 43, 0: 40, 1: 50}")
    require_close(std, 1.0, "the spread of the differences 1, 2, 3 (match the seeds, not the order of the entries)")
    extra_mean, _ = answer({**ours, 3: 99.0}, baseline)
    require_close(extra_mean, 2.0, "the mean where seed 3 was run on one side only: it has no partner, so it")
    return "the scores themselves spread by 5 points, their differences by 1: what a seed brings to both cancels."


@exercise("16.3", "how many seeds does the sign-flip test need to be able to say p < 0.05?")
def _sign_flip(answer: Any) -> str:
    require_close(answer, 5, "with n seeds the smallest p is 1/2^n; the first n that brings it below 0.05", tolerance=0)
    return "with three seeds it cannot fall below 0.125, however large the effect."


@exercise("16.4", "write changed(first, second): the set of parameters in which two flat recipes differ.")
def _changed(answer: Any) -> str:
    require_function(answer)
    first = {"lr": 6e-5, "batch": 2, "mix": "class", "crop": (512, 512)}
    second = {"lr": 6e-5, "batch": 4, "crop": (512, 512), "warmup": 1500}
    require(
        set(answer(first, second)) == {"batch", "mix", "warmup"},
        f"expected batch (another value), mix and warmup (on one side only), got {answer(first, second)!r}.",
    )
    require(set(answer(first, dict(first))) == set(), "two equal recipes differ in nothing.")
    none = answer({"clip": None}, {})
    require(set(none) == {"clip"}, "None on one side and absent on the other is a difference: .get alone misses it.")
    return "a run that records its whole recipe can be compared with any other; one that records its name cannot."


@exercise("16.5", "write within(ours, spread, theirs): is the score of others within two spreads of our mean?")
def _within(answer: Any) -> str:
    require_function(answer)
    require(answer(67.0, 0.9, 68.3) is True, "68.3 lies 1.3 above 67.0, less than two spreads of 0.9.")
    require(answer(64.0, 0.9, 68.3) is False, "68.3 lies 4.3 above 64.0, far more than two spreads of 0.9.")
    require(
        answer(70.5, 0.9, 68.3) is False, "a score that is too high is no reproduction either: take the absolute value."
    )
    return "and if it is not, look for a difference in the protocol before you look for one in the method."
