"""Styles: the domains of the embedded world, as data.

A style is three frozen dataclasses: what stands where (:class:`Layout`), what surfaces look like (:class:`Surface`) and
what the air and the camera do to the light (:class:`Photo`). Define another by changing fields of one that exists:

>>> from dataclasses import replace
>>> base = STYLES.get("target")
>>> dusk = replace(base, name="dusk", photo=replace(base.photo, exposure=(0.5, 0.7), cast=(1.1, 1.0, 0.85)))
>>> if "dusk" not in STYLES:
...     _ = STYLES.add("dusk", dusk)
>>> "dusk" in style_names()
True
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

from udalib.core.registry import Registry

Range = tuple[float, float]


@dataclass(frozen=True)
class Layout:
    """Geometry of a style. Two styles with the same layout show the same scenes.

    Attributes:
        kit: shapes to build with, see :func:`udalib.world.kit.kit_names`.
        stream: name of the random stream; styles that share it (and the rest) share their scenes.
        focal, centre, horizon: lens, as parts of the width, width and height.
        height: of the camera in metres.
        lane, parking, sidewalk: widths in metres.
        house_height, house_length, setback: metres.
        sides: relative frequency of (house, wall, fence, hedge, gap) along the street.
        traffic: mean objects a scene, by kind.
        scale: sizes of people, signs and trees relative to the kit's.
    """

    kit: str = "game"
    stream: str = "source"
    focal: Range = (0.66, 0.80)
    centre: Range = (0.42, 0.58)
    horizon: Range = (0.40, 0.53)
    height: Range = (1.5, 2.1)
    lane: Range = (3.3, 3.8)
    parking: Range = (2.1, 2.5)
    sidewalk: Range = (2.4, 3.8)
    house_height: Range = (7.0, 15.0)
    house_length: Range = (8.0, 18.0)
    setback: Range = (0.0, 2.0)
    sides: tuple[float, float, float, float, float] = (0.62, 0.10, 0.10, 0.06, 0.12)
    traffic: tuple[tuple[str, float], ...] = (
        ("car", 4.0),
        ("truck", 0.3),
        ("bus", 0.2),
        ("train", 0.12),
        ("person", 2.2),
        ("rider", 0.35),
        ("motorcycle", 0.3),
        ("bicycle", 0.25),
        ("light", 0.6),
        ("sign", 0.7),
        ("tree", 3.0),
        ("lamp", 1.6),
        ("bush", 0.6),
    )
    scale: float = 1.0


@dataclass(frozen=True)
class Surface:
    """Look of surfaces.

    Attributes:
        palette: 0 for the colours of the game, 1 for those of the photograph, between them a mixture: the knob that
            decides how hard the domain gap is.
        texture: strength of the surface textures, 0 for none.
        spread: brightness of equal things differs by up to this part.
        sun: share of the light that comes from one direction.
    """

    palette: float = 0.0
    texture: float = 0.0
    spread: float = 0.06
    sun: float = 0.5


@dataclass(frozen=True)
class Photo:
    """Air, light and camera.

    Attributes:
        haze: extinction in 1 / metre; ``haze_colour`` is what distance fades to.
        exposure: range of a factor on all channels; ``cast`` multiplies the channels, ``cast_spread`` varies it.
        gamma: range of the exponent of the tone curve.
        patches: strength of soft uneven light.
        blur: passes of a 3 x 3 binomial filter, a part of a pass mixes.
        noise: standard deviation of sensor noise on the 0..1 scale.
        night: 0 by day, 1 for lamps and headlights only.
        rain: 0 dry, 1 wet road and streaks.
    """

    haze: float = 0.0
    haze_colour: tuple[float, float, float] = (200.0, 204.0, 208.0)
    exposure: Range = (1.0, 1.0)
    cast: tuple[float, float, float] = (1.0, 1.0, 1.0)
    cast_spread: float = 0.0
    gamma: Range = (1.0, 1.0)
    patches: float = 0.0
    blur: float = 0.0
    noise: float = 0.0
    night: float = 0.0
    rain: float = 0.0


@dataclass(frozen=True)
class Style:
    """A domain of the embedded world."""

    name: str
    layout: Layout = field(default_factory=Layout)
    surface: Surface = field(default_factory=Surface)
    photo: Photo = field(default_factory=Photo)

    def recipe(self) -> str:
        """Every field but the name, as text: equal recipes draw equal pictures."""
        values = asdict(self)
        del values["name"]
        return repr(values)


STYLES: Registry[Style] = Registry("style")

_PHOTO_LAYOUT = Layout(
    kit="photo",
    stream="target",
    horizon=(0.34, 0.46),
    focal=(0.52, 0.64),
    height=(1.2, 1.7),
    lane=(2.8, 3.3),
    parking=(1.9, 2.2),
    sidewalk=(1.8, 3.2),
    house_height=(8.0, 17.0),
    house_length=(6.0, 13.0),
    setback=(0.0, 1.0),
    sides=(0.58, 0.12, 0.12, 0.08, 0.10),
    traffic=(
        ("car", 3.4),
        ("truck", 0.25),
        ("bus", 0.2),
        ("train", 0.14),
        ("person", 3.0),
        ("rider", 0.5),
        ("motorcycle", 0.3),
        ("bicycle", 0.5),
        ("light", 0.8),
        ("sign", 1.1),
        ("tree", 3.5),
        ("lamp", 1.6),
        ("bush", 0.8),
    ),
)
_PHOTO_SURFACE = Surface(palette=0.25, texture=1.4, spread=0.14, sun=0.35)
_DAYLIGHT = Photo(
    haze=0.004, exposure=(0.92, 1.08), cast_spread=0.02, gamma=(0.95, 1.1), patches=0.12, blur=0.5, noise=0.012
)


def _define(name: str, photo: Photo) -> None:
    STYLES.add(name, Style(name, _PHOTO_LAYOUT, _PHOTO_SURFACE, photo))


STYLES.add("source", Style("source"))
# Two more looks of the game, with scenes of their own: further sources for domain generalisation.
STYLES.add(
    "evening",
    Style(
        "evening",
        Layout(stream="evening"),
        Surface(texture=0.4, spread=0.1, sun=0.75),
        Photo(exposure=(0.7, 0.95), cast=(1.14, 1.0, 0.82), cast_spread=0.03, gamma=(1.0, 1.15), noise=0.006),
    ),
)
STYLES.add(
    "overcast",
    Style(
        "overcast",
        Layout(stream="overcast"),
        Surface(palette=0.4, texture=0.8, spread=0.1, sun=0.15),
        Photo(haze=0.012, exposure=(0.9, 1.08), cast=(0.95, 1.0, 1.05), patches=0.1, blur=0.3, noise=0.01),
    ),
)
_define("target", _DAYLIGHT)
_define(
    "night",
    Photo(
        haze=0.006,
        haze_colour=(24.0, 26.0, 36.0),
        exposure=(0.9, 1.1),
        cast=(0.95, 0.98, 1.12),
        patches=0.1,
        blur=0.9,
        noise=0.025,
        night=1.0,
    ),
)
_define("fog", Photo(haze=0.055, exposure=(0.92, 1.05), patches=0.06, blur=1.0, noise=0.01))
_define(
    "rain",
    Photo(
        haze=0.014,
        haze_colour=(150.0, 156.0, 164.0),
        exposure=(0.72, 0.86),
        cast=(0.95, 1.0, 1.05),
        patches=0.08,
        blur=1.0,
        noise=0.015,
        rain=1.0,
    ),
)


def style_names() -> list[str]:
    """Names of the styles that are registered."""
    return STYLES.names()
