"""A shell completes what the parsers know, and the reference says the same."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from shipworthy.cli import main
from shipworthy.cli._tree import nodes
from shipworthy.cli.main import COMMANDS
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("completion") / "shipworthy.bash"
    made = subprocess.run([sys.executable, "-m", "shipworthy", "completion", "bash"], capture_output=True, check=True)
    path.write_bytes(made.stdout)
    return path


def completed(script: Path, *typed: str) -> list[str]:
    """What bash offers for the last word, asked the way readline asks the function that `complete` names."""
    shell = (
        'source "$0"; spec=$(complete -p shipworthy); function=${spec##*-F }; function=${function%% *}; '
        'COMP_WORDS=(shipworthy "$@"); COMP_CWORD=$#; "$function"; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(["bash", "-uc", shell, str(script), *typed], capture_output=True, text=True, check=True)
    return done.stdout.split()


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        (["da"], ["data"]),
        (["data", "sp"], ["split"]),
        (["data", "--json", "le"], ["leakage"]),
        (["run", "--pur"], ["--purpose"]),
        (["run", "--purpose", ""], ["decide", "tune"]),
        (["compare", "x.csv", "--missing", "w"], ["wrong"]),
        (["run", "--out", ""], []),
        (["release", "rollback", "--re"], ["--reason"]),
        (["completion", "z"], ["zsh"]),
        (["suite", "history", "--m"], ["--metric"]),
    ],
)
def test_bash_completes(typed: list[str], offered: list[str], script: Path) -> None:
    assert offered == completed(script, *typed)


def test_bash_offers_every_command(script: Path) -> None:
    assert sorted([*COMMANDS, "--help", "--version"]) == sorted(completed(script, ""))


def test_bash_offers_every_option_of_every_command(script: Path) -> None:
    lacking = {
        (node.words, flag)
        for node in nodes()
        for offered in [completed(script, *node.words, "--")]
        for option in node.options
        for flag in option.option_strings
        if flag.startswith("--") and flag not in offered
    }

    assert set() == lacking


@pytest.mark.parametrize(("shell", "check"), [("bash", ["-n"]), ("zsh", ["-n"]), ("fish", ["--no-execute"])])
def test_the_script_is_one_that_its_shell_can_read(
    shell: str, check: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["completion", shell])
    (tmp_path / "script").write_text(capsys.readouterr().out)
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} here")

    done = subprocess.run([shell, *check, str(tmp_path / "script")], capture_output=True, text=True, check=False)

    assert (0, "") == (done.returncode, done.stderr)


@pytest.mark.skipif(shutil.which("zsh") is None, reason="no zsh here")
def test_zsh_finds_the_same_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["completion", "zsh"])
    (tmp_path / "script").write_text(capsys.readouterr().out)
    shell = 'compdef() {}; source "$1"; words="" known=no; _shipworthy_words run --purpose; print -r -- $words'

    done = subprocess.run(["zsh", "-fc", shell, "-", str(tmp_path / "script")], capture_output=True, text=True)

    assert "decide tune\n" == done.stdout, done.stderr


@pytest.mark.skipif(shutil.which("fish") is None, reason="no fish here")
def test_fish_offers_the_same_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["completion", "fish"])
    (tmp_path / "script").write_text(capsys.readouterr().out)
    shell = f'source {tmp_path / "script"}; complete -C "shipworthy run --purpose "; complete -C "shipworthy data sp"'

    done = subprocess.run(["fish", "--no-config", "-c", shell], capture_output=True, text=True)

    assert ["decide", "tune", "split"] == [line.split("\t")[0] for line in done.stdout.splitlines()], done.stderr


def test_the_reference_says_every_option_of_every_action() -> None:
    text = (ROOT / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")
    sections = {part.split("\n", 1)[0].lstrip("#").strip(): part for part in text.split("\n#")}

    lacking = [
        (node.words, word)
        for node in nodes()
        for option in node.options
        for word in (*option.option_strings, *([] if option.option_strings else [str(option.metavar or option.dest)]))
        if word not in sections[f"shipworthy {' '.join(node.words)}"]
    ]

    assert [] == lacking
    assert 25 < sum(1 for _ in nodes())
