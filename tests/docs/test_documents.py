"""The documents are true: their commands run, their links lead somewhere, their generated parts are fresh."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

BLOCK = re.compile(r"^```bash\n(.*?)^```$", re.S | re.M)
LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#\s]+)")
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
RUNNABLE = [path for path in DOCUMENTS if BLOCK.search(path.read_text(encoding="utf-8"))]


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("document", RUNNABLE, ids=_name)
def test_every_bash_block_of_a_document_runs(document: Path, tmp_path: Path) -> None:
    script = "set -euo pipefail\n" + "\n".join(f"({block})" for block in BLOCK.findall(document.read_text()))
    environment = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "LANG": "C.UTF-8",
    }

    done = subprocess.run(
        [shutil.which("bash") or "bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True
    )

    assert 0 == done.returncode, f"{script}\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=_name)
def test_every_link_of_a_document_leads_to_a_file(document: Path) -> None:
    targets = LINK.findall(document.read_text(encoding="utf-8"))

    assert [] == [target for target in targets if not (document.parent / target).exists()]


def test_the_generated_reference_is_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "reference.py"), "--check"], capture_output=True, text=True, check=False
    )

    assert (0, "up to date\n") == (done.returncode, done.stdout)
