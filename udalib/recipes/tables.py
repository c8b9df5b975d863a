"""Tables of results by name: which recipes stand in the rows, and whose published numbers stand beside them."""

from __future__ import annotations

from dataclasses import dataclass

from udalib.core.errors import ConfigError, unknown_name
from udalib.core.registry import Registry
from udalib.recipes.comparisons import COMPARISONS
from udalib.recipes.registry import RECIPES, get_recipe, import_zoo
from udalib.recipes.spec.specs import Published


@dataclass(frozen=True)
class Row:
    """One row.

    Attributes:
        title: what the paper calls it.
        recipe: what is run.
        answers: the recipe whose published numbers stand beside; "" = ``recipe`` itself.
    """

    title: str
    recipe: str
    answers: str = ""

    def published(self) -> tuple[Published, ...]:
        """Numbers of others; of another recipe than the row's they are of other data, and a report says so."""
        return get_recipe(self.answers or self.recipe).published


@dataclass(frozen=True)
class Table:
    """A table that one command reproduces.

    Attributes:
        name: as in ``udalib reproduce NAME``.
        title: what it shows, in a sentence.
        rows: in order.
        seeds: of every row, unless others are asked for.
    """

    name: str
    title: str
    rows: tuple[Row, ...]
    seeds: tuple[int, ...] = (0, 1, 2)

    def select(self, titles: tuple[str, ...]) -> tuple[Row, ...]:
        """Rows by title or recipe, in the table's order, all for none given; an unknown one raises."""
        known = {row.title for row in self.rows} | {row.recipe for row in self.rows}
        for title in titles:
            if title not in known:
                raise unknown_name(f"row of table {self.name}", title, known)
        return tuple(row for row in self.rows if not titles or row.title in titles or row.recipe in titles)


TABLES: Registry[Table] = Registry("table")


def register_table(table: Table) -> Table:
    """Make ``table`` known to :func:`get_table` and ``udalib reproduce``."""
    titles = [row.title for row in table.rows]
    if len(set(titles)) != len(titles):
        raise ConfigError(f"table {table.name}: two rows share a title among {', '.join(titles)}.")
    return TABLES.add(table.name, table)


def get_table(name: str) -> Table:
    """Return the table ``name``, or the registered comparison of that name as one.

    Raises:
        UnknownNameError: there is none; the message lists the nearest names.
    """
    import_zoo()
    if name in TABLES.names():
        return TABLES.get(name)
    if name not in COMPARISONS.names():
        raise unknown_name("table", name, list_tables())
    comparison = COMPARISONS.get(name)
    recipes = dict.fromkeys((*comparison.baselines, *comparison.recipes))
    rows = tuple(Row(RECIPES.get(recipe).name, recipe) for recipe in recipes)
    return Table(name, comparison.what, rows, comparison.seeds)


def list_tables() -> list[str]:
    """Names of the published tables and of the comparisons, sorted."""
    import_zoo()
    return sorted({*TABLES.names(), *COMPARISONS.names()})
