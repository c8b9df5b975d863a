"""Checks of a training step: what it reads, logs, trains, leaves alone, draws, and survives."""

from __future__ import annotations

from collections import Counter
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor

from udalib.core.seeding import seeded
from udalib.core.types import IGNORE_INDEX, Batch
from udalib.methods import LocalRuntime, Method, Runtime
from udalib.methods.shared.teacher import Follower
from udalib.recipes.conformance.comparing import Moment, Watched, expect, held, iterate, listed, not_finite, unequal
from udalib.recipes.conformance.subject import Subject


class Bfloat16(LocalRuntime):
    """Mixed precision on the CPU."""

    def autocast(self) -> AbstractContextManager[Any]:
        """Context in which forward passes run in bfloat16."""
        return torch.autocast("cpu", torch.bfloat16)


def check_streams(subject: Subject) -> None:
    """Every declared stream is read, no other is, and the batches are left as they were."""
    unbroken = subject.unbroken  # refuses what is not declared
    unread = [name for name in unbroken.method.streams if name not in unbroken.read]
    expect(not unread, f"`streams` declares {listed(unread)}, which no step reads; take it out.")
    given, now = subject.batches[0], subject.settled.batches
    changed = [f"{name}.{key}" for name, batch in given.items() for key in unequal(now[name], batch)]
    expect(not changed, f"a step changes its batch in place: {listed(changed)}; work on a copy.")


def check_logs(subject: Subject) -> None:
    """Every step logs finite scalars, tensors without a graph."""
    for i, moment in enumerate(subject.unbroken.moments):
        _check_logs(moment, f"in iteration {i}")


def _check_logs(moment: Moment, when: str) -> None:
    expect(bool(moment.logs), f"a step logs nothing {when}; return at least its loss.")
    for name, value in moment.logs.items():
        kind = f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
        expect(
            value.numel() == 1 if isinstance(value, Tensor) else type(value) in (int, float),
            f"{name} is logged with {kind}; logs are scalars: numbers, or tensors with one entry.",
        )
        graph = isinstance(value, Tensor) and value.requires_grad
        expect(not graph, f"{name} is logged with its graph, which keeps the memory of the pass; detach it.")
    bad = not_finite(moment.logs)
    expect(not bad, f"{listed(bad)} is not finite {when}; an empty mask gives a loss of 0, never NaN.")
    bad = not_finite(moment.state)
    expect(not bad, f"{listed(bad)} is not finite after the step {when}.")


def check_gradients(subject: Subject) -> None:
    """What an optimiser holds is trained or declared untrained; nothing else has gradients, or moves but a teacher."""
    method, moments = subject.unbroken.method, subject.unbroken.moments
    names = {id(p): name for name, p in method.named_parameters()}
    strangers = [key for key, parameters in held(method).items() if any(id(p) not in names for p in parameters)]
    expect(not strangers, f"optimiser {listed(strangers)} holds a tensor that is no parameter of the method.")
    owned = {names[id(p)] for parameters in held(method).values() for p in parameters}
    trained = {name for moment in moments for name in moment.gradients}
    _check_untrained(method, owned - trained, trained)
    after = moments[-1].state
    moved = {name for name in names.values() if not torch.equal(after[name], subject.unbroken.start[name])}
    followers = tuple(f"{name}." for name, module in method.named_modules() if isinstance(module, Follower))
    alone = sorted(name for name in moved - trained if not name.startswith(followers))
    expect(
        not alone,
        f"{listed(alone)} changes without an optimiser; only a Follower (udalib.methods.shared.teacher) may. What else "
        "a step writes is a buffer.",
    )
    pulled = [n for n, p in method.named_parameters() if n not in owned and p.grad is not None]
    expect(
        not pulled,
        f"{listed(pulled)} has a gradient but is in no optimiser; train it, or freeze it with requires_grad_(False).",
    )


def _check_untrained(method: Method, still: set[str], trained: set[str]) -> None:
    prefixes = method.untrained
    forgotten = sorted(name for name in still if not name.startswith(prefixes))
    expect(
        not forgotten,
        f"{listed(forgotten)} is in an optimiser and gets no gradient; train it, leave it out of the optimiser, or "
        "name it in `untrained`.",
    )
    right = [p for p in prefixes if _begins(still, p) and not _begins(trained, p)]
    wrong = [prefix for prefix in prefixes if prefix not in right]
    expect(not wrong, f"`untrained` names {listed(wrong)}, which is trained or in no optimiser; take it out.")


def _begins(names: set[str], prefix: str) -> bool:
    return any(name.startswith(prefix) for name in names)


def check_surroundings(subject: Subject) -> None:
    """A step draws from no global random state (dropout aside) and leaves training modes as they were."""
    before, after = subject.settled.random
    drawn = unequal(after, before)
    expect(
        not drawn,
        f"a step draws from the global random state of {listed(drawn)}; take self.runtime.draws(...), which two "
        "processes share and a resumed run repeats.",
    )
    changed = unequal(subject.settled.modes[1], subject.settled.modes[0])
    expect(not changed, f"a step leaves {listed(changed)} in another mode (train, eval); put it back.")


def check_draws(subject: Subject) -> None:
    """The same seed gives the same numbers, another one others where the step draws; no draw is made twice."""
    for i, moment in enumerate(subject.unbroken.moments):
        late = sorted({purpose for _, purpose, iteration in moment.asked if iteration != i})
        expect(not late, f"draws for {listed(late)} are not those of the iteration; hand `iteration` on.")
        twice = [f"{kind}({purpose!r})" for (kind, purpose, _), n in Counter(moment.asked).items() if n > 1]
        expect(not twice, f"{listed(twice)} is asked for twice in a step and gives the same both times; name each.")
    want = _outcome(subject.unbroken.moments[0])
    differing = unequal(_outcome(_first_step(subject, Watched())), want)
    expect(not differing, f"two runs with one seed differ in {listed(differing)}.")
    if subject.unbroken.moments[0].asked:  # a draw with few outcomes may agree for one other seed, hardly for three
        others = (unequal(_outcome(_first_step(subject, Watched(seed))), want) for seed in (1, 2, 3))
        expect(any(others), "the step asks for draws, but another seed changes nothing.")


def check_no_labels(subject: Subject) -> None:
    """A batch whose every pixel is to be ignored gives finite numbers."""
    batches = subject.batch(0)
    labelled = [batch for batch in batches.values() if "label" in batch]
    for batch in labelled:
        batch["label"] = torch.full_like(batch["label"], IGNORE_INDEX)
    if labelled:
        _check_logs(_first_step(subject, Watched(), batches), "on a batch without labels")


def check_bfloat16(subject: Subject) -> None:
    """A step in mixed precision gives finite numbers and leaves every parameter in its precision."""
    moment = _first_step(subject, Bfloat16())
    _check_logs(moment, "in bfloat16")
    start = subject.unbroken.start
    cast = [name for name, value in moment.state.items() if value.dtype != start[name].dtype]
    expect(not cast, f"a step in bfloat16 changes the precision of {listed(cast)}.")


def _first_step(subject: Subject, runtime: Runtime, batches: dict[str, Batch] | None = None) -> Moment:
    method = subject.make(0)
    method.runtime = runtime
    with seeded(0):  # as in the unbroken run
        return iterate(method, subject.batch(0) if batches is None else batches, 0)


def _outcome(moment: Moment) -> dict[str, Any]:
    """Logs and state, to be compared bit for bit."""
    return {**{f"log {name}": value for name, value in moment.logs.items()}, **moment.state}
