import json
import os

import pytest
import torch

from udalib.core.errors import ConfigError, UdalibError, UnknownNameError
from udalib.core.files import atomic_folder, atomic_path, write_json
from udalib.core.registry import Registry
from udalib.core.seeding import derive_seed, numpy_generator, torch_generator


def test_unknown_names_list_the_nearest():
    colours = Registry("colour")
    colours.add("crimson", 1)
    with pytest.raises(UnknownNameError, match="unknown colour 'crimsom'. Did you mean: crimson"):
        colours.get("crimsom")
    with pytest.raises(UnknownNameError, match="Known: crimson"):
        colours.get("zzz")


def test_a_name_is_registered_once():
    colours = Registry("colour")
    colours.add("red", 1)
    assert colours.add("red", 1) == 1
    with pytest.raises(ConfigError, match="'red' is registered already"):
        colours.add("red", 2)


def test_an_interrupted_write_leaves_the_old_file_and_no_litter(tmp_path):
    target = tmp_path / "state.json"
    write_json(target, {"iteration": 1})
    with pytest.raises(RuntimeError), atomic_path(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError("killed")
    assert json.loads(target.read_text()) == {"iteration": 1}
    assert os.listdir(tmp_path) == ["state.json"]


def test_written_files_have_the_ordinary_permissions(tmp_path):
    (tmp_path / "plain").touch()
    write_json(tmp_path / "state.json", {})
    assert (tmp_path / "state.json").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_full_disk_is_named_with_a_remedy(tmp_path):
    with (
        pytest.raises(UdalibError, match=r"could not write .*state.json: No space left.*Free disk space"),
        atomic_path(tmp_path / "state.json"),
    ):
        raise OSError(28, "No space left on device")


def test_a_folder_appears_when_it_is_complete_and_replaces_an_earlier_one(tmp_path):
    with atomic_folder(tmp_path / "labels") as temporary:
        (temporary / "new.png").touch()
        assert not (tmp_path / "labels").exists()
    with pytest.raises(RuntimeError), atomic_folder(tmp_path / "labels") as temporary:
        (temporary / "half.png").touch()
        raise RuntimeError("killed")
    assert os.listdir(tmp_path) == ["labels"]
    assert os.listdir(tmp_path / "labels") == ["new.png"]
    with atomic_folder(tmp_path / "labels") as temporary:
        (temporary / "newer.png").touch()
    assert os.listdir(tmp_path / "labels") == ["newer.png"]
    (tmp_path / "file").touch()
    with pytest.raises(UdalibError, match=r"could not write .*file/labels.*Free disk space"):
        atomic_folder(tmp_path / "file" / "labels").__enter__()


def test_seeds_are_pinned_and_tell_types_and_order_apart():
    assert derive_seed("source", 0, 17) == derive_seed("source", 0, 17)
    different = {derive_seed(1, 2), derive_seed(2, 1), derive_seed("1", 2), derive_seed(12), derive_seed("1\x1f2")}
    assert len(different) == 5
    assert derive_seed("pinned", 7) == 2737714474170815936
    a, b = torch_generator("x", 1), torch_generator("x", 1)
    assert torch.equal(torch.rand(4, generator=a), torch.rand(4, generator=b))
    assert numpy_generator("x", 1).integers(1 << 30) == numpy_generator("x", 1).integers(1 << 30)
