"""``udalib reproduce``."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from udalib.cli.run import Assignments
from udalib.core.files import write_text
from udalib.recipes.report.table import table_text
from udalib.recipes.sweep.ray_pool import RayOptions
from udalib.recipes.tables import get_table, list_tables


def reproduce(
    table: Positional[str] = "",
    preset: str = "laptop",
    seeds: tuple[int, ...] = (),
    rows: tuple[str, ...] = (),
    set: Assignments = (),
    device: str = "auto",
    jobs: int = 1,
    executor: Literal["local", "ray"] = "local",
    ray: Annotated[RayOptions, arg(name="")] = RayOptions(),  # noqa: B008  # frozen
    out: Path | None = None,
    store: str = "",
    format: str = "table",
    write: Path | None = None,
) -> int:
    """Reproduce a table: every row with every seed, each run with its executed notebook beside it; then report it.

    The same command again goes on where it was stopped. A row that fails is shown with its reason and hides no other.

    Args:
        table: name; none lists them.
        preset: quick, laptop or paper.
        seeds: default: the table's.
        rows: titles or recipes; default: all.
        set: dotted overrides of every run.
        device: auto, cpu, cuda, cuda:N or mps.
        jobs: runs at a time, one thread each; on Ray only for a cluster that is started here.
        executor: local processes, or a Ray cluster, whose machines must all see the folder of the runs.
        ray: which cluster, and what a run asks it for.
        out: folder of the run folders; default $UDALIB_RUNS, else runs.
        store: address of one of Papermill's stores (s3://, gs://, abs://, adl://, hdfs://, http://, a folder) that gets
            a copy of every executed notebook; its client comes with papermill[s3] and so on.
        format: table or markdown.
        write: file to write the report to, besides printing it.
    """
    from udalib.notebooks import reproduce as driving

    if not table:
        return _list()
    chosen = get_table(table)
    shown = chosen.select(rows)
    tasks = driving.plan(shown, seeds or chosen.seeds, preset, tuple(set), device=device, out=out)
    cluster = ray if executor == "ray" else None
    try:
        done = driving.reproduce(
            tasks, jobs=jobs, out=out, told=partial(print, flush=True), cluster=cluster, store=store
        )
    except KeyboardInterrupt:
        print("\nstopped; every run is saved, and the same command goes on from there.", file=sys.stderr)
        return 130
    _tell(table_text(f"{chosen.name}: {chosen.title}", shown, done.report, done.failed, format), write)
    return 1 if done.failed else 0


def _tell(report: str, file: Path | None) -> None:
    """Print the report, and write it to ``file`` if one was named."""
    print("\n" + report, end="")
    if file is not None:
        write_text(file, report)


def _list() -> int:
    tables = [get_table(name) for name in list_tables()]
    width = max(len(table.name) for table in tables)
    for table in tables:
        print(f"{table.name:<{width}}  {len(table.rows)} rows: {', '.join(row.title for row in table.rows)}")
    return 0
