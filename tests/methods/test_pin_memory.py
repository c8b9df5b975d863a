"""Pin the Memory's step: its gradients, what it writes and when, its official quirks, bad input."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from udalib.core.errors import CheckpointError, ConfigError
from udalib.methods import LocalRuntime, create_method
from udalib.methods.pin_memory import PinMemory, Split, linear
from udalib.models.memory import ClassMemory
from udalib.models.network import SegmentationNetwork
from udalib.models.pin_memory.host import MemoryV3Plus
from udalib.models.pin_memory.passing import MemoryPass, evaluating
from udalib.ops.memory import ClassSums

CLASSES, SIDE, DOMAINS = 3, 24, ("a", "b", "c")


class Encoder(nn.Module):
    """Three features at strides 2, 4 and 4; smooth, so that finite differences can follow it."""

    channels, strides = (6, 8, 8), (2, 4, 4)

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm = nn.Conv2d(3, 6, 3, stride=2, padding=1), nn.BatchNorm2d(6)
        self.second, self.third = nn.Conv2d(6, 8, 3, stride=2, padding=1), nn.Conv2d(8, 8, 3, padding=1)

    def forward(self, x: Tensor) -> list[Tensor]:
        first = torch.tanh(self.norm(self.first(x)))
        second = torch.tanh(self.second(first))
        return [first, second, torch.tanh(self.third(second))]


def network(memory: bool = True) -> SegmentationNetwork:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        options = {"channels": 8, "low_channels": 4, "auxiliary_channels": 8, "rates": (2, 3), "memory": memory}
        made = SegmentationNetwork(Encoder(), MemoryV3Plus((6, 8, 8), CLASSES, **options), align_corners=True)
        if memory:
            made.get_submodule("decoder.memory").store(F.normalize(torch.randn(CLASSES, 8), dim=1))  # type: ignore[operator]
    return made.double()


class Still(LocalRuntime):
    """Leaves the update out, so that gradients can be looked at."""

    def optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        pass


def method(
    name: str = "pin-memory", *, memory: bool = True, lr: float = 0.1, still: bool = False, **options: Any
) -> Any:
    net = network(memory)
    options = {"domain_streams": DOMAINS, "augment": False, **options}
    made = create_method(name, net, torch.optim.SGD(net.parameters(), lr), **options).train()
    for layer in made.modules():
        if isinstance(layer, nn.Dropout2d):
            layer.p = 0.0
    if still:
        made.runtime = Still()
    return made


def batches(seed: int = 0, names: tuple[str, ...] = DOMAINS) -> dict[str, dict[str, Tensor]]:
    generator = torch.Generator().manual_seed(seed)
    return {
        name: {
            "image": torch.rand(2, 3, SIDE, SIDE, generator=generator, dtype=torch.float64),
            "label": torch.randint(0, CLASSES, (2, 1, 1), generator=generator).expand(2, SIDE, SIDE).clone(),
        }
        for name in names
    }


def gradients(made: Any, data: Any, iteration: int = 1) -> dict[str, Tensor]:
    made.step(data, iteration)
    return {name: p.grad.clone() for name, p in made.network.named_parameters() if p.grad is not None}


def given_split(made: PinMemory) -> None:
    made.split = lambda iteration: Split(("a",), ("b", "c"))  # type: ignore[method-assign]


def two_losses(made: Any, data: Any, shift: dict[str, Tensor], h: float) -> Tensor:
    """L_in(theta) + L_out(theta - xi grad L_in(theta)) at theta + h * shift, by plain autograd."""
    one = copy.deepcopy(made)
    with torch.no_grad():
        for name, p in one.network.named_parameters():
            p.add_(h * shift[name])
    a, bc = (one.shown(data, names, 1) for names in (("a",), ("b", "c")))
    inner = one.weighted(one.reading_losses(MemoryPass(one.network)(a.image).seen, a.label))
    parameters = dict(one.network.named_parameters())
    slopes = torch.autograd.grad(inner, list(parameters.values()))
    with torch.no_grad():
        for p, slope in zip(parameters.values(), slopes, strict=True):
            p.sub_(one.inner_rate(one.optimizer.param_groups[0]["lr"], 1) * slope)
        outer = one.weighted(one.reading_losses(MemoryPass(one.network)(bc.image).seen, bc.label))
    return inner.detach() + outer


@pytest.mark.parametrize("second_order", [True, False])
def test_the_second_order_gradient_is_the_slope_of_both_losses(second_order: bool) -> None:
    """By finite differences along a random direction, without a memory, whose write stops gradients by design."""
    made = method(memory=False, still=True, lr=0.4, second_order=second_order)
    given_split(made)
    data = batches()
    found = gradients(made, data)
    generator = torch.Generator().manual_seed(1)
    shift = {n: torch.randn(p.shape, generator=generator, dtype=p.dtype) for n, p in made.network.named_parameters()}
    step = 1e-7  # small, because the decoder's ReLUs and its pooled BatchNorm of six images bend quickly
    slope = (two_losses(made, data, shift, step) - two_losses(made, data, shift, -step)) / (2 * step)
    along = sum((found[name] * shift[name]).sum() for name in found)
    error = abs(float(along - slope)) / abs(float(slope))
    assert error < 1e-5 if second_order else error > 0.1


def test_first_order_is_the_sum_of_two_gradients() -> None:
    """grad L_in(theta) + grad L_out(theta'), the second by a copy of the network that has taken the inner step."""
    made = method(memory=False, still=True)
    given_split(made)
    data = batches()
    one = copy.deepcopy(made)
    parameters = dict(one.network.named_parameters())
    a, bc = (one.shown(data, names, 1) for names in (("a",), ("b", "c")))
    inner = one.weighted(one.reading_losses(MemoryPass(one.network)(a.image).seen, a.label))
    first = torch.autograd.grad(inner, list(parameters.values()))
    with torch.no_grad():
        for p, g in zip(parameters.values(), first, strict=True):
            p.sub_(0.25 * 0.1 * g)
    outer = one.weighted(one.reading_losses(MemoryPass(one.network)(bc.image).seen, bc.label))
    second = torch.autograd.grad(outer, list(parameters.values()))
    found = gradients(made, data)
    for name, g_in, g_out in zip(parameters, first, second, strict=True):
        assert torch.allclose(found[name], g_in + g_out, atol=1e-12), name


def test_who_gets_gradients_in_which_pass() -> None:
    """The sheet's table 2.4: the classifier of the items is the inner pass's alone, the update network is both's."""
    data = batches()
    wholes = {}
    for name, weights in {"inner": {}, "outer": {"lambda_div": 0.0, "lambda_cls": 0.0}}.items():
        made = method(still=True, **weights)
        given_split(made)
        wholes[name] = gradients(made, data)
    clsfier, write = "decoder.memory.clsfier.weight", "decoder.memory.writenet.writefeat.0.weight"
    assert wholes["outer"][clsfier].abs().max() == 0
    assert wholes["outer"][write].abs().max() > 0
    assert wholes["inner"][clsfier].abs().max() > 0


def test_what_is_stored_is_written_in_eval_mode_by_the_updated_network_on_meta_train() -> None:
    made = method()
    given_split(made)
    data, items = batches(), made.memory.m_items.clone()
    made.step(data, 1)
    with torch.no_grad(), evaluating(made.network):
        sums = MemoryPass(made.network)(data["a"]["image"], label=data["a"]["label"], read=False).sums
    assert torch.allclose(made.memory.m_items, made.memory.updated(items, sums), atol=1e-12)
    assert not torch.allclose(made.memory.m_items, items)


def test_running_statistics_move_once_a_step() -> None:
    made = method()
    given_split(made)
    norm, data = made.network.encoder.norm, batches()
    before = norm.running_mean.clone()
    batch = made.network.encoder.first(made.network.normalise(data["a"]["image"])).mean((0, 2, 3)).detach()
    made.step(data, 1)
    assert torch.allclose(norm.running_mean, 0.9 * before + 0.1 * batch)
    assert norm.num_batches_tracked == 1


def test_the_inner_rate_is_fixed_first_and_a_quarter_of_the_rate_later() -> None:
    made = method(init_iterations=5)
    assert [made.inner_rate(0.01, i) for i in (5, 6)] == [0.001, 0.0025]
    assert method(inner_share=None).inner_rate(0.01, 9) == 0.001


def test_parameters_take_their_own_group_s_inner_rate() -> None:
    net = network()
    groups = [{"params": list(net.encoder.parameters()), "lr": 0.0}, {"params": list(net.decoder.parameters())}]
    made = PinMemory(net, torch.optim.SGD(groups, 0.1), domain_streams=DOMAINS, augment=False)
    named = made.parameters_by_name()
    adapted = made.adapted(named, {name: torch.ones_like(p) for name, p in named.items()}, 1)
    moved = {name: float((adapted[name] - p).detach().abs().max()) for name, p in named.items()}
    assert all(value == 0 for name, value in moved.items() if name.startswith("encoder."))
    assert all(value == pytest.approx(0.025) for name, value in moved.items() if name.startswith("decoder."))


def test_splits_cover_the_domains_and_vary() -> None:
    made = method()
    splits = [made.split(i) for i in range(40)]
    assert all(sorted((*s.train, *s.test)) == sorted(DOMAINS) and s.train and s.test for s in splits)
    assert {len(s.train) for s in splits} == {1, 2}
    assert {name for s in splits for name in s.test} == set(DOMAINS)


def shown_strong(made: Any, data: Any) -> list[tuple[str, bool]]:
    """Domain and whether its strong view was shown, in order."""
    seen: list[tuple[str, bool]] = []
    view = made.view

    def noting(domain: str, images: Tensor, iteration: int, *, strong: bool) -> Tensor:
        seen.append((domain, strong))
        return view(domain, images, iteration, strong=strong)

    made.view = noting
    made.step(data, 1)
    return seen


def test_meta_test_domains_are_strong_and_officially_the_first_source_always() -> None:
    made = method(augment=True)
    given_split(made)
    assert shown_strong(made, batches()) == [("a", False), ("b", True), ("c", True)]
    made = method(augment=True, official=True)
    given_split(made)
    assert shown_strong(made, batches()) == [("a", True), ("b", False), ("c", False)]


def test_one_domain_is_shown_in_two_views() -> None:
    made = method(augment=True, domain_streams=("a",))
    assert shown_strong(made, batches(names=("a",))) == [("a", False), ("a", True)]


@pytest.mark.parametrize("options", [{"augment": False}, {"augment": True, "official": True}])
def test_one_domain_without_augmentation_is_refused(options: dict[str, bool]) -> None:
    with pytest.raises(
        ConfigError, match=r"one source domain, 'a', cannot be split .*second copy of the same data set"
    ):
        method(domain_streams=("a",), **options)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"domain_streams": ()}, "name at least one stream"),
        ({"domain_streams": ("a", "a")}, "each once"),
        ({"gumbel": "sometimes"}, "choose off, training or always"),
        ({"inner_lr": -1.0}, "neither may be negative"),
        ({"memory": False, "init_iterations": 3}, "init_iterations is 3, but the network has no memory"),
    ],
)
def test_bad_options(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        method(**options)


def test_domains_of_two_sizes_are_refused() -> None:
    data = batches()
    data["b"] = {"image": torch.rand(2, 3, 32, 32, dtype=torch.float64), "label": torch.zeros(2, 32, 32).long()}
    with pytest.raises(ConfigError, match=r"bring images of \[\(24, 24\), \(32, 32\)\]; crop all to one size"):
        method("joined-sources").step(data, 0)


@pytest.mark.parametrize("name", ["pin-memory", "joined-sources"])
def test_a_class_missing_from_every_source_leaves_its_item_empty_and_is_counted(name: str) -> None:
    """Class 2 is never shown, not in the initialisation and not later: nothing becomes NaN, and the log says so."""
    made = method(name, init_iterations=2)
    made.memory.store(torch.zeros(CLASSES, 8, dtype=torch.float64))
    for i in range(4):
        data = batches(i)
        for batch in data.values():
            batch["label"] = torch.randint(0, 2, batch["label"].shape)
        logs = made.step(data, i)
        assert all(torch.isfinite(value).all() for value in logs.values())
        assert logs["items_empty"] == 1
    assert made.memory.m_items[2].abs().max() == 0
    assert torch.allclose(made.memory.m_items[:2].norm(dim=1), torch.ones(2, dtype=torch.float64))
    assert all(torch.isfinite(p).all() for p in made.parameters())


def test_sources_without_any_label_cannot_start_a_memory() -> None:
    made, data = method(init_iterations=1), batches()
    for batch in data.values():
        batch["label"].fill_(255)
    with pytest.raises(ConfigError, match="no pixel of a, b, c had a label"):
        made.step(data, 0)


def test_the_initialisation_averages_over_all_its_batches_and_trains_nothing() -> None:
    made = method(init_iterations=3)
    before = {name: p.detach().clone() for name, p in made.named_parameters()}
    sums = []
    for i in range(3):
        made.step(batches(i), i)
        with torch.no_grad(), evaluating(made.network):
            batch = made.shown(batches(i), DOMAINS, i)
            feature = made.network.decoder.context(made.network.features(batch.image))
            sums.append(made.memory.sums(feature, batch.label, plain=True))
    assert all(torch.equal(p, before[name]) for name, p in made.named_parameters())
    total = ClassSums(sum(s.total for s in sums), sum(s.weight for s in sums))
    memory = F.normalize(total.total / total.weight[:, None], dim=1)
    assert torch.allclose(made.memory.m_items, memory, atol=1e-6)  # the sums are kept in float32


def test_a_checkpoint_without_its_memory_is_refused() -> None:
    made = method()
    state = made.state_dict()
    made.load_state_dict(state)
    del state["network.decoder.memory.m_items"]
    with pytest.raises(CheckpointError, match="no memory items"):
        made.load_state_dict(state)
    without = method(memory=False)
    without.load_state_dict(without.state_dict())


def test_gumbel_noise_is_the_method_s_and_officially_in_predictions_too() -> None:
    images = torch.rand(2, 3, SIDE, SIDE, dtype=torch.float64)
    plain, trained, always = (method(gumbel=g).eval() for g in ("off", "training", "always"))
    assert torch.equal(plain.predict(images), trained.predict(images))
    assert not torch.allclose(plain.predict(images), always.predict(images))
    assert torch.equal(always.predict(images), always.predict(images))
    assert method(official=True).gumbel == "always"
    losses = [float(m.train().step(batches(), 1)["loss"]) for m in (plain, trained)]
    assert losses[0] != losses[1]


@pytest.mark.slow
@pytest.mark.parametrize("second_order", [True, False])
def test_a_compiled_network_steps_alike(second_order: bool) -> None:
    """Traced, with adapted parameters in the place of its own, and run eagerly: the same numbers."""
    plain, traced = (method(second_order=second_order) for _ in range(2))
    traced.network.compile(backend="eager")
    for i in range(3):
        losses = [float(each.step(batches(i), i)["loss"]) for each in (plain, traced)]
        assert losses[0] == pytest.approx(losses[1], rel=1e-9)


def test_a_scalar_with_given_gradients() -> None:
    named = {"x": torch.randn(2, 3, requires_grad=True), "y": torch.randn(4, requires_grad=True)}
    wanted = {"x": torch.randn(2, 3), "y": torch.randn(4)}
    linear(named, wanted).backward()
    assert all(torch.equal(named[name].grad, g) for name, g in wanted.items())  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["pin-memory", "joined-sources"])
def test_training_lowers_the_loss(name: str) -> None:
    made = method(name, init_iterations=1)
    data = batches()
    losses = [float(made.step(data, i)["loss"]) for i in range(25)][1:]
    assert min(losses[-5:]) < 0.8 * losses[0]


def test_joined_sources_with_memory_store_what_they_write() -> None:
    made = method("joined-sources")
    assert isinstance(made.memory, ClassMemory)
    data, items = batches(), made.memory.m_items.clone()
    logs = made.step(data, 0)
    assert {"loss_main", "loss_aux", "loss_read", "loss_div", "loss_cls"} <= set(logs)
    with torch.no_grad(), evaluating(made.network):
        batch = made.shown(data, DOMAINS, 0)
        sums = MemoryPass(made.network)(batch.image, label=batch.label, read=False).sums
    assert torch.allclose(made.memory.m_items, made.memory.updated(items, sums), atol=1e-12)
    assert set(method("joined-sources", memory=False).step(data, 0)) == {"loss", "loss_main", "loss_aux"}
