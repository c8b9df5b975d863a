"""The committed page is what the committed records give, and every number in it comes from one."""

import json
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_committed_page_is_made_from_the_committed_records(page, tmp_path):
    assert page.page(page.RECORDS, tmp_path / "speed") == page.PAGE.with_suffix(".md").read_text()


def test_every_kind_of_record_has_a_section_and_a_record(page):
    found = [json.loads(path.read_text())["benchmark"] for path in page.RECORDS.glob("*.json")]
    assert all(any(kind.startswith(name) for name in page.SECTIONS) for kind in found)
    assert all(any(kind.startswith(name) for kind in found) for name in page.SECTIONS)


def test_a_changed_record_changes_the_page(page, tmp_path):
    record = json.loads((page.RECORDS / "startup-cpu.json").read_text())
    record["rows"][0]["seconds"] = 123.456
    (tmp_path / "startup.json").write_text(json.dumps(record))
    assert page.main(["--records", str(tmp_path), "--out", str(tmp_path / "out" / "speed")]) == 0
    text = (tmp_path / "out" / "speed.md").read_text()
    assert "| 123.46 |" in text
    assert "## Networks" not in text


def test_the_pictures_of_the_page_are_there(page):
    for picture in ("kernels", "split"):
        assert (ROOT / "docs" / f"speed-{picture}.png").is_file()
