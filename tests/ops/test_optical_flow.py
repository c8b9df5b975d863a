"""Lucas-Kanade on pictures whose motion is known."""

import pytest
import torch

from udalib.core.errors import ConfigError
from udalib.ops.optical_flow import LucasKanade
from udalib.world import StreetClips


def test_a_shifted_texture_is_found():
    noise = torch.rand(1, 3, 64, 80, generator=torch.Generator().manual_seed(0))
    texture = (torch.nn.functional.avg_pool2d(noise, 5, stride=1, padding=2) - 0.5) * 5 + 0.5
    first, second = texture[..., 8:56, 8:72], texture[..., 6:54, 11:75]  # a point of the first lies 3 left, 2 lower
    flow = LucasKanade()(first, second)
    inner = flow[..., 8:-8, 8:-8]
    want = torch.tensor([-3.0, 2.0]).view(1, 2, 1, 1)
    assert (inner - want).norm(dim=1).median() < 0.1


def test_it_halves_the_error_of_standing_still_on_the_streets():
    clips = StreetClips("target", length=4, size=(64, 128), cache=False, frames=2)
    samples = [clips[i] for i in range(4)]
    frames = torch.stack([s["frames"] for s in samples]).float() / 255
    exact = torch.cat([s["flow_backward"] for s in samples])
    error = (LucasKanade()(frames[:, 1], frames[:, 0]) - exact).norm(dim=1)
    assert error.median() < 0.5 * exact.norm(dim=1).median()


def test_plain_surfaces_stand_still():
    flow = LucasKanade()(torch.full((1, 3, 32, 32), 0.5), torch.full((1, 3, 32, 32), 0.5))
    assert torch.equal(flow, torch.zeros(1, 2, 32, 32))


@pytest.mark.parametrize("options", [{"radius": 0}, {"iterations": 0}, {"stiffness": -1}])
def test_what_is_refused(options):
    with pytest.raises(ConfigError, match="radius and iterations are at least 1"):
        LucasKanade(**options)
