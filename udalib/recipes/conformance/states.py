"""Checks of what a method keeps: it goes on after a reload, and predicting changes nothing."""

from __future__ import annotations

import io
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from udalib.core.seeding import seeded
from udalib.methods import Method
from udalib.recipes.conformance.comparing import (
    Watched,
    expect,
    far,
    iterate,
    listed,
    modes_of,
    not_finite,
    random_states,
    state_of,
    unequal,
)
from udalib.recipes.conformance.subject import STEPS, Subject

SIZES = ((1, 33, 47), (2, 65, 97))
"""Images, height and width of what is predicted: sizes that no stride divides."""


def check_resume(subject: Subject) -> None:
    """State saved before the last iteration, loaded into a method made anew, gives the same last iteration."""
    method = subject.make(1)  # other initial weights, so that nothing is right by luck
    method.runtime = Watched()
    _load(method, subject.unbroken.saved)
    want = subject.unbroken.moments[-1]
    with seeded(STEPS - 1):
        resumed = iterate(method, subject.batch(STEPS - 1), STEPS - 1)
    remedy = "everything that must survive a resume is a parameter or a persistent buffer, or held by an optimiser."
    wrong = unequal(resumed.state, want.state)
    expect(not wrong, f"after a resume {listed(wrong)} differs from the unbroken run; {remedy}")
    wrong = unequal(resumed.logs, want.logs)
    expect(not wrong, f"after a resume {listed(wrong)} is logged with another value; {remedy}")


def _load(method: Method, saved: bytes) -> None:
    try:
        state = torch.load(io.BytesIO(saved), weights_only=True)
    except Exception as error:
        reason = str(error).splitlines()[0]
        expect(False, f"the saved state cannot be loaded without running code ({reason}); keep tensors and numbers.")
        raise
    try:
        method.load_state_dict(state["method"])
        for name, optimizer in method.optimizers().items():
            optimizer.load_state_dict(state["optimizers"][name])
    except (KeyError, RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        expect(False, f"the saved state does not fit a method made anew ({reason}); sizes may not depend on training.")


def check_prediction(subject: Subject) -> None:
    """Images of any size are predicted, each as if alone, with no gradient, and nothing of the method changes."""
    method = subject.make(0)
    _check_predict_modes(method)
    method.eval()
    before, random, modes = state_of(method), random_states(), modes_of(method)
    for size in SIZES:
        images = torch.rand(size[0], 3, *size[1:], generator=torch.Generator().manual_seed(0))
        _check_predicted(subject, method, images)
    changed = unequal(state_of(method), before)
    expect(not changed, f"predict changes {listed(changed)}; it may run at any time, so it may change nothing.")
    expect(not unequal(modes_of(method), modes), "predict leaves a module in training mode; eval is set by the caller.")
    drawn = unequal(random_states(), random)
    expect(not drawn, f"predict draws from the global random state of {listed(drawn)}.")


def _check_predict_modes(method: Method) -> None:
    modes = modes_of(method)
    with torch.no_grad():
        method.predict(torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0)))
    changed = unequal(modes_of(method), modes)
    expect(not changed, f"predict leaves {listed(changed)} in another mode (train, eval); put it back.")


def _check_predicted(subject: Subject, method: Method, images: Tensor) -> None:
    shape = tuple(images.shape)
    with torch.no_grad():
        output: Any = method.predict(images)
        first = method.predict(images[:1])
    expect(not not_finite(_numbers(output)), f"predict gives NaN or infinity for images {shape}.")
    if not isinstance(output, Tensor):  # boxes and the like: as many entries as images
        expect(len(output) == len(images), f"predict gives {len(output)} entries for images {shape}.")
        return
    _check_shape(output, images, subject.classes)
    # Another batch size may take another kernel: float32, some 1e-6 a layer.
    alone = far({"": first}, {"": output[:1]}, 1e-3)
    expect(not alone, "predict gives an image another answer beside other images than alone.")


def _check_shape(output: Tensor, images: Tensor, classes: int | None) -> None:
    size = tuple(images.shape[-2:]) if output.ndim == 4 else ()
    channels = output.shape[1] if classes is None and output.ndim > 1 else classes
    want = (len(images), channels, *size)
    expect(
        tuple(output.shape) == want,
        f"predict gives {tuple(output.shape)} for images {tuple(images.shape)}; expected {want}: a score for each "
        "class, at the size of the images if it is a map.",
    )


def _numbers(output: Any) -> dict[str, Tensor]:
    return {str(i): leaf for i, leaf in enumerate(tree_leaves(output)) if isinstance(leaf, Tensor)}
