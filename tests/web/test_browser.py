"""The report as a browser shows it: no request, no sideways scrolling, nothing that axe-core objects to."""

import asyncio
from pathlib import Path
from types import ModuleType

import msgspec
import pytest

from shipworthy.web.report import Page, render_page

pytestmark = pytest.mark.browser


@pytest.fixture(autouse=True)
def _chromium(screenshots: ModuleType) -> None:
    if screenshots.chromium_path() is None:
        pytest.skip("no Chromium here")


def looked(page: Page, folder: Path, screenshots: ModuleType, axe: str = "") -> list[object]:
    path = folder / "report.html"
    path.write_text(render_page(page, "html"), encoding="utf-8")
    return asyncio.run(screenshots.look(path, axe=axe, full=False))


def test_the_page_asks_for_nothing_and_fits_every_width(
    tmp_path: Path, pages: ModuleType, screenshots: ModuleType
) -> None:
    words = "x" * 3_000
    wide = msgspec.structs.replace(
        pages.story(), title=words, candidate=words, regressions=(pages.regression(words, said=words),)
    )
    seen = looked(wide, tmp_path, screenshots)

    assert [(1280, "light"), (1280, "dark"), (400, "light"), (400, "dark")] == [(s.width, s.theme) for s in seen]
    assert [((), 0)] * 4 == [(s.requests, s.overflow_px) for s in seen]


def test_light_and_dark_follow_the_reader(tmp_path: Path, pages: ModuleType, screenshots: ModuleType) -> None:
    light, dark, *_ = looked(pages.story(), tmp_path, screenshots)

    assert light.png != dark.png


@pytest.mark.parametrize("decision", ["promote", "block", "sign_off", "inconclusive"])
def test_axe_core_finds_no_violation(decision: str, tmp_path: Path, pages: ModuleType, screenshots: ModuleType) -> None:
    source = screenshots.axe_path()
    if source is None:
        pytest.skip("axe-core is not installed")
    seen = looked(pages.story(decision), tmp_path, screenshots, axe=source.read_text(encoding="utf-8"))

    assert [()] * 4 == [s.violations for s in seen]


def test_failing_examples_are_searched_and_filtered(tmp_path: Path, pages: ModuleType, screenshots: ModuleType) -> None:
    from tests.web.test_failing import HOSTILE, failure, page_with

    rows = [
        failure(example_id="one", slices={"intent": "refund"}),
        failure(example_id="two", slices={"intent": "login"}, outcome="wrong"),
        failure(example_id=HOSTILE, slices={HOSTILE: HOSTILE}, outcome="wrong"),
    ]
    path = tmp_path / "report.html"
    path.write_text(render_page(page_with(*rows), "html"), encoding="utf-8")

    async def filtered() -> list[object]:
        async with screenshots._browser() as page:
            await screenshots._view(page, path, 1280, "light", "", full=False)
            return [await page.evaluate(script) for script in SCRIPTS]

    assert ["3 of 3 shown", "1 of 3 shown", "2 of 3 shown", "1 of 3 shown", 0] == asyncio.run(filtered())


_TYPE = (
    "(() => {{ const c = [...document.querySelectorAll('.filters input, .filters select')];"
    "c.forEach(x => x.value = ''); c[{at}].value = {value};"
    "c[{at}].dispatchEvent(new Event('input', {{bubbles: true}}));"
    "return document.querySelector('.filters output').textContent; }})()"
)
SCRIPTS = (
    "document.querySelector('.filters output').textContent",
    _TYPE.format(at=0, value="'TWO login'"),
    _TYPE.format(at=1, value="'wrong'"),
    _TYPE.format(at=2, value="'slice intent=refund'"),
    "document.querySelectorAll('script[src], img').length",
)
