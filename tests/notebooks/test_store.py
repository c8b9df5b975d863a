"""Executed notebooks in a store by its address: over HTTP on this machine, and what a store that fails leaves."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from udalib.notebooks import drive
from udalib.notebooks.execute import Outcome
from udalib.recipes.sweep.tasks import make_task

pytest.importorskip("papermill", reason="papermill is not installed (udalib[notebooks])")
CELLS = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


@pytest.fixture
def server():
    """A server that keeps what is put, and refuses everything below /closed; its address and what it got."""
    got = {}

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            refused = self.path.startswith("/closed")
            if not refused:
                got[self.path] = json.loads(body)
            self.send_response(403 if refused else 201)
            self.end_headers()

        def log_message(self, *_):
            pass

    serving = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=serving.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{serving.server_port}", got
    serving.shutdown()
    thread.join()
    serving.server_close()


@pytest.fixture
def driven(tmp_path, monkeypatch):
    """Drive a run whose notebook is executed by nobody; the outcome and the run folder."""
    notebook = tmp_path / "given.ipynb"
    notebook.write_text(json.dumps(CELLS))

    def executed(source, out, parameters, limit):
        out.mkdir()
        (out / source.name).write_text(json.dumps({**CELLS, "metadata": {"seed": parameters["seeds"][0]}}))
        return Outcome(source.stem, 0.1, ())

    monkeypatch.setattr(drive, "execute", executed)
    task = make_task("streets/jitter", 3, "quick", out=tmp_path / "runs")
    return lambda store: (drive.drive(task, notebook, store), task.folder)


def test_a_copy_lies_in_the_store_like_the_run_folder(server, driven):
    address, got = server
    outcome, folder = driven(f"{address}/table/")
    assert outcome.ok
    assert got == {"/table/streets/jitter/quick/seed3.ipynb": {**CELLS, "metadata": {"seed": 3}}}
    assert (folder / "notebook.ipynb").exists()


def test_a_store_that_refuses_is_named_and_tried_again(server, driven):
    address, got = server
    outcome, folder = driven(f"{address}/closed")
    (problem,) = outcome.problems
    assert problem.startswith(f"could not store the notebook at {address}/closed/streets/jitter/quick/seed3.ipynb")
    assert "403" in problem
    assert not (folder / "notebook.ipynb").exists(), "it would count as done"
    outcome, folder = driven(f"{address}/open")
    assert outcome.ok
    assert list(got) == ["/open/streets/jitter/quick/seed3.ipynb"]
    assert sorted(path.name for path in folder.iterdir()) == ["notebook.ipynb"]
