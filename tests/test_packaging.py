"""The set-up files say the same thing: pyproject, lock, conda file, Makefile, CI."""

import os
import re
import subprocess
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCK = [Requirement(line) for line in (ROOT / "requirements.lock").read_text().splitlines() if line]
APPLYING = {r.name.lower().replace("_", "-"): r for r in LOCK if r.marker is None or r.marker.evaluate()}
EXTRAS = PROJECT["optional-dependencies"]


def test_conda_file_asks_for_this_package_with_every_extra():
    conda = yaml.safe_load((ROOT / "environment.yml").read_text())
    pip_part = next(d["pip"] for d in conda["dependencies"] if isinstance(d, dict))
    (entry,) = pip_part
    extras = re.fullmatch(r"-e \.\[(.+)\]", entry)[1].split(",")
    assert sorted(extras) == sorted(EXTRAS)
    python = next(d for d in conda["dependencies"] if isinstance(d, str) and d.startswith("python"))
    assert python == "python" + PROJECT["requires-python"]


def test_lock_pins_every_line_and_names_no_host():
    text = (ROOT / "requirements.lock").read_text()
    assert all(re.fullmatch(r"==[^*]+", str(r.specifier)) for r in LOCK)
    assert "://" not in text
    assert "--" not in text


@pytest.mark.parametrize("line", PROJECT["dependencies"] + [d for extra in EXTRAS.values() for d in extra])
def test_lock_satisfies_what_pyproject_asks_for(line):
    asked = Requirement(line)
    pinned = APPLYING[asked.name.lower()]
    assert asked.specifier.contains(next(iter(pinned.specifier)).version)


def test_installed_versions_are_the_locked_ones():
    wrong = {n: version(n) for n, r in APPLYING.items() if not r.specifier.contains(version(n), prereleases=True)}
    assert not wrong, f"installed versions differ from requirements.lock: {wrong}; run `make setup`"


def test_version_is_stated_once_and_alike():
    import udalib

    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert udalib.__version__ == PROJECT["version"] == citation["version"]


def test_make_help_lists_the_promised_targets():
    listing = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for target in ("setup", "run", "test", "lab", "lint", "bench", "clean", "help"):
        assert re.search(rf"make {target}\b", listing), target


def test_setup_refuses_an_old_python_with_a_way_out(tmp_path):
    old = tmp_path / "python"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    (tmp_path / "requirements.lock").touch()
    (tmp_path / "pyproject.toml").touch()
    command = ["make", "-f", str(ROOT / "Makefile"), "setup", f"PYTHON={old}"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode != 0
    assert "Python 3.11 or newer" in done.stdout


def test_ci_runs_the_readmes_test_command():
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert script.read_text().rstrip().endswith("make test")
    assert "make test" in (ROOT / "README.md").read_text()
