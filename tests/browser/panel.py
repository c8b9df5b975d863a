"""One explorer on a page of JupyterLab: its controls moved as a reader moves them, its picture compared.

Nothing here sleeps: each wait is for a condition, and a condition that does not come is a failure that says which.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

SECOND = 1000.0
READY = """() => {
    const context = window.jupyterapp?.shell.currentWidget?.sessionContext;
    const kernel = context?.session?.kernel;
    return Boolean(context?.isReady) && kernel?.connectionStatus === "connected" && kernel.status === "idle";
}"""
COUNT_ANSWERS = """() => {
    const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
    window.answers = 0;
    kernel.statusChanged.connect((_, status) => { window.answers += Number(status === "idle"); });
}"""
# The bytes of every image and canvas, not their addresses: an image that is set anew has a new address in any case.
PICTURE = """async (output) => {
    const images = [...output.querySelectorAll("img")].map(async (image) => (await fetch(image.src)).arrayBuffer());
    const canvases = [...output.querySelectorAll("canvas")].map(async (c) => new TextEncoder().encode(c.toDataURL()));
    const parts = await Promise.all([...images, ...canvases]);
    const digests = await Promise.all(parts.map((bytes) => crypto.subtle.digest("SHA-256", bytes)));
    return digests.map((d) => [...new Uint8Array(d)].map((b) => b.toString(16).padStart(2, "0")).join("")).join(" ");
}"""
CHANGED = f"""async (output, [before, limit]) => {{
    const end = performance.now() + limit, picture = {PICTURE};
    for (;;) {{
        const now = await picture(output);
        if (now !== before || performance.now() > end) return now;
        await new Promise((resolve) => setTimeout(resolve, 50));
    }}
}}"""
IMAGES_LOADED = """(output) => {
    const images = [...output.querySelectorAll("img")];
    return images.length > 0 && images.every((image) => image.complete && image.naturalWidth > 0);
}"""
CUT_OFF = """(output) => [...output.querySelectorAll("label, select, .widget-readout, button")]
    .filter((e) => e.offsetParent && e.scrollWidth > e.clientWidth + 1 && !e.multiple).map((e) => e.textContent)"""
SHRUNK_TO = """(output) =>
    Math.min(...[...output.querySelectorAll("img")].map((image) => image.clientWidth / image.naturalWidth))"""
CONTROLS = (
    ".widget-hslider, .widget-dropdown, .widget-select, .widget-select-multiple, .widget-checkbox, .widget-text, "
    ".widget-toggle-buttons, .widget-radio, .widget-button, .widget-toggle-button"
)
ERRORS = "[data-mime-type*=error], [data-mime-type*=stderr]"
TROUBLE = re.compile(r"Traceback|Error displaying widget|Loading widget")


class Panel:
    """The output of the last cell of the open notebook.

    Args:
        page: a notebook is open on it, and nothing has run yet.
        shots: folder of the screenshots.
        name: of the screenshots.
    """

    def __init__(self, page: Page, shots: Path, name: str) -> None:
        self.page, self.shots, self.name = page, shots, name
        self.output = page.locator(".jp-OutputArea-output:has(.widget-vbox)").last

    def run(self) -> None:
        """Run every cell from the menu and wait for the picture."""
        self.page.wait_for_function(READY)
        self.page.evaluate(COUNT_ANSWERS)
        self.page.get_by_role("menuitem", name="Run", exact=True).click()
        self.page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        shown = self.output.locator("img").or_(self.page.locator(ERRORS)).or_(self.page.get_by_text("Traceback"))
        shown.first.wait_for()
        self.check()
        self.page.wait_for_function(IMAGES_LOADED, arg=self.output.element_handle())
        self.page.wait_for_function(READY)

    def check(self) -> None:
        """Fail with the text of the page if there is an error anywhere in the notebook."""
        said = "\n".join(self.page.locator(".jp-OutputArea").all_inner_texts())
        errors = self.page.locator(ERRORS).all_inner_texts()
        assert not errors, "\n".join(errors)
        assert not TROUBLE.search(said), said

    def picture(self) -> str:
        """The digests of all pictures."""
        return str(self.output.evaluate(PICTURE))

    def printed(self) -> str:
        """What the cells have printed."""
        return "\n".join(self.page.locator("[data-mime-type*=stdout]").all_inner_texts()).strip()

    def controls(self) -> Iterator[tuple[str, Locator]]:
        """Label and element of each control, from top to bottom."""
        for control in self.output.locator(CONTROLS).all():
            yield " ".join(control.locator("label, button").all_inner_texts()).strip(" \n\u200b"), control

    def shoot(self, what: str) -> None:
        """Save a picture of the page."""
        self.output.scroll_into_view_if_needed()
        self.page.screenshot(path=self.shots / f"{self.name}-{re.sub(r'[^a-z0-9]+', '_', what.lower())}.png")

    def cut_off(self) -> list[str]:
        """The texts that do not fit into their place."""
        return list(self.output.evaluate(CUT_OFF))

    def shrunk_to(self) -> float:
        """By how much the pictures are drawn smaller than they are, to fit the page."""
        return float(self.output.evaluate(SHRUNK_TO))

    def move(self, label: str, action: Callable[[], Any]) -> str:
        """Do ``action``, wait for the kernel's answer, and return the picture; it must have changed."""
        before, answers = self.picture(), self.page.evaluate("window.answers")
        action()
        self.page.wait_for_function("(seen) => window.answers > seen", arg=answers)
        self.page.wait_for_function(READY)
        self.check()
        after = str(self.output.evaluate(CHANGED, [before, 10 * SECOND]))  # the picture follows the answer at once
        if after == before:
            self.shoot(f"unchanged {label}")
            raise AssertionError(f"{self.name}: the picture stays as it was when {label!r} is moved")
        return after

    def exercise(self, label: str, control: Locator) -> None:
        """Move one control away from where it stands and back; it must come back to the same picture."""
        opened = self.picture()
        for step, action in enumerate(self._moves(control)):
            picture = self.move(label, action)
            if step == 0:
                self.shoot(label)
        assert picture == opened, f"{self.name}: {label!r} is back, and the picture is another"

    def _moves(self, control: Locator) -> Iterable[Callable[[], Any]]:
        kinds = str(control.get_attribute("class"))
        if "widget-hslider" in kinds:
            return self._slide(control)
        if "widget-dropdown" in kinds or "widget-select" in kinds:
            return _select(control)
        if "widget-checkbox" in kinds:
            return [control.locator("input").click] * 2
        if "widget-text" in kinds:
            return _type(control.locator("input"))
        if "widget-radio" in kinds or "widget-toggle-buttons" in kinds:
            return _press(control)
        return [control.click] * (2 if "toggle" in kinds else 1)

    def _slide(self, control: Locator) -> Iterator[Callable[[], Any]]:
        """One step with the keyboard; by mouse to the end that is farther away; back by mouse."""
        handle, track = control.locator(".noUi-handle"), control.locator(".noUi-base")
        control.scroll_into_view_if_needed()
        start, rail = _centre(handle), track.bounding_box()
        assert rail is not None
        left, right = rail["x"], rail["x"] + rail["width"]
        far, key = (right, "ArrowRight") if start < (left + right) / 2 else (left, "ArrowLeft")

        def drag(to: float) -> None:
            box = handle.bounding_box()
            assert box is not None
            middle = box["y"] + box["height"] / 2
            self.page.mouse.move(box["x"] + box["width"] / 2, middle)
            self.page.mouse.down()
            self.page.mouse.move(to, middle, steps=4)
            self.page.mouse.up()

        yield lambda: handle.press(key)
        if abs(_centre(handle) - far) > 1:  # a slider of two stops is there already
            yield lambda: drag(far)
        yield lambda: drag(start)


def _centre(element: Locator) -> float:
    box = element.bounding_box()
    assert box is not None
    return float(box["x"] + box["width"] / 2)


def _select(control: Locator) -> list[Callable[[], Any]]:
    """The first of the other options, their last one (all options, if there may be several), and back.

    Of several that are all chosen, the first alone, and back.
    """
    select = control.locator("select")
    options = select.locator("option").all_inner_texts()
    chosen = select.evaluate("(s) => [...s.selectedOptions].map((o) => o.textContent)")
    rest = [option for option in options if option not in chosen]
    several = select.evaluate("(s) => s.multiple")
    if several:
        others = [rest[:1], options] if rest else [options[:1]]
    else:
        others = [rest[:1], rest[-1:]] if len(rest) > 1 else [rest]

    def choose(labels: list[str]) -> Callable[[], Any]:
        return lambda: select.select_option(label=labels)

    return [choose(labels) for labels in [*others, chosen]]


def _type(field: Locator) -> list[Callable[[], Any]]:
    """One character less, then the whole text."""
    text = field.input_value()

    def write(value: str) -> Callable[[], Any]:
        return lambda: (field.fill(value), field.press("Enter"))

    return [write(text[:-1]), write(text)]


def _press(control: Locator) -> list[Callable[[], Any]]:
    """Each of several buttons, the one that is pressed at first last."""
    buttons = control.locator("button, input").all()
    first = next((b for b in buttons if b.evaluate("(b) => b.checked || b.classList.contains('mod-active')")), None)
    others = [button.click for button in buttons if button is not first]
    return [*others, first.click] if first else others
