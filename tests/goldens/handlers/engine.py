"""Goldens of losses, EMA, schedules, parameter groups and the repeated SGD."""

from functools import reduce

import torch
from harness import Check, exact, handles, relative, relmax
from torch import nn

from udalib import ops
from udalib.engine.optim.build import OptimizerSpec, Rule, build_optimizer, set_learning_rates
from udalib.engine.optim.repeated_sgd import RepeatedSGD
from udalib.engine.optim.schedules import Poly, WarmupPoly


class Named(nn.Module):
    """A module with parameters under given dotted names, for rules that look at names alone."""

    def __init__(self, values, frozen=()):
        super().__init__()
        for name, value in values.items():
            *path, leaf = name.split(".")
            owner = reduce(lambda m, part: m.get_submodule(part) if hasattr(m, part) else _child(m, part), path, self)
            owner.register_parameter(leaf, nn.Parameter(value, requires_grad=name not in frozen))


def _child(module, name):
    module.add_module(name, nn.Module())
    return module.get_submodule(name)


def per_name(optimizer, key):
    return {name: group[key] for group in optimizer.param_groups for name in group["parameter_names"]}


@handles("daformer", "lr_groups_*")
def lr_groups_daformer(case):
    cfg, names = case.config["optimizer"], case.meta["names"]
    keys = cfg.get("paramwise_cfg", {}).get("custom_keys", {})
    rules = tuple(Rule(k, v.get("lr_mult", 1.0), v.get("decay_mult", 1.0)) for k, v in keys.items())
    options = {"betas": tuple(cfg["betas"])} if "betas" in cfg else {"momentum": cfg.get("momentum", 0.0)}
    spec = OptimizerSpec(cfg["type"].lower(), cfg["lr"], weight_decay=cfg["weight_decay"], rules=rules, **options)
    optimizer = build_optimizer(spec, [(n, nn.Parameter(torch.zeros(1))) for n in names])
    lrs, decays = per_name(optimizer, "initial_lr"), per_name(optimizer, "weight_decay")
    yield Check("base_lr", [lrs[n] for n in names], case.outputs["base_lr"], relative(1e-9))
    yield Check("weight_decay", [decays[n] for n in names], case.outputs["weight_decay"], relative(1e-9))

    lr = case.config["lr_config"]
    poly = {"total": case.config["max_iters"], "power": lr.get("power", 1.0), "min_lr": lr.get("min_lr", 0.0)}
    schedule = Poly(**poly)
    if lr.get("warmup"):
        warmup = {"warmup": lr["warmup_iters"], "ratio": lr["warmup_ratio"], "mode": lr["warmup"]}
        schedule = WarmupPoly(**poly, **warmup)
    groups = build_optimizer(
        OptimizerSpec(rules=tuple(Rule(f"g{j}", b / 6e-5) for j, b in enumerate(case.config["base_lrs"]))),
        [(f"g{j}", nn.Parameter(torch.zeros(1))) for j in range(len(case.config["base_lrs"]))],
    )
    got = []
    for t in case.config["iterations"]:
        set_learning_rates(groups, schedule, t)
        got.append([per_name(groups, "lr")[f"g{j}"] for j in range(len(case.config["base_lrs"]))])
    yield Check("lr_at", got, case.outputs["lr_at"], relative(1e-9))


@handles("adaptsegnet", "lr_schedule_*")
def lr_schedule_adaptsegnet(case):
    cfg, meta = case.config, case.meta
    heads = sorted({name.split(".")[0] for name in meta["group1_names"]})
    ratio = meta["initial_group_lrs"][-1] / meta["initial_group_lrs"][0]
    stages = tuple(Rule(f"layer{s}.", visits=3) for s in range(1, 5))
    rules = (*(Rule(f"{h}.", lr_mult=ratio) for h in heads), *stages, Rule("downsample.", visits=4))
    spec = OptimizerSpec("sgd", cfg["learning_rate"], weight_decay=5e-4, rules=rules)
    names = [*meta["frozen"], *meta["group0_visits"], *meta["group1_names"]]
    module = Named({n: torch.zeros(1) for n in names}, frozen=set(meta["frozen"]))
    optimizer = build_optimizer(spec, module.named_parameters())
    lrs = per_name(optimizer, "initial_lr")
    visits = {n: g.get("visits", 1) for g in optimizer.param_groups for n in g["parameter_names"]}
    group0 = [n for n, lr in lrs.items() if lr == cfg["learning_rate"]]
    yield Check(
        "visits", [visits[n] for n in sorted(group0)], [meta["group0_visits"][n] for n in sorted(group0)], exact()
    )
    for name, got, want in [
        ("group 0", set(group0), set(meta["group0_visits"])),
        ("group 1", set(lrs) - set(group0), set(meta["group1_names"])),
        ("frozen", set(names) - set(lrs), set(meta["frozen"])),
    ]:
        yield Check(name, sorted(got), sorted(want), exact())
    head = max(lrs.values())
    initial = sorted({cfg["learning_rate"], head})
    yield Check("initial", initial, meta["initial_group_lrs"], relative(1e-12))
    schedule = Poly(cfg["num_steps"], cfg["power"])
    bases = (cfg["learning_rate"], head, cfg["learning_rate_D"])
    got = [[schedule(base, int(t)) for base in bases] for t in case.inputs["iterations"]]
    yield Check("lr", got, case.outputs["lr"], relative(1e-12))


@handles("adaptsegnet", "sgd_repeated_*")
def sgd_repeated(case):
    cfg = case.config
    options = {k: cfg[k] for k in ("lr", "momentum", "weight_decay")}
    for name in list(case.outputs):
        visits = int("".join(c for c in name.split("_")[0] if c.isdigit()))
        p = nn.Parameter(case.tensor("p0"))
        optimizer = RepeatedSGD([p], visits=visits, inplace_decay=name.endswith("inplace_decay"), **options)
        steps = []
        for gradient in case.tensor("grads"):
            p.grad = gradient.clone()
            optimizer.step()
            steps.append(p.detach().clone())
        yield Check(name, torch.stack(steps), case.outputs[name], relative(1e-9))


@handles("daformer", "ema_*")
def ema(case):
    names = [n.removeprefix("student__") for n in case.inputs]
    first = {n: torch.zeros_like(case.tensor(f"student__{n}")[0]) for n in names}
    student, running = Named(first), next((n for n in case.outputs if n.endswith("running_mean")), None)
    width = case.outputs[running].shape[-1] if running else 1
    student.register_buffer("running_mean", torch.zeros(width))
    teacher = ops.make_teacher(student)
    seen, buffers = {n: [] for n in names}, []
    for k, t in enumerate(case.config["iterations"]):
        with torch.no_grad():
            student.running_mean.fill_(k + 1.0)
            for name, parameter in student.named_parameters():
                parameter.copy_(case.tensor(f"student__{name}")[k])
        ops.update_teacher(teacher, student, t, case.config["alpha"])
        buffers.append(teacher.running_mean.clone())
        for name, parameter in teacher.named_parameters():
            seen[name].append(parameter.clone())
    for name in names:
        yield Check(name, torch.stack(seen[name]), case.outputs[f"teacher__{name}"], relative(1e-5))
    decays = [ops.ema_decay(t, case.config["alpha"]) for t in case.config["iterations"]]
    yield Check("alpha_t", decays, case.outputs["alpha_t"], relative(1e-6))
    if running:
        yield Check(running, torch.stack(buffers), case.outputs[running], exact())


def class_weights(case):
    """Class weights (C,), an input or an entry of the configuration whose name says so; None if there are none."""
    names = (
        ("class_weight", "class_weights") if case.system == "daformer" else ("class_weight", "class_weights", "weight")
    )
    for name in names:
        if name in case.inputs:
            return case.tensor(name)
        if isinstance(case.config.get(name), list):
            return torch.tensor(case.config[name])
    return None


@handles("daformer", "seg_loss_*")
def seg_loss(case):
    logits, label = case.tensor("logits").requires_grad_(), case.tensor("label")[:, 0].long()
    weight = case.tensor("weight") if case.config["weighted"] else None
    full = ops.resize(logits, label.shape[-2:], align_corners=case.config.get("align_corners", False))
    ignore = case.config.get("ignore_index", 255)
    loss = ops.cross_entropy(full, label, weight, class_weights(case), "all_mean", ignore_index=ignore)
    loss.backward()
    yield Check("loss", loss, case.outputs["loss"], relative(1e-5))
    yield Check("acc", 100 * ops.batch_accuracy(full, label)[None], case.outputs["acc"], relative(1e-5))
    yield Check("grad_logits", logits.grad, case.outputs["grad_logits"], relmax(1e-5))


@handles("adaptsegnet", "cross_entropy2d*")
def cross_entropy2d(case):
    cfg = case.config
    logits, label = case.tensor("logits").requires_grad_(), case.tensor("labels").long()
    options = {"class_weight": class_weights(case), "official": True, "ignore_index": cfg["ignore"]}
    loss = ops.cross_entropy(logits, label, **options)
    loss.backward()
    yield Check("loss", loss, case.outputs["loss"], relmax(1e-5))
    yield Check("grad_logits", logits.grad, case.outputs["grad_logits"], relmax(1e-5))
    if "n_valid" in case.outputs:
        valid = (label >= 0) & (label != cfg["ignore"])
        yield Check("n_valid", valid.sum(), case.outputs["n_valid"], exact())
    if "loss_all_ignored" in case.outputs:
        nothing = ops.cross_entropy(logits, torch.full_like(label, cfg["ignore"]), **options)
        yield Check("loss_all_ignored", nothing, case.outputs["loss_all_ignored"], exact())
