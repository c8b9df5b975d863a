"""Every control of every explorer, moved in JupyterLab by mouse and keyboard; screenshots go to UDALIB_SCREENSHOTS.

A new explorer is one entry of EXPLORERS: a name, and the lines that build it with small data as ``explorer``.
"""

import importlib
import json
import pkgutil
import re
from pathlib import Path

import pytest

from udalib import viz

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
READABLE = 0.6
"""A picture of 100 dots an inch that is drawn smaller than this has letters that cannot be read."""


def cells_of(notebook: str, *passages: str) -> str:
    """The cells of a notebook that hold ``passages``, without the line that shows the widget."""
    path = next(path for path in NOTEBOOKS if path.stem == notebook)
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    found = [next(source for source in sources if passage in source) for passage in passages]
    return "\n".join(found).replace("explorer.widget()", "")


CHAPTERS = [module.name for module in pkgutil.iter_modules(viz.__path__, "udalib.viz.") if module.ispkg]
STREETS = "\n".join(f"from {name} import *" for name in CHAPTERS)
STREETS += """
import torch
from udalib import viz
from udalib.data.labels import label_space
from udalib.world import render, style_names

space = label_space("cityscapes19")
samples = [render(index, style="target", size=(64, 128)) for index in (2, 9)]
"""

MODEL = """
def model(sharpness):
    def predict(images):
        blurred = torch.nn.functional.avg_pool2d(images, 5, 1, 2)
        return sharpness * torch.stack([(blurred * k).sum(1).sin() for k in range(1, 20)], 1)
    return predict
"""
GRAPHS = """
from udalib.analysis.networks.graph_nodes import stage_nodes
from udalib.models import create_network
torch.manual_seed(0)
network = create_network("gkgnet", num_classes=3, variant="streets", size=(64, 128), k=4, k_label=4).eval()
images = torch.stack([sample["image"] for sample in samples]) / 255
"""
EXPLORERS = {
    "look around": STREETS + cells_of("00_start_here", "Look around"),
    "make a style": STREETS
    + "from dataclasses import replace\nfrom udalib.world import STYLES\ntarget = STYLES.get('target')\n"
    + cells_of("01_streets_and_data", "Make a style"),
    "attention table": STREETS + cells_of("02_segmentation_networks", "def attention_cost", "Size of the attention"),
    "attention looks": STREETS
    + """
from udalib.analysis import query_attention
from udalib.models import create_network
trained, fresh = (create_network("segformer-mit_b0", decoder_options={"embed_dim": 32}).eval() for _ in range(2))
street = samples[0]["image"]
normalised = trained.normalise(street[None] / 255)
"""
    + cells_of("02_segmentation_networks", "Where attention looks"),
    "sweep": f"""
from udalib import viz
from udalib.analysis import load_sweep
explorer = SweepExplorer(load_sweep({str(ROOT / "benchmarks" / "results" / "adversarial-sweep.json")!r}))
""",
    "verdict": STREETS
    + """
def judge(scale):
    def say(image):
        cells = torch.nn.functional.adaptive_avg_pool2d(image.mean(0)[None], (8, 16))[0]
        return (image.mean(0) * 10).long(), torch.sigmoid(scale * (cells - 0.5))
    return say
images = [sample["image"] / 255 for sample in samples]
explorer = VerdictExplorer(judge(20), judge(3), images, space, receptive_field=22)
""",
    "entropy": STREETS
    + MODEL
    + """
sharp, dull = (lambda image, m=model(s): m(image[None]).softmax(1)[0] for s in (6, 1))
explorer = EntropyExplorer({"sharp": sharp, "dull": dull}, samples)
""",
    "mixing": STREETS
    + """
sources = [render(index, style="source", size=(64, 128)) for index in (2, 9)]
explorer = MixingExplorer(sources, samples, space)
""",
    "four paths": STREETS
    + """
sources = [render(index, style="source", size=(64, 128)) for index in (2, 9)]
explorer = QuadMixExplorer(sources, samples, space)
""",
    "carried labels": STREETS
    + """
from udalib.world import StreetClips
clips = StreetClips("target", length=2, size=(32, 64), cache=False, frames=5)
explorer = CarriedExplorer([clips[i] for i in range(2)], space)
""",
    "aggregation over time": STREETS
    + """
from udalib.world import StreetClips
clips = StreetClips("target", length=2, size=(32, 64), cache=False, frames=5)
explorer = AggregationExplorer([clips[i] for i in range(2)], space)
""",
    "rare classes": """
from udalib.viz.daformer.rare_class_explorer import Collection, RareClassExplorer
from udalib.world import Streets
styles = {style: Collection.of_dataset(Streets(style, length=12, size=(64, 128))) for style in ("source", "target")}
explorer = RareClassExplorer(styles)
""",
    "masking": STREETS
    + MODEL
    + """
explorer = MaskingExplorer({"sharp": model(6), "dull": model(1)}, samples, space)
""",
    "pseudo labels": STREETS
    + """
truth = torch.stack([sample["label"] for sample in samples])
def teacher(scale):
    probabilities = stand_in_logits(truth, space.num_classes, scale=scale).softmax(1)
    confidence, prediction = probabilities.max(1)
    return TeacherOutput(confidence, prediction, truth)
explorer = PseudoLabelExplorer({0.0: teacher(16), 0.9: teacher(8), 0.99: teacher(4)}, space)
""",
    "detail box": STREETS
    + """
from udalib.recipes import get_recipe
from udalib.recipes.networks import build_network
torch.manual_seed(0)
network = build_network(get_recipe("streets/hrda", "quick").network, space.num_classes).eval()
explorer = DetailExplorer(network, samples, space)
""",
    "execution plans": STREETS
    + """
from udalib.models import MiTConfig, MixTransformer, SegFormerHead, SegmentationNetwork
torch.manual_seed(0)
widths = (8, 8, 16, 16)
encoder = MixTransformer(MiTConfig(widths, (1, 1, 7, 1), heads=(1, 1, 2, 2)))
network = SegmentationNetwork(encoder, SegFormerHead(widths, space.num_classes, embed_dim=8)).eval()
explorer = PlanExplorer(network, samples, space)
""",
    "feature distance": STREETS
    + """
explorer = FeatureDistanceExplorer(samples, space)
""",
    "feature distance given": STREETS
    + """
maps = [sample["image"].float().mean(0)[::8, ::8] / 255 for sample in samples]
explorer = FeatureDistanceExplorer(samples, space, distances={"before": maps, "after": [m / 2 for m in maps]})
""",
    "threshold and judge": STREETS
    + """
truth = torch.stack([sample["label"].long() for sample in samples])
images = torch.stack([sample["image"] for sample in samples]) / 255
def judged(scale):
    probability = stand_in_logits(truth, space.num_classes, scale=scale).softmax(1)
    confidence, prediction = probability.max(1)
    smooth = torch.nn.functional.avg_pool2d(1 - confidence[:, None], 9, 1, 4)[:, 0]
    return JudgedImages(images, prediction, truth, {"confidence": 1 - confidence, "ELN": (2 * smooth).clamp(0, 1)})
explorer = ThresholdExplorer({"late": judged(4), "early": judged(8)}, space)
""",
    "gates": STREETS
    + """
colours = torch.stack([sample["image"] for sample in samples])[:, :, ::2, ::2] / 255
rows, columns = torch.linspace(0, 1, 32), torch.linspace(0, 1, 64)
places = torch.stack(torch.meshgrid(rows, columns, indexing="ij")).expand(2, 2, 32, 64)
pixels = torch.cat([colours, places], 1).permute(0, 2, 3, 1).flatten(0, 2)
label = torch.stack([sample["label"].long()[::2, ::2] for sample in samples]).flatten()
explorer = GatesExplorer(pixels[label != 255], label[label != 255], space.num_classes, iterations=100)
""",
    "auxiliary decoders": STREETS
    + """
truth = torch.stack([sample["label"].long() for sample in samples])
images = torch.stack([sample["image"] for sample in samples]) / 255
guesses = [stand_in_logits(truth, space.num_classes, scale=scale, seed=scale).argmax(1) for scale in (4, 8, 16, 32)]
decoded = DecodedImages(images, truth, torch.stack(guesses), {0: [0.4, 0.45], 2: [0.5, 0.47], 3: [0.49]})
explorer = DecodersExplorer(decoded, space)
""",
    "contrast": STREETS
    + """
def embedded(sample):
    image, label = sample["image"] / 255, sample["label"].long()[::4, ::4]
    vectors = torch.nn.functional.avg_pool2d(image, 4) - 0.5
    moved = vectors + 0.1 * torch.randn(vectors.shape, generator=torch.Generator().manual_seed(0))
    return Embedded(image, vectors, moved, label, (label != 255) & (vectors.mean(0) > -0.2))
explorer = ContrastExplorer([embedded(sample) for sample in samples], space)
""",
    "clouds and their t-SNE": STREETS
    + """
explorer = InventionsExplorer(60)
""",
    "measures and the score": STREETS
    + """
from udalib.analysis.features import associations
runs = [
    {"recipe": f"r{i}", "target_miou": 30.0 + 3 * i + s, "measures": {
        "encoder.1": {"mmd": 0.1 * s, "coral": 0.2 * i}, "decoder": {"mmd": 0.3 - 0.02 * i, "coral": 0.1 * i * s}}}
    for i in range(8) for s in range(3)
]
titles = {name: {"title": name, "better": "low", "about": "gap"} for name in ("mmd", "coral")}
found = {layer: associations(runs, layer) for layer in ("encoder.1", "decoder")}
explorer = PredictionExplorer({"runs": runs, "titles": titles, "correlation": found})
""",
    "pixel features": STREETS
    + """
from udalib.analysis.features import Sampling, Subject, Tsne, gather, make_atlas
from udalib.engine import SegmentationEvaluator
from udalib.models import create_network
torch.manual_seed(0)
networks = {name: create_network("streets").eval() for name in ("one", "other")}
drawn = {style: [render(i, style=style, size=(64, 128)) for i in range(4)] for style in ("source", "target")}
sets = {style: SegmentationEvaluator(pictures, space) for style, pictures in drawn.items()}
subjects = {name: Subject(network, network) for name, network in networks.items()}
found = gather(subjects, sets, ("encoder.1", "decoder"), space, Sampling(per_class=20, cell=8))
explorer = FeatureExplorer(make_atlas(found, Tsne(perplexity=8, iterations=250)))
""",
    "reading weights": STREETS
    + """
maps = [torch.nn.functional.avg_pool2d(sample["image"] / 255, 8) for sample in samples]
scores = [torch.stack([(m * k).sum(0).sin() for k in range(1, 20)]) for m in maps]
parts = zip(("day", "another day"), samples, scores)
explorer = ReadingExplorer({name: Recall(s["image"], s["label"].long(), found) for name, s, found in parts}, space)
""",
    "write momentum": STREETS
    + """
from udalib.ops.memory import ClassSums
random = torch.Generator().manual_seed(0)
weight = torch.ones(19)
sums = [ClassSums(torch.rand(19, 8, generator=random), weight) for _ in range(6)]
explorer = MomentumExplorer(torch.nn.functional.normalize(torch.rand(19, 8, generator=random)), sums, space)
""",
    "exchanged items": STREETS
    + """
items = torch.nn.functional.normalize(torch.rand(19, 3, generator=torch.Generator().manual_seed(0)))
def predict(images, memory):
    return 20 * torch.einsum("bchw,kc->bkhw", torch.nn.functional.avg_pool2d(images, 4), memory)
explorer = ExchangeExplorer(predict, {"day": samples[0], "another day": samples[1]}, items, space)
""",
    "whom a node hears": STREETS
    + GRAPHS
    + "explorer = NeighbourExplorer(samples, stage_nodes(network, images), space, (11, 13, 18))",
    "how many a patch hears": STREETS
    + GRAPHS
    + "explorer = CountExplorer(samples, stage_nodes(network, images), space)",
    "class sizes": STREETS + "explorer = ProfileExplorer()",
    "shares of the positives": STREETS + "explorer = SharesExplorer()",
    "nearest neighbours": STREETS
    + """
from udalib.analysis.longtail import Gallery, embed, probe
from udalib.recipes import get_recipe
from udalib.recipes.build import build_method
from udalib.world import ThingsLongTail
crops = ThingsLongTail("train", largest=10, imbalance=5, cache=False)
images = torch.stack([crops[i]["image"] for i in range(len(crops))]) / 255
label = torch.from_numpy(crops.targets())
torch.manual_seed(0)
# train mode: by its first running statistics a fresh network finds all pictures alike, at any temperature
methods = {k: build_method(get_recipe(f"streets-crops/{k}-features", "quick")).train() for k in ("scl", "dscl")}
galleries = {kind: Gallery(images, label, embed(method, images)) for kind, method in methods.items()}
asked = {crops.label_space.names[int(label[i])]: (images[i], int(label[i])) for i in (1, 8)}
probes = {kind: {name: probe(m, *each) for name, each in asked.items()} for kind, m in methods.items()}
explorer = NeighboursExplorer(galleries, probes, crops.label_space)
""",
    "token groups": STREETS
    + """
from udalib.models.cfpt.attention import CrossLayerChannelAttention, CrossLayerSpatialAttention
torch.manual_seed(0)
levels = [torch.randn(1, 16, 16 >> i, 32 >> i) for i in range(4)]
blocks = {"CSA": CrossLayerSpatialAttention(16).eval(), "CCA": CrossLayerChannelAttention(16).eval()}
explorer = GroupsExplorer(samples[0]["image"], {k: (b, levels) for k, b in blocks.items()}, (4, 8, 16, 32))
""",
    "reach of an exchange": STREETS
    + """
explorer = ReachExplorer((4, 4, 4, 4), finest=(16, 32), seeds=(0,))
""",
    "detections": STREETS
    + """
from udalib.world.boxes import StreetBoxes
above = StreetBoxes("above", "val", 4, (64, 128), cache=False)
seen = [above[i] for i in range(4)]
found = {n: [stand_in_detections(s, 10, skill=k) for s in seen] for n, k in (("good", 0.95), ("bad", 0.3))}
explorer = DetectionsExplorer(seen, found, above.label_space, threshold=0.2)
""",
    "seeds": STREETS + "explorer = SeedsExplorer()",
    "label files": STREETS
    + """
from udalib.data.sets.writing import coded
codes = {**dict.fromkeys(range(19), 1), 0: 7, 10: 23, 13: 26}
ids = [coded(sample["label"].numpy(), codes) for sample in samples]
readings = {"four classes": {1: "other", 7: "road", 23: "sky", 26: "car"}, "road or not": {1: "rest", 7: "road"}}
explorer = LabelExplorer([sample["image"] for sample in samples], ids, readings)
""",
}
SHOW = "print(*(control.label for control in explorer.controls.values()), sep='\\n')"


def test_every_explorer_of_the_library_and_the_notebooks_is_here():
    everything = "\n".join(EXPLORERS.values())
    for chapter in CHAPTERS:
        importlib.import_module(chapter)
    names = {kind.__name__ for kind in viz.Explorer.__subclasses__() if kind.__module__.startswith("udalib.")}
    assert len(names) > 5
    assert [name for name in names if f"{name}(" not in everything] == []
    written = "\n".join(path.read_text(encoding="utf-8") for path in NOTEBOOKS)
    titles = re.findall(r'viz\.Explorer\((?:\\n",\s*")?\s*\\"(.+?)\\"', written)
    assert len(titles) == written.count("viz.Explorer(")
    assert [title for title in titles if f'"{title}"' not in everything] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", EXPLORERS)
def test_every_control_moves_the_picture_and_back(name, open_panel):
    panel = open_panel(name, [EXPLORERS[name], SHOW, "explorer.widget()"])
    controls = list(panel.controls())
    panel.shoot("opened")
    assert [label for label, _ in controls] == panel.printed().split("\n")
    assert panel.cut_off() == []
    assert panel.shrunk_to() > READABLE
    for label, control in controls:
        panel.exercise(label, control)


@pytest.mark.slow
def test_a_broken_explorer_is_noticed(open_panel):
    lines = "from udalib import viz\nimport numpy as np\n"
    lines += "def draw(shift):\n    return viz.beside({'a': np.full((8, 16, 3), 9 // (1 - shift), np.uint8)})\n"
    lines += "explorer = viz.Explorer('Broken', draw, {'shift': viz.Slider('Shift', 0, 1, 1, 0)})"
    panel = open_panel("broken", [lines, "explorer.widget()"])
    ((label, control),) = panel.controls()
    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        panel.exercise(label, control)


@pytest.mark.slow
def test_a_control_without_effect_is_noticed(open_panel):
    lines = "from udalib import viz\nimport numpy as np\n"
    lines += "def draw(on):\n    return viz.beside({'a': np.zeros((8, 16, 3), np.uint8)})\n"
    lines += "explorer = viz.Explorer('Idle', draw, {'on': viz.Toggle('On')})"
    panel = open_panel("idle", [lines, "explorer.widget()"])
    ((label, control),) = panel.controls()
    with pytest.raises(AssertionError, match="stays as it was when 'On' is moved"):
        panel.exercise(label, control)
