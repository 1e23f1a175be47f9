"""The pictures of docs/concepts/decisions.md show what the judge finds today."""

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.conftest import ROOT

IMAGES = sorted((ROOT / "docs" / "images" / "decisions").glob("*.svg"))


@pytest.mark.slow
def test_the_pictures_and_the_lines_under_them_are_up_to_date() -> None:
    tool = [sys.executable, str(ROOT / "tools" / "pictures.py"), "--check"]
    done = subprocess.run(tool, capture_output=True, text=True, check=False)

    assert (0, "up to date\n") == (done.returncode, done.stdout), done.stderr


@pytest.mark.parametrize("image", IMAGES, ids=lambda image: str(image.stem))
def test_a_picture_is_well_formed_says_what_it_shows_and_asks_for_nothing(image: Path) -> None:
    text = image.read_text(encoding="utf-8")
    root = ElementTree.fromstring(text)

    assert root.find("{http://www.w3.org/2000/svg}title") is not None
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")


def test_every_picture_stands_in_the_page() -> None:
    page = (ROOT / "docs" / "concepts" / "decisions.md").read_text(encoding="utf-8")

    assert 7 == len(IMAGES)
    assert [] == [image.name for image in IMAGES if f"../images/decisions/{image.name}" not in page]
