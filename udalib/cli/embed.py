"""``udalib embed``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from tyro.conf import OmitArgPrefixes, Positional

from udalib.analysis.features import Atlas, Sampling, Stability, Tsne, collect, make_atlas, stability, write_record
from udalib.core.files import atomic_path
from udalib.recipes import get_recipe


def embed(
    runs: Positional[tuple[Path, ...]] = (),
    layer: tuple[str, ...] = ("decoder",),
    out: Path = Path("embedding"),
    color: Literal["class", "domain", "error"] = "class",
    sampling: OmitArgPrefixes[Sampling] = Sampling(),  # noqa: B008 (immutable)
    images: int = 100,
    domains: tuple[str, ...] = ("source", "target"),
    perplexity: float = 30.0,
    iterations: int = 1000,
    separate: bool = False,
    stable: bool = False,
    recipe: str | None = None,
    preset: str = "paper",
    device: str = "auto",
) -> int:
    """Embed pixel features of runs in one t-SNE: figure.png, points.csv, and measures.json with what a picture hides.

    Args:
        runs: run folders, last.ckpt or best.safetensors of a run, or published weights (with --recipe).
        layer: encoder.0, encoder.1, ..., decoder (what the classifier sees), logits, or any module's name.
        out: folder to write to.
        color: what colour stands for in the figure.
        sampling: which points; its seed is also that of t-SNE.
        images: of each domain, at most.
        domains: names of the recipe's evaluations, the source first.
        perplexity: of t-SNE.
        iterations: of t-SNE.
        separate: one embedding a run, turned onto the first run's, instead of a shared one.
        stable: embed the first run at half and double the perplexity too, with three seeds, and say what stays.
        recipe: of published weights.
        preset: of --recipe: quick, laptop or paper.
        device: auto, cpu, cuda, cuda:N or mps.
    """
    chosen = None if recipe is None else get_recipe(recipe, preset)
    found = collect(runs, layer, sampling, domains=domains, images=images, recipe=chosen, device=device)
    settings = Tsne(perplexity, iterations, seed=sampling.seed)
    atlas = make_atlas(found, settings, how="separate" if separate else "shared")
    first = found.runs[0]
    stabilities = {each: stability(found.vectors[first, each], settings) for each in layer} if stable else {}
    write(atlas, stabilities, out, color)
    print(summary(atlas, stabilities))
    print(f"\nwritten to {out}")
    return 0


def write(atlas: Atlas, stabilities: dict[str, Stability], out: Path, color: str) -> None:
    """Write the figure, the points and, last, the measures: a measures.json belongs to what lies beside it."""
    from udalib.viz.features import atlas_figure  # matplotlib loads slowly
    from udalib.viz.theme import to_png

    (out / "measures.json").unlink(missing_ok=True)
    with atomic_path(out / "figure.png") as temporary:
        temporary.write_bytes(to_png(atlas_figure(atlas, color=color)))
    write_record(out, atlas, stabilities)


def summary(atlas: Atlas, stabilities: dict[str, Stability]) -> str:
    """The measures as a table, then what was left out or is short, and the stability."""
    from udalib.viz.features import measures_table

    features, names = atlas.features, atlas.features.space.names
    lines = [f"{len(features.points)} points of {len(features.classes)} classes in {len(features.images)} images", ""]
    for layer in features.layers:
        lines += [f"layer {layer}", *str(measures_table(atlas, layer)).splitlines(), ""]
    if features.left_out:
        counts = ", ".join(f"{names[c]} ({'/'.join(map(str, n))})" for c, n in features.left_out.items())
        lines.append(f"left out, too few pure cells ({'/'.join(features.domains)}): {counts}")
    if features.short:
        lines.append(f"fewer points than asked for: {', '.join(names[c] for c in features.short)}")
    lines += [
        f"{layer}: {each.score:.2f} of the neighbours stay over perplexity and seed (1 = all, 0 = chance)"
        for layer, each in stabilities.items()
    ]
    return "\n".join(lines)
