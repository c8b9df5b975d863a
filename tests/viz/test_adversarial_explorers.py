"""The three explorers: every control over its range, each model asked once an image, bad input refused."""

import pytest
import torch

from udalib.analysis import load_sweep
from udalib.core.errors import ConfigError, DataError
from udalib.data.labels import label_space
from udalib.viz.adversarial import EntropyExplorer, SweepExplorer, VerdictExplorer

SPACE = label_space("cityscapes19")
LABEL = torch.zeros(32, 64, dtype=torch.uint8)
IMAGES = [torch.full((3, 32, 64), value) for value in (0.2, 0.8)]


def soft(image):
    """Class 0 with a certainty that grows from left to right."""
    logits = torch.zeros(19, *image.shape[1:])
    logits[0] = torch.linspace(0, 9, image.shape[2])
    return logits.softmax(0)


class Judge:
    def __init__(self, value):
        self.value, self.asked = value, 0

    def __call__(self, image):
        self.asked += 1
        return torch.zeros(image.shape[1:], dtype=torch.int64), torch.full((4, 8), self.value)


@pytest.fixture
def judges():
    return Judge(0.9), Judge(0.5)


def make(name, sweep_file):
    if name == "sweep":
        return SweepExplorer(load_sweep(sweep_file))
    if name == "verdict":
        return VerdictExplorer(Judge(0.9), Judge(0.5), IMAGES, SPACE, 22)
    samples = [{"image": image, "label": LABEL} for image in IMAGES]
    return EntropyExplorer({"soft": soft, "rolled": lambda image: soft(image).roll(8, 2)}, samples)


NAMES = ("sweep", "verdict", "entropy")


@pytest.mark.parametrize("name", NAMES)
def test_every_control_moves_over_its_whole_range_and_the_widget_s_changes_the_picture(
    name, sweep_file, draw_over_all_ranges, move_every_control
):
    explorer = make(name, sweep_file)
    draw_over_all_ranges(explorer)
    move_every_control(explorer, at_once=True)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("sweep", {"weight": [0.0, 0.1]}),
        ("verdict", {"model": ["before", "after"]}),
        ("entropy", {"threshold": [0.1, 0.5]}),
    ],
)
def test_the_contact_sheet_stacks_wide_pictures(name, values, sweep_file):
    sheet = make(name, sweep_file).contact_sheet(**values)
    (left, right) = (axes.get_position().x0 for axes in sheet.axes)
    assert left == pytest.approx(right, abs=0.05)


def test_lambda_is_a_slider_over_the_weights_of_the_file(sweep_file):
    widgets = pytest.importorskip("ipywidgets")
    explorer = make("sweep", sweep_file)
    slider = explorer.widget().children[1]
    assert isinstance(slider, widgets.SelectionSlider)
    assert [text for text, _ in slider.options] == ["0", "0.01", "0.1"]
    with pytest.raises(ConfigError, match="'weight' cannot be 0.5"):
        explorer.draw(weight=0.5)


def test_a_missing_combination_is_drawn_as_such(sweep_file):
    figure = make("sweep", sweep_file).draw(weight=0.1, gan="ls")
    assert figure.axes[0].texts[0].get_text().startswith("Not run")


def test_positions_cover_the_discriminators_map(judges):
    explorer = VerdictExplorer(*judges, IMAGES, SPACE)
    assert explorer.controls["row"].sweep() == [0, 1, 2, 3]
    assert explorer.controls["column"].sweep() == list(range(8))
    with pytest.raises(ConfigError, match="'row' cannot be 4"):
        explorer.draw(row=4)


def test_each_model_judges_an_image_once(judges):
    explorer = VerdictExplorer(*judges, IMAGES, SPACE)
    for row, index in ((0, 0), (1, 0), (1, 1)):
        explorer.draw(row=row, index=index, model="both")
    assert [judge.asked for judge in judges] == [2, 2]


def test_before_and_after_are_told_apart(judges):
    explorer = VerdictExplorer(*judges, IMAGES, SPACE)
    assert explorer.draw(model="before").axes[2].get_title() == "discriminator: mean 0.90"
    assert explorer.draw(model="after").axes[2].get_title() == "discriminator: mean 0.50"
    assert explorer.draw(model="after").get_suptitle() == "after adaptation"
    explorer = VerdictExplorer(*judges, IMAGES, SPACE, titles=("control", "AdvEnt"))
    assert [explorer.draw(model=m).get_suptitle() for m in ("before", "after")] == ["control", "AdvEnt"]
    both = explorer.draw(model="both")
    assert [axes.get_ylabel() for axes in both.axes if axes.get_ylabel()] == ["control", "AdvEnt"]


def test_uint8_images_reach_the_model_as_float():
    seen = []

    def model(image):
        seen.append(image)
        return soft(image)

    image = torch.full((3, 32, 64), 255, dtype=torch.uint8)
    EntropyExplorer({"m": model}, [{"image": image, "label": LABEL}]).draw()
    assert seen[0].dtype == torch.float32
    assert float(seen[0].max()) == 1.0


def test_the_threshold_moves_the_share_of_uncertain_pixels():
    explorer = make("entropy", None)

    def recalls(threshold):
        legend = explorer.draw(threshold=threshold).axes[2].get_legend()
        return [text.get_text() for text in legend.get_texts()]

    assert recalls(0.0)[1] == "right, but uncertain: 100 %"
    assert recalls(1.0)[0] == "right and certain: 100 %"


def test_a_model_that_gives_logits_is_told_so():
    explorer = EntropyExplorer({"m": lambda image: 5 * soft(image)}, [{"image": IMAGES[0], "label": LABEL}])
    with pytest.raises(DataError, match=r"values from -.*after the soft-max"):
        explorer.draw()


def test_bad_input_is_refused(judges):
    with pytest.raises(ConfigError, match="no image"):
        VerdictExplorer(*judges, [], SPACE)
    with pytest.raises(DataError, match="share one shape"):
        VerdictExplorer(*judges, [IMAGES[0], IMAGES[1][:, :16]], SPACE)
    with pytest.raises(DataError, match="share one shape"):
        VerdictExplorer(*judges, [IMAGES[0][0]], SPACE)
    with pytest.raises(ConfigError, match="no model"):
        EntropyExplorer({}, [])
    with pytest.raises(ConfigError, match="no image"):
        EntropyExplorer({"m": soft}, [])
