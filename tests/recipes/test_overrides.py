"""Dotted overrides: what they reach, how text becomes a value, and what a wrong one says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from udalib.core.errors import ConfigError, UnknownNameError
from udalib.recipes.spec.options import Options
from udalib.recipes.spec.overrides import apply_overrides, as_typed, convert, parameter_paths, parse_assignments
from udalib.recipes.spec.parts import Part
from udalib.recipes.spec.serialise import difference, fingerprint, flatten, from_plain, to_plain


def _blur(sigma: float = 1.0, size: tuple[int, int] = (3, 3), mode: Literal["same", "valid"] = "same") -> str:
    return f"{sigma} {size} {mode}"


@dataclass(frozen=True)
class _Blur(Part):
    def factory(self) -> Callable[..., Any]:
        return _blur


@dataclass(frozen=True)
class _Data:
    name: str
    batch_size: int = 8
    transforms: tuple[_Blur, ...] = ()


@dataclass(frozen=True)
class _Spec:
    lr: float = 0.1
    total: int | None = None
    amp: bool = True
    betas: tuple[float, float] = (0.9, 0.99)
    subsets: tuple[str, ...] = ()
    streams: tuple[_Data, ...] = (_Data("source", transforms=(_Blur.of("blur", sigma=2.0),)), _Data("target"))
    extra: Options = field(default_factory=Options)


@pytest.mark.parametrize(
    ("path", "text", "value"),
    [
        ("lr", "1e-3", 1e-3),
        ("lr", "2", 2.0),
        ("total", "20", 20),
        ("total", "none", None),
        ("amp", "no", False),
        ("betas", "0.8,0.9", (0.8, 0.9)),
        ("betas", "[0.8, 0.9]", (0.8, 0.9)),
        ("subsets", "thirteen,sixteen", ("thirteen", "sixteen")),
    ],
)
def test_text_becomes_the_declared_type(path: str, text: str, value: object) -> None:
    new = getattr(apply_overrides(_Spec(), {path: text}), path)
    assert new == value
    assert type(new) is type(value)


def test_items_of_a_tuple_go_by_name_or_position() -> None:
    spec = apply_overrides(_Spec(), {"streams.target.batch_size": "4", "streams.0.batch_size": 2})
    assert [stream.batch_size for stream in spec.streams] == [2, 4]


def test_an_option_is_typed_by_its_factory() -> None:
    spec = apply_overrides(_Spec(), {"streams.source.transforms.blur.sigma": "3", "streams.0.transforms.0.size": "5,5"})
    blur = spec.streams[0].transforms[0]
    assert blur.options == {"sigma": 3.0, "size": (5, 5)}
    assert blur.build() == "3.0 (5, 5) same"


def test_the_original_is_untouched_and_frozen() -> None:
    spec = _Spec()
    apply_overrides(spec, {"lr": 5, "streams.source.batch_size": 1})
    assert spec == _Spec()
    with pytest.raises(AttributeError):
        spec.lr = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("path", "near"),
    [
        ("lrr", "lr"),
        ("batch_size", "streams.source.batch_size, streams.target.batch_size"),
        ("streams.sorce.batch_size", "streams.source.batch_size"),
        ("streams.source.transforms.blur.sigme", "streams.source.transforms.blur.sigma"),
        ("lr.x", "lr"),
    ],
)
def test_an_unknown_parameter_lists_the_nearest(path: str, near: str) -> None:
    with pytest.raises(UnknownNameError, match=f"unknown parameter '{path}'. Did you mean: .*{near}"):
        apply_overrides(_Spec(), {path: "1"})


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("lr", "fast", "lr must be float, got 'fast'"),
        ("total", "1.5", "total must be int | None, got '1.5'"),
        ("total", True, "total must be int | None, got True"),
        ("amp", "maybe", "amp must be bool, got 'maybe'"),
        ("betas", "0.9", "betas must be tuple"),
        ("betas", 3, "betas must be tuple"),
        ("streams.source.transforms.blur.mode", "full", "unknown value of .*mode 'full'"),
        ("streams", "many", "streams"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused(path: str, value: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        apply_overrides(_Spec(), {path: value})


def test_assignments_are_split_at_the_first_equals_sign() -> None:
    assert parse_assignments(["a.b=c=d", " x = 1 "]) == {"a.b": "c=d", "x": "1"}
    with pytest.raises(ConfigError, match="written key=value, got 'iterations'"):
        parse_assignments(["iterations"])


def test_parameter_paths_name_options_that_are_not_set_yet() -> None:
    assert "streams.source.transforms.blur.mode" in parameter_paths(_Spec())


def test_an_unknown_option_fails_when_the_part_is_built() -> None:
    with pytest.raises(UnknownNameError, match="unknown option of 'blur' 'sigme'. Did you mean: sigma"):
        _Blur.of("blur", sigme=1.0).build()


def test_plain_values_come_back_equal() -> None:
    spec = apply_overrides(_Spec(extra=Options(a=[1, {"b": 2}])), {"streams.target.batch_size": 3})
    back = from_plain(_Spec, to_plain(spec))
    assert back == spec
    assert fingerprint(back) == fingerprint(spec) != fingerprint(_Spec())
    assert hash(back) == hash(spec)


def test_an_absent_field_takes_its_default_and_an_unknown_one_is_an_error() -> None:
    plain = to_plain(_Spec())
    del plain["amp"]
    assert from_plain(_Spec, plain) == _Spec()
    with pytest.raises(UnknownNameError, match="unknown field of value 'ampp'"):
        from_plain(_Spec, {"ampp": True})


def test_the_difference_names_paths_with_both_values() -> None:
    new = apply_overrides(_Spec(), {"lr": 0.2, "streams.source.transforms.blur.size": "5,5"})
    assert difference(_Spec(), new) == {
        "lr": (0.1, 0.2),
        "streams.source.transforms.blur.options.size": (None, [5, 5]),
    }
    assert "streams.target.batch_size" in flatten(new)


def test_a_value_json_cannot_hold_is_refused() -> None:
    with pytest.raises(ConfigError, match="could not be written to run.json"):
        to_plain(_Spec(extra=Options(device=object())))


def test_text_without_a_declared_type_is_read_as_json() -> None:
    assert convert("[1, 2]", Any, "x") == (1, 2)
    assert convert("plain", Any, "x") == "plain"


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        ((64, 128), tuple[int, int]),
        ((), tuple[int, ...]),
        (((1, 2), (3, 4)), tuple[tuple[int, int], ...]),
        (None, int | None),
        (True, bool),
        (1e-5, float),
        ("class", str),
        (("miou16", "miou13"), tuple[str, ...]),
        (Options(a=1, b=(2, 3)), Options),
    ],
)
def test_a_value_survives_being_typed(value: Any, hint: Any) -> None:
    assert convert(as_typed(value), hint, "x") == value


def test_a_record_that_lacks_a_field_says_which() -> None:
    with pytest.raises(ConfigError, match="data lacks name; it was written by another version"):
        from_plain(_Data, {"batch_size": 2}, "data")
