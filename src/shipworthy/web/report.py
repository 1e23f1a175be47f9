"""Reports of a run, or of a bare verdict, as one HTML file, Markdown, JUnit or JSON."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from shipworthy.errors import BadInput
from shipworthy.records import Verdict
from shipworthy.store.files import write_atomic
from shipworthy.store.run_folder import RunFolder
from shipworthy.web._format import VERDICT_WORDS
from shipworthy.web._json import verdict_json
from shipworthy.web._page import UNNAMED, Page, answer_of

Kind = Literal["html", "md", "junit", "json"]

__all__ = [
    "Kind",
    "Page",
    "headline",
    "kind_of",
    "page_of",
    "render",
    "render_page",
    "verdict_json",
    "write",
    "write_verdict",
]


def render(run: RunFolder, kind: Kind) -> str:
    """The judged run in `run` as text. Raises BadInput: the run has no verdict yet, or one of its files is broken."""
    return verdict_json(run.verdict()) if kind == "json" else render_page(page_of(run), kind)


def page_of(run: RunFolder) -> Page:
    """The judged run in `run` as a page, to be rendered several times."""
    from shipworthy.web._collect import page_of as collect  # brings numpy

    return collect(run)


def headline(page: Page) -> str:
    """The verdict in one line: `BLOCK: desk-full must not ship: a hard gate fails.`"""
    return f"{VERDICT_WORDS[page.verdict.verdict].upper()}: {answer_of(page)}"


def render_page(page: Page, kind: Kind) -> str:
    """A page as text of the given kind."""
    if kind == "html":
        from shipworthy.web._html import html

        return html(page)
    if kind == "md":
        from shipworthy.web._markdown import markdown

        return markdown(page)
    if kind == "junit":
        from shipworthy.web._junit import junit

        return junit(page)
    return verdict_json(page.verdict)


def kind_of(path: Path) -> Kind:
    """The kind that a file's name asks for.

    Raises: BadInput: the name ends in none of .html, .md, .json and junit.xml.
    """
    name = path.name.lower()
    endings: dict[str, Kind] = {".html": "html", ".htm": "html", ".md": "md", "junit.xml": "junit", ".json": "json"}
    for ending, kind in endings.items():
        if name.endswith(ending):
            return kind
    raise BadInput("a report's name ends in .html, .md, .junit.xml or .json", where=str(path))


def write(page: Page, paths: Sequence[Path]) -> None:
    """Render a page into every file. All names and places are checked first; each file is written whole or not at all.

    Raises: BadInput: a name says no kind, its folder is missing, or it cannot be written.
    """
    kinds = [kind_of(path) for path in paths]
    for path in paths:
        if not path.parent.is_dir():
            raise BadInput("its folder does not exist; make it first", where=str(path))
        if path.is_dir():
            raise BadInput("this is a folder; name a file", where=str(path))
    for path, text in [(path, render_page(page, kind)) for path, kind in zip(paths, kinds, strict=True)]:
        write_atomic(path, text.encode())


def write_verdict(
    verdict: Verdict, path: Path, *, title: str, candidate: str = UNNAMED, alpha: float | None = None
) -> None:
    """Write the report of a verdict that has no run folder, as `compare` gives it.

    `alpha`: one-sided error rate of its gates, which says what its intervals are (None: the report does not say).
    """
    write(Page.from_verdict(verdict, title=title, candidate=candidate, alpha=alpha), [path])
