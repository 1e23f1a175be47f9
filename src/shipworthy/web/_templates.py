"""How every page is rendered: one environment, which escapes all text and refuses names that are not there."""

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from shipworthy.web import _format

if TYPE_CHECKING:
    from jinja2 import Environment, Template


def template(name: str) -> "Template":
    """A template of this package."""
    return _environment().get_template(name)


@cache
def style() -> str:
    """The style sheet that every page carries within itself."""
    return (files("shipworthy.web") / "templates" / "report.css").read_text(encoding="utf-8")


@cache
def script() -> str:
    """The script that filters failing examples."""
    return (files("shipworthy.web") / "templates" / "failing.js").read_text(encoding="utf-8").strip()


@cache
def _environment() -> "Environment":
    """jinja2 is imported here: not every command renders a page."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("shipworthy.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        count=_format.count,
        plural=_format.plural,
        clipped=_format.clipped,
        interval=_format.interval,
        halves=lambda text: text.partition(" ["),
    )
    return environment
