"""Where POSIX is absent, one sentence says so and what to do; nothing ends in a traceback."""

import subprocess
import sys

import pytest

WITHOUT = (
    "import sys; sys.modules[{lacks!r}] = None; from shipworthy.cli import main; raise SystemExit(main(sys.argv[1:]))"
)


@pytest.mark.parametrize("lacks", ["fcntl", "resource"])
@pytest.mark.parametrize("words", ["report run", "gate run", "run shipworthy.yaml", "validate shipworthy.yaml"])
def test_a_system_without_posix_is_told_at_the_first_import(lacks: str, words: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT.format(lacks=lacks), *words.split()], capture_output=True, text=True
    )

    assert (2, 1) == (done.returncode, done.stderr.count("\n")), done.stderr
    assert "runs on Linux and macOS; on Windows install and run it inside WSL" in done.stderr


def test_doctor_tells_it_too() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT.format(lacks="fcntl"), "doctor"], capture_output=True, text=True
    )

    assert (2, "") == (done.returncode, done.stdout)
    assert "inside WSL" in done.stderr


def test_doctor_names_the_system(capsys: pytest.CaptureFixture[str]) -> None:
    import platform

    from shipworthy.cli import main

    assert 0 == main(["doctor"])
    assert capsys.readouterr().out.startswith(f"{platform.system()} {platform.machine()}, Python ")
