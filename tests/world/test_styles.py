from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
import torch

from udalib.core.errors import ConfigError, UnknownNameError
from udalib.world import STYLES, render, style_names
from udalib.world.drawing.palette import ROLES, rows, table
from udalib.world.drawing.textures import TEXTURES, bank
from udalib.world.kit import kit

SIZE = (48, 96)


def test_the_five_styles_are_there():
    assert {"source", "target", "night", "fog", "rain"} <= set(style_names())


def test_a_style_of_ones_own(monkeypatch):
    monkeypatch.setattr(STYLES, "_values", dict(STYLES._values))
    target = STYLES.get("target")
    STYLES.add("haze", replace(target, name="haze", photo=replace(target.photo, haze=0.03)))
    assert "haze" in style_names()
    hazy, clear = render(1, "haze", size=SIZE), render(1, "target", size=SIZE)
    assert torch.equal(hazy["label"], clear["label"])
    assert hazy["image"].float().std() < clear["image"].float().std()
    with pytest.raises(ConfigError, match="registered already"):
        STYLES.add("haze", replace(target, name="haze"))


def test_styles_are_frozen():
    with pytest.raises(FrozenInstanceError):
        STYLES.get("source").name = "other"


@pytest.mark.parametrize("change", [{"palette": 0.0}, {"texture": 0.0}, {"palette": 1.0}])
def test_surface_knobs_change_the_picture_only(change):
    target = STYLES.get("target")
    other = replace(target, surface=replace(target.surface, **change))
    a, b = render(4, target, size=SIZE), render(4, other, size=SIZE)
    assert torch.equal(a["label"], b["label"])
    assert (a["image"].float() - b["image"].float()).abs().mean() > 1.0


def test_palette_mixes_from_one_look_to_the_other():
    game, photo, middle = table(0.0), table(1.0), table(0.5)
    assert np.allclose(middle, 0.5 * (game + photo))
    assert np.abs(game - photo).mean() > 20
    assert sum(len(numbers) for numbers in rows().values()) == len(game)


@pytest.mark.parametrize("name", ["game", "photo"])
def test_kits_use_known_roles_and_textures(name):
    shapes = kit(name)
    for field in shapes.__dataclass_fields__:
        for shape in getattr(shapes, field):
            assert set(shape.roles) <= set(ROLES)
            assert set(shape.texture) <= set(TEXTURES)
            assert shape.counts.min() >= 3
            assert shape.owners in (0, 1, 2)


def test_unknown_kit_is_named():
    with pytest.raises(UnknownNameError, match="unknown kit of shapes 'phot'. Did you mean: photo"):
        kit("phot")


def test_textures_are_bounded():
    masks, photo, grains = bank()
    assert min(masks.min(), photo.min()) >= 0.0
    assert max(masks.max(), photo.max()) <= 1.0
    assert np.abs(grains).max() < 2.0
