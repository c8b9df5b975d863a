"""``udalib export``."""

from __future__ import annotations

from pathlib import Path

from tyro.conf import Positional

from udalib.recipes.apply.export import export_run


def export(
    run: Positional[Path],
    out: Path = Path("export"),
    formats: tuple[str, ...] = ("safetensors", "torch"),
    size: tuple[int, int] | None = None,
) -> int:
    """Take a run's model out: weights, a program without udalib's code, a configuration and a model card.

    Args:
        run: run folder.
        out: folder to write to.
        formats: safetensors, torch (a torch.export program) and onnx, each checked against the run's own logits.
        size: height and width of the images that the programs take; default: the size the recipe evaluates at.
    """
    done = export_run(run, out, formats, size)
    for name, path in done.files.items():
        difference = done.difference.get(name)
        remark = "" if difference is None else f"  (largest difference {difference:.1e} of the largest logit)"
        print(f"{path}{remark}")
    print(f"images of {done.size[0]} x {done.size[1]}; read {done.folder / 'README.md'}")
    return 0
