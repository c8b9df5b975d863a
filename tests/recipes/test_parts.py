"""Options of parts whose constructors pass the rest on: those of all bases, with types, defaults and errors."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from udalib.core.errors import ConfigError, UnknownNameError
from udalib.recipes.spec.overrides import apply_overrides
from udalib.recipes.spec.parts import option_types, parameters_of
from udalib.recipes.spec.specs import MethodSpec

OWN = {
    "dacs": {"alpha", "threshold", "weighting", "mix", "official", "predict_with", "ignore_top"},
    "daformer": {"lambda_fd", "fd_classes", "fd_min_ratio", "fd_everywhere"},
    "hrda": {"detail_weight"},
    "mic": {"mask_block", "mask_ratio", "lambda_mask", "mask_domains", "mask_augment", "mask_alpha", "mask_confidence"},
}
HOSTS = {
    "dacs": ("dacs",),
    "daformer": ("dacs", "daformer"),
    "hrda": ("dacs", "daformer", "hrda"),
    "mic": ("dacs", "daformer", "mic"),
    "mic-hrda": ("dacs", "daformer", "hrda", "mic"),
}


class Base:
    def __init__(self, given: int, *, depth: int = 1, mode: Literal["a", "b"] = "a") -> None: ...


class Middle(Base):
    def __init__(self, given: int, *, depth: int = 2, width: float = 0.5, **host: Any) -> None: ...


class Silent(Middle):
    """Has no constructor of its own."""


class Mixin:
    def __init__(self, given: int, *, extra: bool = False, **host: Any) -> None: ...


class Both(Mixin, Silent): ...


class Open:
    def __init__(self, given: int, **anything: Any) -> None: ...


def test_keywords_of_all_bases_in_the_order_of_the_calls():
    assert option_types(Both) == {"given": int, "extra": bool, "depth": int, "width": float, "mode": Literal["a", "b"]}
    parameters = parameters_of(Both)
    assert parameters is not None
    assert parameters["depth"][0].default == 2  # the nearest class that names it
    assert parameters_of(Base).keys() == {"given", "depth", "mode"}


def test_what_takes_any_keyword_has_no_list():
    assert parameters_of(Open) is None
    assert parameters_of(lambda **options: None) is None
    assert option_types(lambda depth=1: None).keys() == {"depth"}


@pytest.mark.parametrize("name", HOSTS)
def test_a_method_has_its_hosts_options(name):
    accepted = MethodSpec.of(name).accepted()
    assert accepted is not None
    for part, options in OWN.items():
        assert options <= accepted.keys() if part in HOSTS[name] else not options & accepted.keys()
    assert not {"network", "optimizer", "num_classes", "host", "self"} & accepted.keys()
    assert MethodSpec.of(name).defaults()["alpha"] == (0.99 if name == "dacs" else 0.999)


@pytest.mark.parametrize(
    ("option", "text", "value"),
    [
        ("alpha", "0.9", 0.9),
        ("threshold", "none", None),
        ("threshold", "0.5", 0.5),
        ("mix", "none", "none"),
        ("mix", "cow", "cow"),
        ("weighting", "pixel", "pixel"),
        ("official", "yes", True),
        ("ignore_top", "15", 15),
        ("fd_classes", "6,7", (6, 7)),
        ("fd_everywhere", "on", True),
        ("lambda_fd", "0", 0.0),
        ("detail_weight", "0.2", 0.2),
        ("mask_block", "32", 32),
        ("mask_alpha", "none", None),
        ("mask_alpha", "0", 0.0),
        ("mask_domains", "both", "both"),
        ("mask_confidence", "off", False),
    ],
)
def test_set_reaches_the_options_of_every_class(option, text, value):
    spec = apply_overrides(MethodSpec.of("mic-hrda"), {option: text})
    assert spec.options == {option: value}
    assert type(spec.options[option]) is type(value)
    spec.check_options()


@pytest.mark.parametrize(
    ("name", "option", "near"),
    [
        ("mic-hrda", "mask_raito", "mask_ratio"),
        ("mic-hrda", "lambda_fdd", "lambda_fd"),
        ("mic", "treshold", "threshold"),
        ("hrda", "detail_wight", "detail_weight"),
        ("daformer", "jiter_strength", "jitter_strength"),
    ],
)
def test_an_unknown_option_names_the_right_ones_of_any_class(name, option, near):
    with pytest.raises(UnknownNameError, match=f"unknown option of '{name}' '{option}'. Did you mean: .*{near}"):
        MethodSpec.of(name, **{option: 1}).check_options()
    with pytest.raises(UnknownNameError, match=f"unknown parameter '{option}'. Did you mean: .*{near}"):
        apply_overrides(MethodSpec.of(name), {option: "1"})


@pytest.mark.parametrize(
    ("name", "option"), [("dacs", "lambda_fd"), ("daformer", "mask_ratio"), ("mic", "detail_weight")]
)
def test_an_option_of_another_method_is_unknown(name, option):
    with pytest.raises(UnknownNameError, match=f"unknown option of '{name}' '{option}'"):
        MethodSpec.of(name, **{option: 1}).check_options()


@pytest.mark.parametrize(("option", "text"), [("mix", "blend"), ("mask_domains", "all"), ("mask_block", "big")])
def test_a_wrong_value_is_refused_where_it_is_set(option, text):
    with pytest.raises(ConfigError, match=option):
        apply_overrides(MethodSpec.of("mic"), {option: text})
