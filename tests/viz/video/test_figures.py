"""What travels along a flow: composed steps, hidden pixels, shares, pictures of them, loops, mixed flows."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from udalib.core.errors import ConfigError, UnknownNameError
from udalib.data.labels import label_space
from udalib.ops.centroids import class_centroids, temporal_weights
from udalib.ops.clips import Clip
from udalib.ops.quad_mixing import Template, quad_mix
from udalib.viz.theme import new_figure
from udalib.viz.video import (
    Motion,
    aggregated,
    aggregation_figure,
    animate,
    between,
    blinking_frames,
    carried_figure,
    carried_wrong,
    carry,
    end_point_error,
    foreign_flow,
    mixed_flow_figure,
    pair_scores,
    spoiled,
    travelling_labels,
    view_clip,
)

SPACE = label_space("cityscapes19")
HEIGHT, WIDTH, LENGTH = 16, 32, 5


def sliding(step=2, length=LENGTH):
    """A clip whose picture moves ``step`` pixels to the right each frame, with its flow; the new columns are sky."""
    wide = torch.zeros(HEIGHT, WIDTH, dtype=torch.uint8)
    wide[:, 8:16], wide[:8, 20:] = 13, 2
    labels = torch.full((length, HEIGHT, WIDTH), 10, dtype=torch.uint8)
    for t in range(length):
        labels[t, :, step * t :] = wide[:, : WIDTH - step * t]
    flow = torch.zeros(length - 1, 2, HEIGHT, WIDTH)
    flow[:, 0] = step
    frames = (labels * 10)[:, None].expand(-1, 3, -1, -1)
    return {"frames": frames, "frame_labels": labels, "flow_backward": -flow, "flow_forward": flow}


@pytest.fixture(scope="module")
def clip():
    return view_clip(sliding())


def test_a_clip_has_its_own_flow_an_estimate_and_none(clip):
    assert list(clip.motions) == ["exact", "Lucas-Kanade", "no motion"]
    assert clip.length == LENGTH
    assert clip.frames.dtype == torch.float32
    assert clip.frames.max() <= 1
    assert not clip.motion("no motion").backward.any()
    without = {key: value for key, value in sliding().items() if not key.startswith("flow")}
    assert list(view_clip(without, {}).motions) == ["no motion"]
    with pytest.raises(ConfigError, match="no flow 'raft'; it has exact"):
        clip.motion("raft")


@pytest.mark.parametrize("key", ["frames", "frame_labels"])
def test_a_clip_without_frames_or_labels_is_refused(key):
    sample = sliding()
    with pytest.raises(ConfigError, match="two or more frames and a label for each"):
        view_clip({**sample, key: sample[key][:1]})
    with pytest.raises(ConfigError, match="StreetClips"):
        view_clip({k: v for k, v in sample.items() if k != key})


def test_steps_are_composed_in_both_directions(clip):
    backward, forward = between(clip.motion("exact"), 4, 3)
    assert torch.equal(backward[0, 0], torch.full((HEIGHT, WIDTH), -6.0))
    assert torch.equal(forward[0, 0], torch.full((HEIGHT, WIDTH), 6.0))
    with pytest.raises(ConfigError, match="frame 2 has no frame 3 before it in a clip of 5 frames"):
        between(clip.motion("exact"), 2, 3)
    with pytest.raises(ConfigError, match="1 <= back <= frame"):
        between(clip.motion("exact"), 5, 1)


def test_a_composed_step_is_read_where_the_first_one_ends():
    """Frame 2 to 1 moves by one pixel, frame 1 to 0 only left of the middle, and the other way round."""
    backward, forward = torch.zeros(2, 2, 1, 8), torch.zeros(2, 2, 1, 8)
    backward[1, 0], forward[1, 0] = -1, 1
    backward[0, 0, 0, :4], forward[0, 0, 0, :3] = -1, 1
    found = between(Motion(backward, forward), 2, 2)
    assert found.backward[0, 0, 0].tolist() == pytest.approx([-2, -2, -2, -2, -2, -1, -1, -1], abs=1e-5)
    assert found.forward[0, 0, 0].tolist() == pytest.approx([2, 2, 2, 1, 1, 1, 1, 1], abs=1e-5)


def test_carried_labels_are_right_but_for_what_came_in(clip):
    carried = carry(clip.labels[0], between(clip.motion("exact"), 3, 3))
    assert carried.hidden[:, :6].all()
    assert not carried.hidden[:, 6:].any()
    every, kept = carried.right(clip.labels[3])
    assert kept == 1
    assert every == pytest.approx(1 - 6 / WIDTH)
    assert (carried.kept[:, :6] == 255).all()


def test_a_larger_tolerance_forgives_a_miss():
    label = torch.zeros(4, 4, dtype=torch.long)
    backward, forward = torch.zeros(1, 2, 4, 4), torch.zeros(1, 2, 4, 4)
    forward[0, 1] = 1.0
    assert carry(label, Motion(backward, forward), beta=0.5).hidden.all()
    loose = carry(label, Motion(backward, forward), beta=1.0)
    assert not loose.hidden.any()
    assert torch.equal(loose.miss, torch.ones(4, 4))


def test_unlabelled_pixels_count_in_no_share():
    carried = carry(torch.zeros(2, 2, dtype=torch.long), Motion(*torch.zeros(2, 1, 2, 2, 2)))
    assert carried.right(torch.tensor([[0, 255], [255, 1]])) == (0.5, 0.5)
    assert np.isnan(carried.right(torch.full((2, 2), 255))).all()


def test_the_picture_says_how_far_off_a_flow_is_and_how_much_is_hidden(clip):
    figure = carried_figure(clip, clip.labels, 2, 2, SPACE, title="a clip")
    titles = [axes.get_title() for axes in figure.axes[:8]]
    assert titles[:3] == ["frame 0", "frame 2, arrows to frame 0", "exact: median 4.0 px"]
    assert titles[3] == "there and back, beta 0.5: 12.5 % hidden"
    assert titles[7] == "right: 87.5 %, kept 100.0 %, frame 2's own 100.0 %"
    assert figure.get_suptitle() == "a clip"
    still = carried_figure(clip, clip.labels, 4, 2, SPACE, flow="no motion").axes[2].get_title()
    assert still == "no motion: median 0.0 px"
    estimated = carried_figure(clip, clip.labels, 4, 2, SPACE, flow="Lucas-Kanade").axes[2].get_title()
    exact, other = (between(clip.motion(name), 4, 2).backward for name in ("exact", "Lucas-Kanade"))
    assert estimated.endswith(f"off by {end_point_error(other, exact):.1f}")


def test_end_point_error_is_a_length():
    flow = torch.zeros(3, 2, 4, 4)
    assert end_point_error(flow + torch.tensor([3.0, 4.0]).view(2, 1, 1), flow) == pytest.approx(5)


def test_a_loop_keeps_every_picture_and_loops_for_ever(tmp_path):
    figures = [new_figure(2, 1)[0] for _ in range(3)]
    for shade, figure in enumerate(figures):
        figure.axes[0].set_facecolor(str(shade / 2))
    loop = animate(figures, milliseconds=100, alt='what "moves"')
    assert len(loop.frames) == 3
    middle = [int(frame[40, 120, 0]) for frame in loop.frames]
    assert middle == pytest.approx([0, 127, 255], abs=4)
    loop.save(tmp_path / "new" / "loop.gif")
    with Image.open(tmp_path / "new" / "loop.gif") as file:
        assert (file.n_frames, file.info["loop"], file.info["duration"]) == (3, 0, 100)
    assert loop._repr_html_().startswith('<img src="data:image/gif;base64,R0lGOD')
    assert 'alt="what &quot;moves&quot;"' in loop._repr_html_()


def test_paper_is_white_and_ink_is_black():
    figure, (axes,) = new_figure(2, 1)
    axes.imshow(np.random.default_rng(0).random((8, 8, 3)))
    (picture,) = animate([figure]).frames
    assert picture[0, 0].tolist() == [255, 255, 255]
    assert picture.min() == 0


def test_a_picture_that_stays_is_shown_for_longer():
    figures = [new_figure(2, 1)[0] for _ in range(3)]
    figures[2].axes[0].set_facecolor("black")
    with Image.open(io.BytesIO(animate(figures, milliseconds=100).data)) as file:
        times = []
        for index in range(file.n_frames):
            file.seek(index)
            times.append(file.info["duration"])
    assert times == [200, 100]


def test_a_loop_of_nothing_or_of_unlike_pictures_is_refused():
    for figures, time in (([], 100), ([new_figure(2, 1)[0], new_figure(3, 1)[0]], 100), ([new_figure(2, 1)[0]], 5)):
        with pytest.raises(ConfigError, match="figures of one size and 20 ms or more"):
            animate(figures, milliseconds=time)


def test_travelling_labels_draw_every_frame(clip):
    figures = list(travelling_labels(clip, clip.labels[0], SPACE))
    assert len(figures) == LENGTH
    titles = [figure.axes[1].get_title() for figure in figures]
    assert titles[0] == "labels of frame 0"
    assert titles[-1] == "carried from frame 0: 100.0 % right, 25.0 % lost"
    assert len({figure.get_size_inches()[1] for figure in figures}) == 1


def test_of_two_blinking_frames_the_right_one_stands_still(clip):
    one, other = blinking_frames(clip, 4, 2)
    left, right = ([figure.axes[i].images[0].get_array() for figure in (one, other)] for i in (0, 1))
    assert (left[0] != left[1]).any()
    assert (right[0][:, 4:] == right[1][:, 4:]).all()


def two_clips():
    """A top clip that moves by 4 and a clip below that stands still, of class 13 and 0; masks of both frames."""

    def made(value, u):
        labels = torch.full((1, 2, 8, 16), value)
        flow = torch.zeros(1, 1, 2, 8, 16)
        flow[:, :, 0] = u
        return Clip(torch.full((1, 2, 3, 8, 16), value / 20), labels, torch.ones(1, 8, 16), flow)

    mask = torch.zeros(1, 2, 8, 16, dtype=torch.bool)
    mask[0, 0, :, 2:6], mask[0, 1, :, 6:10] = True, True
    top, below = made(13, -4.0), made(0, 0.0)
    nothing = Template(top, torch.zeros_like(mask))
    ours, official = (quad_mix(below, below, Template(top, mask), nothing, official=flag).tst for flag in (False, True))
    return ours, official, mask[0, 1]


def test_the_previous_frames_mask_gives_the_template_another_flow():
    ours, official, _ = two_clips()
    assert foreign_flow(ours, official) == (0.5, 4.0)
    assert foreign_flow(ours, ours) == (0.0, 0.0)
    assert carried_wrong(ours)[0, 0].nonzero().flatten().tolist() == [2, 3, 4, 5]  # hidden in the previous frame
    wrong = carried_wrong(official)[0, 0].nonzero().flatten().tolist()
    assert wrong == [6, 7, 8, 9]
    assert torch.equal(carried_wrong(official, ours.flow[:, -1]), carried_wrong(ours))
    unknown = ours._replace(labels=torch.full_like(ours.labels, 255))
    assert not carried_wrong(unknown).any()


def test_a_clip_without_flow_is_refused():
    ours, official, _ = two_clips()
    with pytest.raises(ConfigError, match="flow"):
        carried_wrong(ours._replace(flow=None))
    with pytest.raises(ConfigError, match="flow"):
        foreign_flow(ours, official._replace(flow=None))


def test_the_picture_of_a_mixed_flow_names_both_masks():
    ours, official, mask = two_clips()
    titles = [axes.get_title() for axes in mixed_flow_figure(ours, official, mask, SPACE, title="mixed").axes]
    assert titles[3] == "flow by the current frame's mask: 25.0 % carried wrong"
    assert titles[4] == "flow by the previous frame's mask: 25.0 % carried wrong"
    assert titles[5] == "both flows differ in 50.0 % of pixels, by 4.0 px there"


def scores_of(labels, high=8.0):
    return high * torch.nn.functional.one_hot(labels.long(), 19).movedim(-1, 1).float()


def test_pair_scores_are_means_along_the_flow(clip):
    pairs = pair_scores(scores_of(clip.labels), clip.motion("exact"), 4, (1, 3))
    own = scores_of(clip.labels)[4]
    for pair, back in zip(pairs, (1, 3), strict=True):
        assert torch.allclose(pair[0, :, :, 2 * back :], own[:, :, 2 * back :], atol=1e-4)
        assert not torch.allclose(pair[0], own)


def test_faults_are_what_they_are_called(clip):
    scores = scores_of(clip.labels[:1])
    for fault in ("unsure and wrong", "unsure, yet right", "sure, yet wrong"):
        assert torch.equal(spoiled(scores, fault, 0.0), scores)
    flat, noisy, moved = (spoiled(scores, f, 1.0) for f in ("unsure, yet right", "unsure and wrong", "sure, yet wrong"))
    sure = [each.softmax(1).max(1).values.mean() for each in (flat, noisy, moved)]
    right = [(each.argmax(1) == clip.labels[:1]).float().mean() for each in (flat, noisy, moved)]
    assert sure[0] < 0.5
    assert sure[1] < 0.6
    assert sure[2] > 0.95
    assert right[0] == 1
    assert max(right[1:]) < 0.8
    with pytest.raises(UnknownNameError, match="sure, yet wrong"):
        spoiled(scores, "sure yet wrong", 1.0)


def test_the_published_sign_trusts_the_unsure_pair(clip):
    good = scores_of(clip.labels[4:])
    bad = spoiled(good, "unsure and wrong", 1.0)
    wanted = class_centroids(good).vectors[0]
    found = aggregated([good, bad], clip.labels[4], wanted, scale=19)
    assert found.right[0] == 1 > found.right[1]
    assert found.entropy[0] < found.entropy[1]
    assert found.weights["sure"][1] < 0.5 < found.weights["unsure"][1]
    assert found.error["sure"] < found.error["equal"] < found.error["unsure"]
    plain = aggregated([good, bad], clip.labels[4], wanted)
    assert torch.equal(plain.weights["sure"], temporal_weights([good, bad], "sure")[:, 0])
    assert found.weights["sure"][1] < plain.weights["sure"][1]


def test_the_picture_of_the_aggregation_shows_weights_and_present_classes(clip):
    good = scores_of(clip.labels[4:])
    pairs = [good, spoiled(good, "sure, yet wrong", 0.5)]
    found = aggregated(pairs, clip.labels[4], class_centroids(good).vectors[0])
    figure = aggregation_figure(pairs, ["one", "other"], found, SPACE, trust="equal", title="two pairs")
    titles = [axes.get_title() for axes in figure.axes]
    assert titles[0].startswith("one: entropy 0.00")
    assert titles[0].endswith("100.0 % right")
    assert [text.get_text() for text in figure.axes[4].get_yticklabels()] == ["road", "building", "sky", "car"]
    heights = [bar.get_height() for bar in figure.axes[3].patches]
    assert heights == pytest.approx([float(w) for each in found.weights.values() for w in each])
