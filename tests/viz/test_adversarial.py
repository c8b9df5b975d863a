"""Pictures of the adversarial line: checked on what is drawn, its numbers and its error messages."""

import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgb

from udalib import viz
from udalib.analysis import Variant, load_sweep
from udalib.core.errors import ConfigError, DataError
from udalib.data.labels import label_space
from udalib.viz.adversarial import (
    entropy_simplex,
    game_curves,
    output_space,
    sweep_curves,
    sweep_lines,
    verdict,
    verdict_before_after,
)
from udalib.viz.adversarial.simplex import logit_push, simplex_points
from udalib.viz.pictures.uncertainty import GROUPS, precision_recall

SPACE = label_space("cityscapes19")
GREY, DARK = torch.full((3, 64, 128), 0.5), torch.full((3, 64, 128), 0.1)


def texts(figure):
    return [t.get_text() for axes in figure.axes for t in axes.texts]


def titles(figure):
    return [axes.get_title() for axes in figure.axes]


@pytest.fixture
def label():
    label = torch.zeros(64, 128, dtype=torch.int64)
    label[:32] = 10
    return label


@pytest.fixture
def probability():
    return torch.linspace(0.1, 0.9, 8 * 16).reshape(8, 16)


class TestOutputSpace:
    def test_distances_of_colours_and_class_shares_are_written(self, label):
        other = label.clone()
        other[32:, :32] = 1
        figure = output_space([GREY, DARK], [label, other], SPACE, ["source", "target"])
        assert titles(figure)[:2] == ["source", "target"]
        assert "colours: 100 % from the first" in titles(figure)
        assert "class shares: 12 % from the first" in titles(figure)

    def test_many_images_are_counted_and_the_first_is_drawn(self, label):
        many = torch.stack([GREY, DARK, DARK, DARK])
        figure = output_space([GREY, many], [label, label.expand(4, -1, -1)], SPACE, ["one", "many"])
        assert "colours: 75 % from the first" in titles(figure)
        assert "class shares: 0 % from the first" in titles(figure)
        assert np.all(figure.axes[1].images[0].get_array() == 128)

    def test_ignored_pixels_have_no_share(self, label):
        label[32:] = 255
        figure = output_space([GREY], [label], SPACE, ["a"])
        assert max(bar.get_height() for bar in figure.axes[3].patches) == 100

    def test_unlike_counts_are_refused(self, label):
        with pytest.raises(ConfigError, match="1 images, 2 labels, 1 titles"):
            output_space([GREY], [label, label], SPACE, ["a"])
        with pytest.raises(ConfigError, match="one or more"):
            output_space([], [], SPACE, [])


class TestVerdict:
    def test_every_cell_has_its_percentage_and_the_title_the_mean(self, label, probability):
        figure = verdict(GREY, label, probability, SPACE)
        assert figure.axes[2].get_title() == "discriminator: mean 0.50"
        written = [t.get_text() for t in figure.axes[2].texts]
        assert len(written) == 8 * 16
        assert (written[0], written[-1]) == ("10", "90")
        inks = [t.get_color() for t in figure.axes[2].texts]
        assert (inks[0], inks[64], inks[-1]) == ("white", "black", "white")
        assert not figure.axes[0].patches

    def test_cells_lie_over_the_pixels_they_belong_to(self, label, probability):
        drawn = verdict(GREY, label, probability, SPACE).axes[2].images[1]
        assert drawn.get_extent() == [-0.5, 127.5, 63.5, -0.5]
        assert drawn.get_clim() == (0, 1)

    def test_a_fine_map_has_no_numbers(self, label):
        figure = verdict(GREY, label, torch.full((32, 64), 0.5), SPACE)
        assert not figure.axes[2].texts

    @pytest.mark.parametrize(("depth", "side"), [(2, 10), (3, 22)])
    def test_the_box_is_what_the_position_sees(self, label, depth, side):
        from udalib.models.discriminator import FCDiscriminator

        net = FCDiscriminator(4, width=2, depth=depth)
        maps = torch.rand(1, 4, 64, 128, requires_grad=True)
        judged = net(maps)[0, 0]
        judged[3, 6].backward()
        seen = maps.grad.abs().sum((0, 1)).nonzero()
        figure = verdict(GREY, label, judged.detach().sigmoid(), SPACE, position=(3, 6), receptive_field=side)
        box = figure.axes[0].patches[0].get_bbox()
        (top, left), (bottom, right) = seen.amin(0).tolist(), seen.amax(0).tolist()
        assert (box.x0, box.y0, box.x1, box.y1) == (left - 0.5, top - 0.5, right + 0.5, bottom + 0.5)

    def test_both_models_have_a_row(self, label, probability):
        figure = verdict_before_after(GREY, (label, probability), (label, 1 - probability), SPACE, position=(0, 0))
        labels = [axes.get_ylabel() for axes in figure.axes]
        assert [text for text in labels if text] == ["before adaptation", "after adaptation"]
        assert len(figure.axes) == 6 + 2

    def test_bad_values_are_refused(self, label, probability):
        with pytest.raises(DataError, match="apply a sigmoid"):
            verdict(GREY, label, 3 * probability, SPACE)
        with pytest.raises(DataError, match=r"got shape \(1, 8, 16\)"):
            verdict(GREY, label, probability[None], SPACE)
        with pytest.raises(DataError, match="differ in size"):
            verdict(GREY, label[:32], probability, SPACE)
        with pytest.raises(ConfigError, match=r"\(8, 0\) lies outside .* 8 x 16"):
            verdict(GREY, label, probability, SPACE, position=(8, 0))


class TestEntropy:
    def test_maps_share_one_scale(self):
        figure = viz.entropy([GREY, DARK], [torch.zeros(64, 128), torch.full((64, 128), 0.5)], ["a", "b"])
        below = figure.axes[2:4]
        assert {axes.images[0].get_clim() for axes in below} == {(0, 1)}
        assert [axes.get_title() for axes in below] == ["entropy, mean 0.00", "entropy, mean 0.50"]

    def test_the_histogram_is_in_percent(self):
        figure = viz.entropy_histogram({"a": torch.full((4, 4), 0.51), "b": torch.linspace(0, 1, 100)})
        first = figure.axes[0].lines[0].get_ydata()
        assert first.max() == first.sum() == 100
        legend = [t.get_text() for t in figure.axes[0].get_legend().get_texts()]
        assert legend == ["a (mean 0.51)", "b (mean 0.50)"]

    def test_bad_values_are_refused(self):
        with pytest.raises(ConfigError, match="1 images, 0 entropy maps"):
            viz.entropy([GREY], [], ["a"])
        with pytest.raises(DataError, match="pixel_entropy"):
            viz.entropy([GREY], [torch.full((64, 128), 2.0)], ["a"])
        with pytest.raises(ConfigError, match="at least one"):
            viz.entropy_histogram({})

    def test_the_push_is_the_analytic_gradient(self):
        p = simplex_points(9)
        values, push = logit_push(p)
        h = -(p * np.log(p)).sum(1, keepdims=True)
        assert push == pytest.approx(p * (np.log(p) + h) / np.log(3), abs=1e-12)
        assert values == pytest.approx(h[:, 0] / np.log(3), abs=1e-12)

    def test_the_simplex_points_out_confident_but_not_certain_predictions(self):
        points = simplex_points(60)
        assert points.sum(1) == pytest.approx(1)
        assert points.min() > 0
        figure = entropy_simplex()
        assert "largest probability is 0.76" in figure.axes[1].get_title()
        assert len(figure.axes) == 4

    def test_arrows_point_to_the_nearest_corner(self):
        quiver = next(c for c in entropy_simplex(20).axes[1].collections if hasattr(c, "U"))
        right = quiver.X > 0.85
        assert np.all(quiver.U[right] > 0)
        assert np.all(quiver.U[quiver.X < 0.15] < 0)

    def test_a_coarse_simplex_is_refused(self):
        with pytest.raises(ConfigError, match="at least 3"):
            entropy_simplex(2)


class TestThreshold:
    def test_precision_and_recall(self):
        uncertain, wrong = np.array([1, 1, 1, 0], bool), np.array([1, 0, 0, 1], bool)
        assert precision_recall(uncertain, wrong) == (pytest.approx(1 / 3), 0.5)
        assert np.isnan(precision_recall(np.zeros(2, bool), np.zeros(2, bool))).all()

    def test_pixels_are_sorted_and_ignored_ones_do_not_count(self, label):
        entropies = torch.zeros(64, 128)
        entropies[:, :64] = 0.8
        prediction = torch.zeros_like(label)  # wrong in the upper half
        label[48:] = 255
        figure = viz.threshold_figure(GREY, entropies, prediction, label, 0.5)
        shares = [t.get_text().split(": ")[1] for t in figure.axes[2].get_legend().get_texts()]
        assert shares == ["17 %", "17 %", "33 %", "33 %"]
        assert figure.axes[3].get_title() == "threshold 0.50: precision 67 %, recall 50 %"
        shown = np.asarray(figure.axes[2].images[0].get_array())
        assert shown[0, 0] == pytest.approx(to_rgb(GROUPS[3][1]))
        assert shown[0, 127] == pytest.approx(to_rgb(GROUPS[2][1]))
        assert shown[63, 0] == pytest.approx((0.6, 0.6, 0.6))

    def test_nothing_uncertain_has_no_precision(self, label):
        figure = viz.threshold_figure(GREY, torch.zeros(64, 128), label, label, 1.0)
        assert figure.axes[3].get_title() == "threshold 1.00: precision -, recall -"

    def test_unlike_sizes_are_refused(self, label):
        with pytest.raises(DataError, match="differ in size"):
            viz.threshold_figure(GREY, torch.zeros(32, 128), label, label, 0.5)


class TestGame:
    @pytest.fixture
    def run(self):
        x = [10, 20, 30]
        losses = {"loss_seg_main": [1, 0.8, 0.7], "loss_adv_main": [0.7, 0.8, 0.9]}
        return {"iteration": x, **losses, "loss_d_main_source": [0.6, 0.5, 0.4], "loss_d_main_target": [0.8, 0.5, 0.2]}

    def test_the_discriminators_loss_is_the_mean_of_its_halves(self, run):
        figure = game_curves({"one": run})
        assert figure.axes[2].lines[0].get_ydata() == pytest.approx([0.7, 0.5, 0.3])
        assert "healthy on their data, say the maintainers: 0.2 to 0.5" in texts(figure)
        assert texts(figure).count("undecided (vanilla)") == 2

    def test_seeds_are_thin_lines_under_their_mean(self, run):
        other = {**run, "loss_adv_main": [0.9, 1.0, 1.1]}
        figure = game_curves({"two seeds": [run, other]}, healthy=(0.1, 0.3))
        assert figure.axes[1].lines[2].get_ydata() == pytest.approx([0.8, 0.9, 1.0])
        assert [t.get_text() for t in figure.legends[0].get_texts()] == ["two seeds (2 seeds)"]
        assert any("0.1 to 0.3" in text for text in texts(figure))

    def test_incomplete_histories_are_refused(self, run):
        with pytest.raises(ConfigError, match="at least one"):
            game_curves({})
        with pytest.raises(ConfigError, match="'one' has no loss_adv_main"):
            game_curves({"one": {k: v for k, v in run.items() if k != "loss_adv_main"}})
        with pytest.raises(ConfigError, match="unlike length"):
            game_curves({"one": {**run, "iteration": [1]}})


class TestSweep:
    @pytest.fixture
    def sweep(self, sweep_file):
        return load_sweep(sweep_file)

    def test_lines_are_means_and_dots_are_seeds(self, sweep):
        figure = sweep_lines(sweep, [Variant("feature")])
        axes = figure.axes[0]
        assert axes.lines[0].get_ydata() == pytest.approx([21.5, 30.5])
        assert [y for c in axes.collections[:2] for y in c.get_offsets()[:, 1]] == pytest.approx([21, 22, 30, 31])
        assert {"lambda = 0:\nno adversary (30.5)", "streets/source-only (28.5)"} <= set(texts(figure))
        assert [t.get_text() for t in axes.get_xticklabels()] == ["0", "0.01", "0.1"]

    def test_every_variant_has_a_line(self, sweep):
        figure = sweep_lines(sweep)
        assert [t.get_text() for t in figure.legends[0].get_texts()] == [str(v) for v in sweep.variants]

    def test_names_of_near_references_are_set_apart(self, sweep):
        sweep.reference["another"] = (28.5,)
        figure = sweep_lines(sweep)
        low, high = figure.axes[0].get_ylim()
        places = sorted(t.get_position()[1] for t in figure.axes[0].texts)
        assert np.diff(places).min() >= 0.099 * (high - low)

    def test_a_variant_without_runs_is_refused(self, sweep):
        with pytest.raises(ConfigError, match="no run of output space, one level, least squares. It has: output"):
            sweep_lines(sweep, [Variant(gan="ls")])
        with pytest.raises(ConfigError, match="no variant"):
            sweep_lines(sweep, [])

    def test_curves_show_the_control_beside_the_run(self, sweep):
        figure = sweep_curves(sweep, weight=0.1, space="feature")
        legend = [t.get_text() for t in figure.axes[0].get_legend().get_texts()]
        assert legend == ["lambda = 0.1 (2 seeds)", "lambda = 0 (2 seeds)"]
        assert figure.get_suptitle() == "feature space, one level, vanilla, lambda = 0.1"
        assert len(figure.axes[2].lines) == 6

    def test_curves_of_one_sweep_share_the_scale_of_miou(self, sweep):
        limits = {
            sweep_curves(sweep, weight=w, space=s).axes[0].get_ylim() for w, s in ((0.1, "feature"), (0, "output"))
        }
        assert limits == {(20.0, 42.0)}

    def test_weight_0_is_the_control_of_every_variant(self, sweep):
        figure = sweep_curves(sweep, weight=0.0, space="feature")
        assert figure.get_suptitle() == "lambda = 0: the control, the same for every variant"
        assert len(figure.axes[0].get_legend().get_texts()) == 1

    def test_what_was_not_run_is_said(self, sweep):
        (text,) = texts(sweep_curves(sweep, weight=0.1, gan="ls"))
        assert text.startswith("Not run: output space, one level, least squares, lambda = 0.1.")
        assert "feature space, one level, vanilla: 0.01, 0.1" in text
