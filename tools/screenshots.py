"""Look at a report as its readers do: screenshots at 1280 and 400 px, light and dark, and an axe-core check.

    python tools/screenshots.py REPORT.html --out FOLDER [--axe node_modules/axe-core/axe.min.js] [--fold]
    python tools/screenshots.py RUN/report.html --readme     # docs/images/report-light.png and report-dark.png

Needs Chromium (`apt-get install -y chromium`) and, for the check, axe-core (`npm install axe-core`). Exits 1 when axe
finds a violation, when the page scrolls sideways, or when it asks for anything but itself.
"""

import argparse
import asyncio
import base64
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp

WIDTHS, THEMES = (1280, 400), ("light", "dark")
_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
_START_S, _ANSWER_S = 30.0, 120.0
_HEIGHT, _TALLEST = 900, 16_000


class Seen(NamedTuple):
    """What one view of a page showed."""

    width: int
    theme: str
    requests: tuple[str, ...]
    overflow_px: int
    violations: tuple[str, ...]
    png: bytes


def chromium_path() -> str | None:
    """The browser to use: `CHROMIUM`, or the first one found on the path."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)


def axe_path() -> Path | None:
    """axe-core's source: `AXE_CORE`, or node_modules of the working directory or of this repository."""
    inside = Path("node_modules/axe-core/axe.min.js")
    given = os.environ.get("AXE_CORE")
    places = [Path(given)] if given else [inside, Path(__file__).parent.parent / inside]
    return next((place for place in places if place.is_file()), None)


async def look(report: Path, *, axe: str = "", full: bool = True) -> list[Seen]:
    """Open `report` at every width and theme."""
    async with _browser() as page:
        return [await _view(page, report, width, theme, axe, full=full) for width in WIDTHS for theme in THEMES]


class _DevTools:
    """One page over the DevTools protocol."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._next = 0
        self.requests: list[str] = []

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Send one command and wait for its answer; requests seen meanwhile are noted."""
        self._next += 1
        await self._socket.send_json({"id": self._next, "method": method, "params": params})
        while True:
            message = await self._socket.receive_json(timeout=_ANSWER_S)
            self._note(message)
            if message.get("id") == self._next:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']['message']}")
                return dict(message["result"])

    async def wait_for(self, event: str) -> None:
        while True:
            message = await self._socket.receive_json(timeout=_ANSWER_S)
            self._note(message)
            if message.get("method") == event:
                return

    async def evaluate(self, script: str) -> Any:
        result = await self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in result:
            raise RuntimeError(f"the page raised: {result['exceptionDetails']}")
        return result["result"].get("value")

    def _note(self, message: dict[str, Any]) -> None:
        if message.get("method") == "Network.requestWillBeSent":
            self.requests.append(str(message["params"]["request"]["url"]))


@asynccontextmanager
async def _browser() -> AsyncIterator[_DevTools]:
    program = chromium_path()
    if program is None:
        raise SystemExit("no Chromium found: apt-get install -y chromium, or set CHROMIUM to its path")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        flags = ["--headless=new", "--remote-debugging-port=0", f"--user-data-dir={profile}", "--hide-scrollbars"]
        flags += ["--no-first-run", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"]
        flags += ["--no-sandbox"] if os.geteuid() == 0 else []
        process = subprocess.Popen(
            [program, *flags, "about:blank"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            port = await _port(Path(profile) / "DevToolsActivePort")
            async with aiohttp.ClientSession() as session:
                url = await _page_socket(session, port)
                async with session.ws_connect(url, max_msg_size=0) as socket:
                    yield _DevTools(socket)
        finally:
            process.terminate()
            process.wait(timeout=20)


async def _port(file: Path) -> int:
    for _ in range(int(_START_S / 0.1)):
        lines = file.read_text().splitlines() if file.exists() else []
        if lines:
            return int(lines[0])
        await asyncio.sleep(0.1)
    raise RuntimeError(f"Chromium did not start within {_START_S:g} s")


async def _page_socket(session: aiohttp.ClientSession, port: int) -> str:
    async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
        pages = [target for target in await answer.json() if target["type"] == "page"]
    return str(pages[0]["webSocketDebuggerUrl"])


async def _view(page: _DevTools, report: Path, width: int, theme: str, axe: str, *, full: bool) -> Seen:
    await page.call("Page.enable")
    await page.call("Network.enable")
    await page.call(
        "Emulation.setDeviceMetricsOverride", width=width, height=_HEIGHT, deviceScaleFactor=1, mobile=width < 600
    )
    await page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": theme}])
    page.requests.clear()
    url = report.resolve().as_uri()
    await page.call("Page.navigate", url=url)
    await page.wait_for("Page.loadEventFired")
    overflow = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    violations = await _violations(page, axe) if axe else ()
    png = await _png(page, width, full=full)
    asked = tuple(request for request in page.requests if request != url and not request.startswith("data:"))
    return Seen(width, theme, asked, int(overflow), violations, png)


async def _violations(page: _DevTools, axe: str) -> tuple[str, ...]:
    await page.evaluate(axe + "; undefined")
    found = await page.evaluate(
        "axe.run(document, {runOnly: ['wcag2a','wcag2aa','wcag21a','wcag21aa','wcag22aa','best-practice']})"
        ".then(r => r.violations.map(v => v.id + ': ' + v.help + ' (' + v.nodes.length + ' x) '"
        " + v.nodes[0].html.slice(0, 200) + ' | ' + v.nodes[0].failureSummary.slice(0, 300)))"
    )
    return tuple(found)


async def _png(page: _DevTools, width: int, *, full: bool) -> bytes:
    tall = min(_TALLEST, await page.evaluate("document.documentElement.scrollHeight")) if full else _HEIGHT
    clip = {"x": 0, "y": 0, "width": width, "height": tall, "scale": 1}
    shot = await page.call("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
    return base64.b64decode(shot["data"])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("report", type=Path)
    parser.add_argument("--out", type=Path, default=Path(), help="folder for NAME-WIDTH-THEME.png")
    parser.add_argument("--axe", type=Path, default=axe_path(), help="axe.min.js of axe-core")
    parser.add_argument("--fold", action="store_true", help="only what is seen before scrolling")
    parser.add_argument("--readme", action="store_true", help="write the two pictures of the README instead")
    args = parser.parse_args()
    out = IMAGES if args.readme else args.out
    out.mkdir(parents=True, exist_ok=True)
    axe = args.axe.read_text(encoding="utf-8") if args.axe else ""
    bad = 0
    for seen in asyncio.run(look(args.report, axe=axe, full=not (args.fold or args.readme))):
        name = out / (
            f"report-{seen.theme}.png" if args.readme else f"{args.report.stem}-{seen.width}-{seen.theme}.png"
        )
        if not args.readme or seen.width == WIDTHS[0]:
            name.write_bytes(seen.png)
        checked = f"{len(seen.violations)} violations" if axe else "axe-core absent, not checked"
        print(f"{name}: {checked}, {len(seen.requests)} requests, {seen.overflow_px} px too wide")
        for line in (*seen.violations, *seen.requests):
            print(f"  {line}")
        bad += len(seen.violations) + len(seen.requests) + max(0, seen.overflow_px)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
