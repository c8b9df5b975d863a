"""The conformance checks find what they look for: each broken toy breaks one promise and is told which."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

from udalib.recipes.conformance import CHECKS, ConformanceError, check

BROKEN = [
    ("ReadsAnother", "streams", "reads the stream 'extra', which it does not declare.*now 'source', 'target'"),
    ("ReadsTargetLabels", "streams", "reads 'label' of a stream of unlabelled images, which has image"),
    ("LeavesOneUnread", "streams", "declares target, which no step reads"),
    ("ChangesItsBatch", "streams", r"changes its batch in place: target\.image"),
    ("LogsNothing", "logs", "logs nothing in iteration 0"),
    ("LogsNaN", "logs", "agreement is not finite in iteration 0"),
    ("LogsAMap", "logs", r"loss is logged with shape \(4,\); logs are scalars"),
    ("LogsText", "logs", "loss is logged with str; logs are scalars"),
    ("KeepsTheGraph", "logs", "loss is logged with its graph.*detach it"),
    ("Explodes", "logs", "colour.* is not finite after the step"),
    ("ForgetsAPart", "gradients", r"head\.bias, head\.weight is in an optimiser and gets no gradient"),
    ("DeclaresWhatItTrains", "gradients", r"`untrained` names network\.decoder\., which is trained"),
    ("DeclaresNothing", "gradients", r"`untrained` names nowhere\., which is trained or in no optimiser"),
    ("MovesByHand", "gradients", "centre changes without an optimiser; only a Follower"),
    ("TrainsNoHead", "gradients", "scale has a gradient but is in no optimiser"),
    ("HoldsAStranger", "gradients", "optimiser main holds a tensor that is no parameter of the method"),
    ("DrawsFromTorch", "surroundings", "draws from the global random state of torch"),
    ("DrawsFromNumPy", "surroundings", "draws from the global random state of NumPy"),
    ("DrawsFromPython", "surroundings", "draws from the global random state of Python"),
    ("LeavesEvalMode", "surroundings", r"leaves network\.decoder in another mode"),
    ("DrawsTheSameEveryTime", "draws", "draws for noise are not those of the iteration"),
    ("DrawsTwice", "draws", r"draws\('noise'\) is asked for twice"),
    ("DrawsInVain", "draws", "asks for draws, but another seed changes nothing"),
    ("DiffersFromRunToRun", "draws", "two runs with one seed differ in .*colour"),
    ("ForgetsABuffer", "resume", "after a resume .*colour.* differs from the unbroken run"),
    ("CountsOnItsOwn", "resume", "after a resume seen is logged with another value"),
    ("SavesAnObject", "resume", "cannot be loaded without running code"),
    ("Grows", "resume", "does not fit a method made anew"),
    ("CountsPredictions", "prediction", "predict changes asked"),
    ("PredictsInEval", "prediction", r"predict leaves network, .* in another mode"),
    ("PredictsInTraining", "prediction", "predict leaves a module in training mode"),
    ("PredictsByChance", "prediction", "predict draws from the global random state of Python"),
    ("PredictsNaN", "prediction", r"predict gives NaN or infinity for images \(1, 3, 33, 47\)"),
    ("PredictsSmall", "prediction", r"gives \(1, 3, 17, 24\) for images \(1, 3, 33, 47\); expected \(1, 3, 33, 47\)"),
    ("PredictsTogether", "prediction", "another answer beside other images than alone"),
    ("PredictsTooFew", "prediction", r"predict gives 1 entries for images \(2, 3, 65, 97\)"),
    ("DividesByNothing", "no_labels", "loss is not finite on a batch without labels"),
    ("OverflowsInBfloat16", "bfloat16", "loss is not finite in bfloat16"),
    ("StaysInBfloat16", "bfloat16", "a step in bfloat16 changes the precision of colour"),
    ("StepsAlone", "processes", "two processes have other weights in .*network"),
    ("RemembersItsOwn", "processes", "two processes with half of the batch each give other numbers .*colour"),
    ("SumsOverSamples", "processes", "two processes with half of the batch each give other numbers .*network"),
    ("AveragesWhatDiffers", "processes", r"two processes bring other shapes to average\(\)"),
    ("AveragesInOne", "processes", r"two processes part: one comes to .*average\(\)"),
    ("AveragesSamples", "micro_batches", r"average\(\) gets \(1,\) of a part of a batch and \(2,\) of the whole"),
    ("BackwardAlone", "micro_batches", "two micro-batches give other numbers than one batch in network"),
    ("FollowsTwice", "micro_batches", r"two micro-batches give other numbers than one batch in .*teacher\.network"),
]
KEEP_EVERY_PROMISE = ("Fair", "SaysItIsBatchWise", "UpdatesTwice")


@pytest.fixture(scope="module")
def toys() -> dict[str, Any]:
    """The toys by name; the first file is imported by the others."""
    found: dict[str, Any] = {}
    for name in ("conformance_toys", "conformance_broken_steps", "conformance_broken_states"):
        spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        found |= vars(module)
    return found


@pytest.mark.parametrize("kind", KEEP_EVERY_PROMISE)
def test_a_method_that_keeps_every_promise_passes(toys: dict[str, Any], kind: str) -> None:
    check(toys["subject"](toys[kind]))


@pytest.mark.parametrize(("kind", "name", "message"), BROKEN)
def test_a_broken_promise_is_found(toys: dict[str, Any], kind: str, name: str, message: str) -> None:
    with pytest.raises(ConformanceError, match=message):
        CHECKS[name](toys["subject"](toys[kind]))


def test_all_checks_can_fail() -> None:
    assert {name for _, name, _ in BROKEN} == set(CHECKS)


def test_the_method_and_the_check_are_named(toys: dict[str, Any]) -> None:
    with pytest.raises(ConformanceError, match=r"^toy, logs: agreement is not finite"):
        check(toys["subject"](toys["LogsNaN"]))
