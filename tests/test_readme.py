"""What README and CONTRIBUTING promise is there: links, commands, code, numbers that equal the committed records."""

import json
import re
import shlex
import statistics
from pathlib import Path

import pytest

from udalib.analysis.layers.scored import layer_shares, middle_shares, plans_markdown
from udalib.analysis.runs.comparison import effects_markdown
from udalib.analysis.runs.sweeps import load_sweep
from udalib.cli.app import run_command
from udalib.recipes import get_recipe, parse_assignments
from udalib.viz import sensitivity_sentence
from udalib.viz.features import prediction_markdown, prediction_sentence

ROOT = Path(__file__).resolve().parents[1]
PAGES = ["README.md", "CONTRIBUTING.md"]
README = (ROOT / "README.md").read_text()
CODE = [line[4:].split("  #")[0].strip() for line in README.splitlines() if line.startswith("    ")]
COMMANDS = [shlex.split(line) for line in CODE if line.startswith("udalib ")]


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    targets = re.findall(r"\]\(([^)#]+)\)", (ROOT / page).read_text())
    assert [t for t in targets if "://" not in t and not (ROOT / t).exists()] == []


@pytest.mark.parametrize("words", [c for c in COMMANDS if c[1] == "run"], ids=" ".join)
def test_run_commands_name_recipes_and_parameters_that_exist(words):
    rest = words[3:]
    preset = rest[rest.index("--preset") + 1] if "--preset" in rest else "laptop"
    overrides = parse_assignments(rest[rest.index("--set") + 1 :]) if "--set" in rest else {}
    assert get_recipe(words[2], preset, overrides).name == words[2]


@pytest.mark.parametrize("command", ["list", "show streets/source-only", "data list"])
def test_commands_that_only_look_run(command, capsys):
    assert f"udalib {command}" in README
    assert run_command(command.split()) == 0
    assert capsys.readouterr().out


@pytest.mark.parametrize("line", [line for line in CODE if line.startswith("from ")])
def test_imports_of_the_readme_work(line):
    exec(line, {})


def test_every_other_command_is_one_that_the_program_has(capsys):
    for words in COMMANDS:
        with_help = words[1:3] if words[1] == "data" else words[1:2]
        assert run_command([*with_help, "--help"]) == 0, words


def test_scripts_and_make_targets_named_in_the_pages_exist():
    text = "".join((ROOT / page).read_text() for page in PAGES)
    for script in set(re.findall(r"python ([\w/]+\.py)", text)):
        assert (ROOT / script).is_file(), script
    makefile = (ROOT / "Makefile").read_text()
    for target in set(re.findall(r"(?:`|^    )make (\w+)", text, re.MULTILINE)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_the_library_example_runs():
    lines = [line for line in CODE if line.startswith(("from udalib.models import create_network", "network ="))]
    assert len(lines) == 2
    exec("\n".join(lines), {})


def test_own_photographs_take_the_lines_that_the_readme_shows(tmp_path, monkeypatch):
    import numpy as np
    from PIL import Image

    for folder, array in {"photos": np.zeros((8, 8, 3), np.uint8), "labels": np.zeros((8, 8), np.uint8)}.items():
        (tmp_path / folder).mkdir()
        Image.fromarray(array).save(tmp_path / folder / "a.png")
    monkeypatch.chdir(tmp_path)
    scope: dict = {}
    exec("\n".join(line for line in CODE if "SegmentationFolder" in line), scope)
    assert scope["mine"][0]["label"].shape == (8, 8)


@pytest.mark.parametrize("record", ["streets.json", "camvid.json"])
def test_results_in_the_readme_are_those_of_the_committed_records(record):
    groups = json.loads((ROOT / "benchmarks" / "results" / record).read_text())["groups"]
    rows = [line for line in README.splitlines() if line.startswith("| ")]
    assert groups
    for group in groups:
        (row,) = [r for r in rows if r.startswith(f"| {group['recipe']} | {group['preset']} |")]
        shown = [tuple(map(float, pair)) for pair in re.findall(r"([\d.]+) ± ([\d.]+)", row)]
        kept = [(value["mean"], value["std"]) for value in group["ours"].values()]
        assert len(shown) == len(kept)
        for pair in kept:  # the record has two decimals, the page one
            assert any(pair == pytest.approx(other, abs=0.056) for other in shown), (group["recipe"], pair, row)


@pytest.mark.parametrize(
    ("record", "control"),
    [
        ("streets-adversarial.json", "streets/adversarial-control"),
        ("camvid-adversarial.json", "camvid-day2dusk/adversarial-control"),
        ("streets-self-training.json", "streets/jitter"),
        ("streets-hrda.json", "streets/hrda-control"),
        ("streets-eln.json", "streets/control-1_8"),
    ],
)
def test_effects_in_the_readme_are_those_of_the_committed_records(record, control):
    """The table over the control, word for word."""
    kept = json.loads((ROOT / "benchmarks" / "results" / record).read_text())
    assert set(kept["failed"].values()) <= {"there is no such run"}  # not measured yet
    over_control = [effect for effect in kept["effects"] if effect["baseline"] == control]
    table = effects_markdown({**kept, "effects": over_control, "not_compared": []}).split("\n\n")[0]
    assert table in README
    assert kept["command"] in README


def test_the_control_is_told_apart_from_the_adversary():
    kept = json.loads((ROOT / "benchmarks" / "results" / "streets-adversarial.json").read_text())
    pair = ("streets/adversarial-control", "streets/source-only")
    (gain,) = [e["mean"] for e in kept["effects"] if (e["recipe"], e["baseline"]) == pair]
    assert f"The control itself lies {gain:.1f} points above source-only" in README
    others = [e["mean"] for e in kept["effects"] if e["baseline"] == pair[0]]
    assert max(others) < gain


@pytest.mark.parametrize(
    ("recipe", "baseline", "sentence"),
    [
        ("self-training", "source-only", "naive self-training ends {below} points below source-only"),
        ("self-training-mix", "source-only", "ClassMix turns the sign ({gain} over source-only)"),
        ("dacs-rcs", "dacs-rcs-no-warmup", "the warm-up gives {gain}"),
        ("dacs-rcs-pretrained", "dacs-rcs", "an encoder pretrained on things {gain}"),
        ("daformer", "dacs-rcs-pretrained", "on top of that encoder, {gain}: no help"),
        ("mic", "mic-no-holes", "MIC's holes are worth {gain}"),
        ("mic", "dacs-rcs", "MIC stays {below} below DACS"),
    ],
)
def test_what_the_readme_says_of_self_training_is_in_the_record(recipe, baseline, sentence):
    kept = json.loads((ROOT / "benchmarks" / "results" / "streets-self-training.json").read_text())
    scores = {
        g["recipe"]: dict(zip(g["seeds"], g["ours"]["target/miou"]["values"], strict=True)) for g in kept["groups"]
    }
    one, other = (scores[f"streets/{name}"] for name in (recipe, baseline))
    gains = [one[seed] - other[seed] for seed in one.keys() & other.keys()]
    gain = sum(gains) / len(gains)
    assert len(gains) >= 3
    assert sentence.format(gain=f"{gain:+.1f}", below=f"{-gain:.1f}") in " ".join(README.split())


def test_what_the_readme_says_of_two_scales_is_in_the_record():
    kept = json.loads((ROOT / "benchmarks" / "results" / "streets-hrda.json").read_text())
    effects = {(e["recipe"], e["baseline"]): e for e in kept["effects"]}
    two, masked = effects["streets/hrda", "streets/hrda-control"], effects["streets/mic-hrda", "streets/hrda"]
    said = " ".join(README.split())
    assert f"Two scales help on every seed, {two['mean']:+.1f}" in said
    assert min(two["differences"]) > 0
    wins, pairs = sum(d > 0 for d in masked["differences"]), len(masked["differences"])
    assert f"MIC lies {-masked['mean']:.1f} below HRDA, and above it on {wins} of {pairs} seeds" in said
    names = ("streets/hrda", "streets/hrda-control")
    two, one = (min(r["seconds"] for r in kept["runs"] if r["recipe"] == name) / 60 for name in names)
    assert f"a run {two:.0f} minutes beside another at the least, the control {one:.0f})" in said
    assert 3.5 < two / one < 4.5


def test_what_the_readme_says_of_eln_is_in_the_record():
    kept = json.loads((ROOT / "benchmarks" / "results" / "streets-eln.json").read_text())
    effects = {(e["recipe"], e["baseline"], e["metric"]): e["mean"] for e in kept["effects"]}

    def gain(recipe, baseline):
        return effects[f"streets/{recipe}-1_8", f"streets/{baseline}-1_8", "val/miou"]

    said = " ".join(README.split())
    assert max(gain(recipe, "control") for recipe in ("threshold", "s-ecn", "eln")) < 0
    assert "no use of the unlabelled images beats training on the labels for as long" in said
    assert f"a confidence threshold of 0.9 are {abs(gain('eln', 'threshold')):.1f} points apart" in said
    assert f"lies {gain('eln', 'threshold') - gain('s-ecn', 'threshold'):.1f} below ELN" in said
    found = {group["recipe"].split("/")[1]: group["ours"]["localization/f1"]["mean"] for group in kept["groups"]}
    assert found["eln-1_8"] < min(found["control-1_8"], found["threshold-1_8"])
    names = {"control": "control", "threshold": "threshold", "ELN": "eln", "s-ECN": "s-ecn"}
    assert ", ".join(f"{title} {found[f'{name}-1_8']:.1f}" for title, name in names.items()) in said


PAINTERS = ("streets/painters-source-only", "streets/painters-dacs")


def painters_record():
    return json.loads((ROOT / "benchmarks" / "results" / "streets-painters.json").read_text())


def test_the_table_of_plans_in_the_readme_is_that_of_the_record():
    kept = painters_record()
    assert plans_markdown(kept, PAINTERS, 5, ("source", "target")) in README
    assert kept["command"] in README
    assert kept["failed"] == {}
    assert [(run["recipe"], run["seed"]) for run in kept["runs"]] == [(n, s) for s in (0, 1, 2) for n in PAINTERS]
    recipe = get_recipe(PAINTERS[0])
    said = " ".join(README.split())
    assert f"trained from scratch for {recipe.train.iterations} iterations" in said
    assert f"{kept['settings']['images']} images of each style" in said


def test_what_the_readme_says_of_plans_on_source_images_is_in_the_record():
    kept, said = painters_record(), " ".join(README.split())
    shares = [middle_shares(kept, recipe, "source") for recipe in PAINTERS]
    one, other = ({plan: 100 * statistics.fmean(v[5]) for plan, v in each.items()} for each in shares)
    assert all(max(each, key=each.get) == "random" for each in (one, other))
    assert f"random order keeps most in both networks, {one['random']:.0f} and {other['random']:.0f} %" in said
    for each in (one, other):
        loops = [each[name] for name in ("parallel", *(f"parallel, {count} loops" for count in (2, 3, 4)))]
        assert loops == sorted(loops)
    skip, repeat = ([each[name] for each in (one, other)] for name in ("skip", "middle repeat"))
    assert all(a < b for a, b in zip(skip, repeat, strict=True))
    assert f"skipping keeps {skip[0]:.0f} and {skip[1]:.0f} %, repeating {repeat[0]:.0f} and {repeat[1]:.0f}" in said


def test_what_the_readme_says_of_single_blocks_is_in_the_record():
    kept, said = painters_record(), " ".join(README.split())

    def raised(recipe, style, plan):
        """Places at which the score rises in every seed."""
        return sum(min(values) > 1 for values in layer_shares(kept, recipe, style, plan).values())

    exchanged = [raised(recipe, style, "switch_layers") for style in ("target", "source") for recipe in PAINTERS]
    words = "at {} of 7 places before adaptation and at {} of 7 after it (on source images: at {} and {})"
    assert words.format(*exchanged) in said
    left_out = [raised(recipe, style, "skip_layer") for style in ("target", "source") for recipe in PAINTERS]
    assert left_out[2:] == [0, 0]
    assert (
        "one of {} blocks of the source-only network ({} after DACS, none on source images)".format(*left_out) in said
    )
    before, after = (layer_shares(kept, recipe, "target", "skip_layer")[0] for recipe in PAINTERS)
    assert all(b < a for a, b in zip(before, after, strict=True))
    shares = [100 * statistics.fmean(each) for each in (before, after)]
    assert "the target score keeps {:.0f} % before and {:.0f} % after, less in each seed".format(*shares) in said


def test_correlations_of_features_in_the_readme_are_those_of_the_record():
    """The table and the sentence word for word; without a record the page says that there is none."""
    said, file = " ".join(README.split()), ROOT / "benchmarks" / "results" / "streets-features.json"
    if not file.exists():
        assert "The tree holds no record of it yet." in said
        return
    kept = json.loads(file.read_text())
    assert "no record of it yet" not in said
    assert prediction_markdown(kept) in README
    assert prediction_sentence(kept) in said
    assert kept["command"] in README


def test_what_the_readme_says_of_the_same_seed_elsewhere_is_in_the_records():
    again, first = (
        json.loads((ROOT / "benchmarks" / "results" / f"streets-{name}.json").read_text())
        for name in ("repeat", "self-training")
    )
    scores = {(run["recipe"], run["seed"]): run["metrics"]["target/miou"] for run in first["runs"]}
    gaps = [100 * abs(r["metrics"]["target/miou"] - scores[r["recipe"], r["seed"]]) for r in again["runs"]]
    assert len(gaps) == 12
    said = f"scored {statistics.fmean(gaps):.1f} points higher or lower on average, {max(gaps):.1f} at most"
    assert said in " ".join(README.split())
    assert again["command"] in README


def test_what_the_readme_says_of_lambda_is_what_the_sweep_says():
    sweep = load_sweep(ROOT / "benchmarks" / "results" / "adversarial-sweep.json")
    assert sensitivity_sentence(sweep) in README
    (control,) = [v for v in sweep.variants if (v.space, v.levels, v.gan) == ("output", "single", "vanilla")]
    (feature,) = [v for v in sweep.variants if v.space == "feature"]

    def mean(variant, weight):
        return statistics.fmean(run.miou[-1] for run in sweep.select(variant, weight))

    assert all(mean(feature, weight) < mean(control, 0.0) for weight in sweep.weights_of(feature) if weight)
