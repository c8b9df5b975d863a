"""DAFormer's recipes: the ablation in the order of its code, the decoder study, the whole, and the oracles.

Hoyer et al., "DAFormer", CVPR 2022 (daformer sheet, sections 9 and 12). The rows build on
:mod:`udalib.recipes.zoo.self_training.dacs`; the table of the ablation is in none of our sources, so its rows carry no
number. Published numbers are means over three seeds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf
from typing import Any

from udalib.recipes.registry import register
from udalib.recipes.spec.specs import (
    DecoderSpec,
    EncoderSpec,
    MethodSpec,
    NetworkSpec,
    Recipe,
    SamplerSpec,
    StreamSpec,
    WeightsSpec,
)
from udalib.recipes.zoo.self_training.dacs import DEEPLAB, SEGFORMER, dacs
from udalib.recipes.zoo.self_training.numbers import numbers
from udalib.recipes.zoo.self_training.presets import small_presets
from udalib.recipes.zoo.self_training.setting import ADVERSE, SYNTHETIC, Pair, rare_classes, self_training
from udalib.recipes.zoo.synthetic_to_real import daformer_setting, deeplabv2, labelled_stream, mit_b5

SEGFORMER_B5 = mit_b5("segformer")


@dataclass(frozen=True)
class Row:
    """One row of the ablation.

    Attributes:
        summary: what it adds.
        method: how it trains.
        network: SegFormer MiT-B5 unless it says otherwise.
        sampler: of the source; None = every image once an epoch.
    """

    summary: str
    method: MethodSpec
    network: NetworkSpec = SEGFORMER_B5
    sampler: SamplerSpec | None = None


def feature_distance(**options: Any) -> MethodSpec:
    """DACS with the distance to ImageNet features, before the EMA and the ignored rows of the final setting."""
    return MethodSpec.of("daformer", **{**dacs().options, "lambda_fd": 0.005, "fd_min_ratio": 0.75, **options})


def daformer_method(name: str = "daformer", **options: Any) -> MethodSpec:
    """The final training step, or that of ``name``, a method with it as host."""
    return replace(feature_distance(alpha=0.999, **options), name=name)


def decoder(fusion: str) -> NetworkSpec:
    """DAFormer's decoder with another fusion, on MiT-B5."""
    return replace(mit_b5("daformer"), decoder=DecoderSpec.of("daformer", fusion=fusion))


def mit(variant: str) -> NetworkSpec:
    """DAFormer's decoder on a smaller MiT with SegFormer's ImageNet weights."""
    return replace(mit_b5("daformer"), encoder=EncoderSpec(variant), weights=WeightsSpec(f"{variant}.pth"))


RARE = rare_classes()
STRATEGIES = {
    "rcs-uniform": Row(f"DACS + RCS with uniform classes, {SEGFORMER}.", dacs(), sampler=rare_classes(inf)),
    "rcs": Row(f"DACS + RCS, {SEGFORMER}.", dacs(), sampler=RARE),
    "fd-everywhere": Row(f"DACS + feature distance everywhere, {SEGFORMER}.", feature_distance(fd_everywhere=True)),
    "fd": Row(f"DACS + feature distance on things, {SEGFORMER}.", feature_distance()),
    "fd-rcs": Row(f"DACS + RCS + feature distance on things, {SEGFORMER}.", feature_distance(), sampler=RARE),
}
FUSIONS = {
    "conv1": "fuses by a 1x1 convolution (SegFormer's with 256 channels)",
    "aspp": "fuses by an ordinary ASPP",
    "isa": "fuses by interlaced sparse self-attention",
    "sepaspp_bottleneck": "has context on the coarsest level only",
}


def final_rows(pair: Pair) -> dict[str, Row]:
    """Rows with all strategies, ignored rows and EMA 0.999; by recipe name."""
    method, ablation = daformer_method(**pair.ignored_rows), "daformer-ablation"
    rows = {
        f"{ablation}-strategies": Row(f"all of DAFormer's strategies, {SEGFORMER}.", method),
        f"{ablation}-deeplabv2": Row(f"all of DAFormer's strategies, {DEEPLAB}.", method, deeplabv2()),
    }
    for fusion, title in FUSIONS.items():
        rows[f"{ablation}-{fusion}"] = Row(f"DAFormer with a decoder that {title}.", method, decoder(fusion))
    rows["daformer"] = Row("DAFormer on MiT-B5.", method, mit_b5("daformer"))
    for variant in ("mit_b3", "mit_b4"):
        title = variant.upper().replace("MIT_", "MiT-")
        rows[f"daformer-{variant}"] = Row(f"DAFormer on {title}.", method, mit(variant))
    return {name: replace(row, sampler=RARE) for name, row in rows.items()}


def oracle(name: str, title: str, network: NetworkSpec) -> Recipe:
    """Supervised training on the labels of Cityscapes, at half resolution."""
    base = daformer_setting("gta", name, "", network)
    stream: StreamSpec = replace(labelled_stream("cityscapes", (512, 1024)), name="target")
    recipe = replace(
        base,
        name=f"cityscapes/oracle-{name}",
        summary=f"Cityscapes with labels, {title}: the upper reference of its adaptation (without the photometric "
        "distortion of the published training).",
        streams=(stream,),
        method=MethodSpec.of("supervised", loss="official", stream="target"),
        published=numbers(f"cityscapes/oracle-{name}"),
    )
    return replace(recipe, presets=small_presets(recipe))


def _register(pair: Pair, name: str, row: Row) -> None:
    register(self_training(pair, name, row.summary, row.network, row.method, sampler=row.sampler))


for _pair in SYNTHETIC:
    for _name, _row in STRATEGIES.items():
        _register(_pair, f"daformer-ablation-{_name}", _row)
    for _name, _row in final_rows(_pair).items():
        _register(_pair, _name, _row)
for _pair in ADVERSE:
    _register(_pair, "daformer", final_rows(_pair)["daformer"])

register(oracle("deeplabv2", DEEPLAB, deeplabv2()))
register(oracle("segformer-mit_b5", SEGFORMER, mit_b5("segformer")))
register(oracle("daformer", "DAFormer's network (MiT-B5)", mit_b5("daformer")))
