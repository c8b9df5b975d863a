"""The overview starts without PyTorch; the script writes what it measured."""

import json
import subprocess
import sys


def test_help_imports_no_pytorch():
    code = "import sys; from udalib.cli import main; main(['--help']); print('torch' in sys.modules)"
    lines = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.splitlines()
    assert lines[0].startswith("usage: udalib")
    assert lines[-1] == "False"


def test_recipes_and_models_import_neither_torchvision_nor_timm():
    code = "import sys, udalib.recipes as r, udalib.models; r.list_recipes()"
    code += "; print({'torchvision', 'timm', 'lightning', 'sklearn', 'seaborn'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert found.strip() == "set()"


def test_record(startup, tmp_path):
    out = tmp_path / "startup.json"
    assert startup.main(["--rounds", "1", "--only", "udalib --help", "--out", str(out)]) == 0
    rows = json.loads(out.read_text())["rows"]
    assert [r["name"] for r in rows] == ["import torch", "udalib --help"]
    assert rows[1]["seconds"] < rows[0]["seconds"]
