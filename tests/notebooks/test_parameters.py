"""Notebook parameters: read from the tagged cell, typed, and refused before anything runs."""

import json

import pytest

from udalib.core.errors import ConfigError, UnknownNameError
from udalib.notebooks import read_parameters, resolve
from udalib.notebooks.parameters import check_history, check_parameters, parse_cell

CELL = """# parameters: change a value
preset: str = "quick"  # one of: quick, laptop, paper
seeds: list[int] = [0, 1, 2]
rate: float = 0.1  # learning rate
steps = 40
verbose = False
"""


@pytest.fixture
def declared():
    return parse_cell(CELL, "00_x")


def test_types_come_from_annotations_or_defaults(declared):
    assert {n: p.type for n, p in declared.items()} == {
        "preset": str, "seeds": list, "rate": float, "steps": int, "verbose": bool,
    }  # fmt: skip
    assert declared["preset"].choices == ("quick", "laptop", "paper")
    assert declared["rate"].choices == ()


def test_texts_become_typed_values(declared):
    given = {"preset": "laptop", "seeds": "[3]", "rate": "1", "steps": "7", "verbose": "True"}
    values = resolve(declared, given, "00_x")
    assert values == {"preset": "laptop", "seeds": [3], "rate": 1.0, "steps": 7, "verbose": True}
    assert type(values["rate"]) is float


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("steps", "many", "'steps' of 00_x must be int .default 40., got 'many' of type str"),
        ("steps", "4.5", "must be int"),
        ("steps", "True", "must be int"),
        ("verbose", "1", "must be bool"),
        ("seeds", "3", "must be list"),
        ("rate", "'x'", "must be float"),
    ],
)
def test_a_wrong_type_is_refused(declared, name, text, message):
    with pytest.raises(ConfigError, match=message):
        resolve(declared, {name: text}, "00_x")


def test_a_wrong_name_or_choice_lists_the_nearest(declared):
    with pytest.raises(UnknownNameError, match="parameter of 00_x 'presset'. Did you mean: preset"):
        resolve(declared, {"presset": "quick"}, "00_x")
    with pytest.raises(UnknownNameError, match="Did you mean: quick"):
        resolve(declared, {"preset": "quik"}, "00_x")


def test_the_cell_holds_plain_assignments_only():
    with pytest.raises(ConfigError, match="line 2: 'import os'"):
        parse_cell("a = 1\nimport os")
    with pytest.raises(ConfigError, match="plain value, not .len"):
        parse_cell("a = len('x')")


def write(path, cells):
    path.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    return path


def test_the_tagged_cell_is_read_from_the_file(tmp_path):
    cells = [
        {"cell_type": "code", "source": ["other = 1\n"], "metadata": {}},
        {"cell_type": "code", "source": CELL.splitlines(keepends=True), "metadata": {"tags": ["parameters"]}},
    ]
    assert list(read_parameters(write(tmp_path / "n.ipynb", cells))) == ["preset", "seeds", "rate", "steps", "verbose"]


def test_a_missing_tag_or_a_broken_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match="exactly one cell tagged 'parameters', found 0"):
        read_parameters(write(tmp_path / "n.ipynb", []))
    (tmp_path / "b.ipynb").write_text("{")
    with pytest.raises(ConfigError, match=r"b\.ipynb cannot be read as a notebook"):
        read_parameters(tmp_path / "b.ipynb")


def values(**changed):
    return {"preset": "quick", "seeds": [0], "rate": 0.1, "steps": 40, "verbose": False, **changed}


def test_inside_a_notebook_injected_names_and_edited_values_are_checked():
    check_history(["", CELL, "check_parameters()"], values())
    check_history(["", CELL, "# Parameters\nsteps = 3\n", "check_parameters()"], values(steps=3))
    with pytest.raises(UnknownNameError, match="Did you mean: steps"):
        check_history([CELL, "# Parameters\nstep = 3\n"], values(step=3))
    with pytest.raises(ConfigError, match="must be int"):
        check_history([CELL], values(steps="3"))
    with pytest.raises(UnknownNameError, match="laptop"):
        check_history([CELL], values(preset="lptop"))


def test_inside_a_notebook_the_latest_parameters_cell_counts():
    check_history([CELL, "# Parameters\nstep = 3\n", CELL], values())


def test_outside_a_notebook_it_says_so():
    with pytest.raises(ConfigError, match="inside a notebook"):
        check_parameters()
    with pytest.raises(ConfigError, match="no parameters cell was run"):
        check_history(["a = 1"], {})
