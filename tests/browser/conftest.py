"""A real JupyterLab in a real headless Chromium; skipped, with the reason, where one of them is missing."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = (
    "--no-sandbox",  # root may not start Chromium without; the only page it sees is our own
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
SIZE = {"width": 1280, "height": 1400}
QUIET = {"fetchNews": "false", "checkForUpdates": False, "doNotDisturbMode": True}
TOKEN = "token"
PATIENCE = 90.0
"""Seconds that a busy machine may take for the longest single thing: the import of torch in a new kernel."""

ORPHANED = 600
"""Seconds of idleness after which a server and its kernel end by themselves."""


def find_chromium() -> str:
    """The browser's path, from UDALIB_CHROMIUM or by its usual names; skip without one."""
    stated = os.environ.get("UDALIB_CHROMIUM", "")
    found = [path for path in map(shutil.which, [stated] if stated else NAMES) if path]
    if not found:
        reason = f"UDALIB_CHROMIUM={stated!r} is no program" if stated else f"none of {', '.join(NAMES)} is installed"
        pytest.skip(f"no Chromium: {reason}")
    return found[0]


@dataclass(frozen=True)
class Lab:
    """A running JupyterLab and one kernel that all its notebooks share: torch is imported once."""

    address: str
    folder: Path
    kernel: str

    def open(self, name: str, cells: list[str]) -> str:
        """Write a notebook, connect it to the kernel, and return the address of its page."""
        import nbformat

        spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
        notebook = nbformat.v4.new_notebook(metadata={"kernelspec": spec})
        notebook.cells = [nbformat.v4.new_code_cell(cell) for cell in cells]
        nbformat.write(notebook, self.folder / f"{name}.ipynb")
        path = f"{name}.ipynb"
        ask(f"{self.address}/api/sessions", path=path, name=path, type="notebook", kernel={"id": self.kernel})
        return f"{self.address}/lab/workspaces/{name}/tree/{path}?token={TOKEN}"  # no tabs of other tests


def ask(address: str, **body: Any) -> dict[str, Any]:
    """GET ``address`` of the server, or POST ``body`` to it."""
    headers = {"Authorization": f"token {TOKEN}", "Content-Type": "application/json"}
    request = urllib.request.Request(address, json.dumps(body).encode() if body else None, headers)
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        return dict(json.load(answer))


def start_lab(home: Path) -> tuple[subprocess.Popen[bytes], str]:
    """Start a server that keeps its settings, its notebooks and its log below ``home``."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = home / "settings" / "@jupyterlab" / "apputils-extension" / "notification.jupyterlab-settings"
    settings.parent.mkdir(parents=True)
    settings.write_text(json.dumps(QUIET), encoding="utf-8")
    (home / "notebooks").mkdir()
    places = {"JUPYTERLAB_SETTINGS_DIR": "settings", "JUPYTERLAB_WORKSPACES_DIR": "workspaces", "IPYTHONDIR": "ipython"}
    places |= {f"JUPYTER_{name.upper()}_DIR": name for name in ("config", "data", "runtime")}
    places["UDALIB_CACHE"] = "cache"
    environment = {**os.environ, **{name: str(home / folder) for name, folder in places.items()}}
    environment |= {"OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg", "HF_HUB_OFFLINE": "1"}
    options = ["--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}", "--ServerApp.port_retries=0"]
    options += [f"--ServerApp.root_dir={home / 'notebooks'}", f"--IdentityProvider.token={TOKEN}"]
    options += [f"--ServerApp.shutdown_no_activity_timeout={ORPHANED}", "--MappingKernelManager.cull_connected=True"]
    options += [f"--MappingKernelManager.cull_idle_timeout={ORPHANED}"]  # should the tests be killed half-way
    command = [sys.executable, "-m", "jupyterlab", *options, "--LabApp.expose_app_in_browser=True"]
    with (home / "log.txt").open("wb") as log:
        server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log, start_new_session=True)
    return server, f"http://127.0.0.1:{port}"


def wait_for(server: subprocess.Popen[bytes], address: str, log: Path) -> None:
    """Return when the server answers; fail with its log if it ends or takes too long."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and server.poll() is None:
        try:
            ask(f"{address}/api/status")
            return
        except OSError:
            time.sleep(0.1)  # between two questions; the condition is the answer
    raise AssertionError(f"JupyterLab did not come up:\n{log.read_text(encoding='utf-8', errors='replace')}")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """One server a worker."""
    pytest.importorskip("jupyterlab", reason="JupyterLab is not installed: pip install 'udalib[notebooks]'")
    pytest.importorskip("ipywidgets", reason="ipywidgets is not installed: pip install 'udalib[notebooks]'")
    find_chromium()
    home = tmp_path_factory.mktemp("lab")
    server, address = start_lab(home)
    try:
        wait_for(server, address, home / "log.txt")
        yield Lab(address, home / "notebooks", ask(f"{address}/api/kernels", name="python3")["id"])
    finally:
        server.terminate()
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Headless Chromium; of module scope, since Playwright's event loop must not reach other tests."""
    driver = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install 'udalib[dev]'")
    path = find_chromium()
    with driver.sync_playwright() as playwright:
        window = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield window.new_context(viewport=SIZE)
        window.close()


@pytest.fixture(scope="session")
def shots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the screenshots: UDALIB_SCREENSHOTS, else a temporary one."""
    stated = os.environ.get("UDALIB_SCREENSHOTS")
    folder = Path(stated) if stated else tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def panels(load_script: Callable[[Path], ModuleType]) -> ModuleType:
    """The module panel.py."""
    return load_script(Path(__file__).with_name("panel.py"))


@pytest.fixture
def open_panel(browser: Any, lab: Lab, shots: Path, panels: ModuleType) -> Iterator[Callable[..., Any]]:
    """Open a notebook of the given cells in JupyterLab, run it, and return its :class:`Panel`."""
    page = browser.new_page()
    page.set_default_timeout(1000 * PATIENCE)

    def start(name: str, cells: list[str]) -> Any:
        safe = re.sub(r"[^a-z0-9]+", "_", name.lower())
        page.goto(lab.open(safe, cells))
        panel = panels.Panel(page, shots, safe)
        panel.run()
        return panel

    yield start
    page.close()
