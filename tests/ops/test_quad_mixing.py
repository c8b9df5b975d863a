"""The four pastes on images and clips: who wins where, what is learned, what is left out."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from udalib.core.errors import ConfigError
from udalib.ops.clips import Clip, check_clip, cut, image_clip, paste
from udalib.ops.quad_mixing import (
    Patches,
    Paths,
    Template,
    choose_some,
    class_template,
    paste_patches,
    positions_in_list,
    quad_mix,
)

SIZE = (4, 6)


def clip(value, length=2, batch=2):
    """A clip that is ``value`` everywhere: frames, labels, weight and flow."""
    frames = torch.full((batch, length, 3, *SIZE), float(value))
    labels = torch.full((batch, length, *SIZE), value)
    flow = torch.full((batch, length - 1, 2, *SIZE), float(value)) if length > 1 else None
    return Clip(frames, labels, torch.full((batch, *SIZE), value / 100), flow)


def rows(*chosen, length=2, batch=2):
    """A mask of whole rows, alike in every frame."""
    mask = torch.zeros(batch, length, *SIZE, dtype=torch.bool)
    mask[..., list(chosen), :] = True
    return mask


def mixed(length=2, **options):
    """Source 1 and target 2, templates 3 (rows 0, 1) and 4 (rows 1, 2)."""
    templates = (
        Template(clip(3, length), rows(0, 1, length=length)),
        Template(clip(4, length), rows(1, 2, length=length)),
    )
    return quad_mix(clip(1, length), clip(2, length), *templates, **options)


def by_row(each):
    """Values of the first clip, by row; they are the same in all of its parts."""
    values = each.labels[0, -1, :, 0].tolist()
    assert each.frames[0, -1, 0, :, 0].tolist() == values
    assert (each.weight[0, :, 0] * 100).round().tolist() == values
    assert each.flow is None or each.flow[0, 0, 0, :, 0].tolist() == values
    return values


@pytest.mark.parametrize("length", [1, 2, 3])
def test_the_target_template_lies_over_the_source_s(length):
    result = mixed(length)
    assert by_row(result.ss) == [3, 3, 1, 1]
    assert by_row(result.st) == [3, 3, 2, 2]
    assert by_row(result.tss) == [3, 4, 4, 1]
    assert by_row(result.tst) == [3, 4, 4, 2]
    assert result.pasted[0, :, 0].tolist() == [True, True, True, False]


@pytest.mark.parametrize(
    ("path", "tss", "tst"),
    [
        ("source_to_source", [1, 4, 4, 1], [3, 4, 4, 2]),
        ("target_to_target", [3, 4, 4, 1], [3, 3, 2, 2]),
        ("target_to_source", [3, 3, 1, 1], [3, 4, 4, 2]),
        ("source_to_target", [3, 4, 4, 1], [2, 4, 4, 2]),
    ],
)
def test_each_path_is_one_paste(path, tss, tst):
    result = mixed(paths=Paths(**{path: False}))
    assert (by_row(result.tss), by_row(result.tst)) == (tss, tst)
    shared = [False, True, True, False] if path.startswith("source") else [True, True, False, False]
    assert result.pasted[0, :, 0].tolist() == shared


def test_without_templates_nothing_changes():
    empty = Template(clip(3), rows()), Template(clip(4), rows())
    result = quad_mix(clip(1), clip(2), *empty)
    assert (by_row(result.tss), by_row(result.tst)) == ([1] * 4, [2] * 4)
    assert not result.pasted.any()


def patches(*classes):
    """Patch i shows class 5 + i in row i and 0 elsewhere."""
    labels = torch.zeros(2, len(classes), *SIZE, dtype=torch.int64)
    for i in range(len(classes)):
        labels[:, i, i] = 5 + i
    return Patches(labels[:, :, None].expand(-1, -1, 3, -1, -1).float(), labels, torch.tensor(classes).expand(2, -1))


def test_patches_lie_over_templates_of_images_and_under_those_of_clips():
    both = (patches(5, 6), patches(5, 6))
    over = mixed(patches=both)
    assert over.tss.labels[0, -1, :, 0].tolist() == [5, 6, 4, 1]
    assert over.tss.labels[0, 0, :, 0].tolist() == [5, 6, 4, 1]  # a patch stands still
    under = mixed(patches=both, patches_on_top=False)
    assert under.tss.labels[0, -1, :, 0].tolist() == [5, 4, 4, 1]
    assert under.ss.labels[0, -1, :, 0].tolist() == [5, 6, 1, 1]
    for result in (over, under):
        assert result.patched[0, :, 0].tolist() == [1, 1, 0, 0]
        assert (result.tss.weight[0, :, 0] * 100).round().tolist() == [3, 4, 4, 1]  # weights are the templates'
        assert result.tss.flow[0, 0, 0, :, 0].tolist() == [3, 4, 4, 1]  # and so is the flow


def test_a_patch_without_its_class_pastes_nothing_and_overlaps_are_counted():
    assert torch.equal(paste_patches(clip(1), patches(-1, -1)).labels, clip(1).labels)
    twice = patches(5, 6)
    twice.labels[:, 1, 0] = 6
    result = mixed(patches=(twice, twice))
    assert result.patched[0, :, 0].tolist() == [2, 1, 0, 0]
    assert result.tss.labels[0, -1, 0, 0] == 6  # the later one wins


def test_a_flow_goes_with_the_frame_whose_grid_it_lies_on():
    mask = torch.stack([rows(0, length=1), rows(3, length=1)], 2)[:, 0]  # row 0 of the first frame, 3 of the second
    assert paste(mask, clip(1), clip(2)).flow[0, 0, 0, :, 0].tolist() == [2, 2, 2, 1]
    assert paste(mask, clip(1), clip(2), official=True).flow[0, 0, 0, :, 0].tolist() == [1, 2, 2, 2]


def test_clips_of_unlike_shapes_are_refused():
    with pytest.raises(ConfigError, match="give both streams one batch size, one length and one crop"):
        paste(rows(0), clip(1), clip(2, batch=1))
    with pytest.raises(ConfigError, match="a multiple of their batch size"):
        paste_patches(clip(1, batch=4), patches(5))
    with pytest.raises(ConfigError, match="flow of clips .* is missing"):
        check_clip(clip(1)._replace(flow=None))
    with pytest.raises(ConfigError, match=r"labels of clips .* has shape \(2, 1, 4, 6\)"):
        check_clip(clip(1)._replace(labels=clip(1).labels[:, :1]))
    check_clip(clip(1))
    check_clip(image_clip(torch.rand(2, 3, *SIZE), torch.zeros(2, *SIZE, dtype=torch.int64)))


def test_a_window_is_cut_from_everything():
    part = cut(clip(1), 1, 2, (2, 3))
    assert part.size == (2, 3)
    check_clip(part)


@settings(max_examples=30, deadline=None)
@given(st.sets(st.integers(0, 255)), st.integers(0, 5), st.integers(0, 9))
def test_some_of_the_present_ids_are_chosen(ids, count, seed):
    present = torch.zeros(1, 256, dtype=torch.bool)
    present[0, list(ids)] = True
    chosen = choose_some(present, torch.rand(1, 256, generator=torch.Generator().manual_seed(seed)), count)
    assert chosen.sum() == min(count, len(ids))
    assert not (chosen & ~present).any()


def test_every_present_id_is_chosen_in_turn():
    present = torch.zeros(2000, 256, dtype=torch.bool)
    present[:, [3, 8, 255]] = True
    chosen = choose_some(present, torch.rand(2000, 256, generator=torch.Generator().manual_seed(0)), 1)
    assert (chosen[:, [3, 8, 255]].float().mean(0) - 1 / 3).abs().max() < 0.05  # 5 standard deviations


def test_positions_are_those_in_the_sorted_list():
    present, chosen = (torch.zeros(1, 256, dtype=torch.bool) for _ in range(2))
    present[0, [2, 5, 9, 255]] = True
    chosen[0, [5, 255]] = True
    assert positions_in_list(chosen, present)[0].nonzero()[:, 0].tolist() == [1, 3]
    assert not positions_in_list(torch.zeros_like(chosen), present).any()


def test_a_template_shows_chosen_classes_where_they_are_valid():
    base = clip(7)
    chosen = torch.zeros(2, 256, dtype=torch.bool)
    chosen[0, 7] = True
    template = class_template(base, chosen, rows(1))
    assert template.mask[0].any(-1).tolist() == [[False, True, False, False]] * 2
    assert not template.mask[1].any()
    assert class_template(base, chosen).mask[0].all()
