"""The frame of the command line: help, unknown words, the environment, errors in one sentence."""

import json
import subprocess
import sys

import pytest

from shipworthy.cli import main
from shipworthy.cli.main import COMMANDS, parser_for


def test_help_lists_every_command_and_every_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["--help"])

    text = capsys.readouterr().out
    assert 0 == code
    assert all(f"\n  {name}" in text for name in COMMANDS)
    assert all(str(number) in text for number in (0, 1, 2, 10, 11, 12))


def test_an_unknown_command_names_the_nearest_one(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["relase"])

    assert (2, "shipworthy: there is no command 'relase'; did you mean `shipworthy release`?\n") == (
        code,
        capsys.readouterr().err,
    )


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main([name, "--help"])

    assert 0 == stop.value.code
    assert "--json" in capsys.readouterr().out


def test_an_option_s_default_comes_from_the_environment_and_a_flag_wins() -> None:
    parser = parser_for(
        "compare", {"SHIPWORTHY_CANDIDATE": "ours", "SHIPWORTHY_MARGIN": "0.1", "SHIPWORTHY_QUIET": "1"}
    )
    args = parser.parse_args(["x.csv", "--baseline", "theirs", "--margin", "0.05"])

    assert ("ours", 0.05, True) == (args.candidate, args.margin, args.quiet)


def test_a_wrong_option_is_one_sentence_with_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["compare", "x.csv", "--candidate", "a", "--baseline", "b", "--margin", "-1"])

    assert 2 == stop.value.code
    assert 1 == capsys.readouterr().err.count("\n")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--metric", "a", "--metric", "b"), "--metric: it stands twice"),
        (("--margin", "0.1", "--margin=0.2"), "--margin: it stands twice"),
        (("--missing", "fail", "--missing", "wrong"), "--missing: it stands twice"),
    ],
)
def test_an_option_that_holds_one_value_may_not_stand_twice(
    words: tuple[str, ...], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["compare", "x.csv", "--candidate", "a", "--baseline", "b", *words])

    assert 2 == stop.value.code
    assert says in capsys.readouterr().err


def test_slices_that_may_block_need_to_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert 2 == main(["compare", "x.csv", "--candidate", "a", "--baseline", "b", "--gate-slices"])
    assert "--gate-slices lets slices block; it needs --slice COL" in capsys.readouterr().err


def test_importing_shipworthy_loads_neither_numpy_nor_anything_heavy() -> None:
    code = "import shipworthy, sys; print([m for m in ('numpy', 'scipy', 'duckdb', 'msgspec') if m in sys.modules])"

    assert (
        "[]" == subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    )


def test_help_imports_no_command_and_nothing_heavy() -> None:
    code = (
        "import sys; from shipworthy.cli import main; main(['--help']); "
        "print([m for m in sys.modules if m in ('numpy', 'duckdb', 'msgspec', 'jinja2') "
        "or m.startswith('shipworthy.') and m.split('.')[1] not in ('cli', 'errors')])"
    )

    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "[]" == printed.strip().splitlines()[-1]


def test_a_run_loads_no_part_of_scipy_that_takes_fifty_megabytes() -> None:
    code = (
        "import sys; import shipworthy.evaluation, shipworthy.gates; "
        "print([m for m in ('scipy.stats', 'scipy.sparse', 'scipy.optimize', 'torch', 'pandas') if m in sys.modules])"
    )

    assert (
        "[]" == subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    )


def test_doctor_names_what_a_missing_feature_needs(capsys: pytest.CaptureFixture[str]) -> None:
    main(["doctor", "--json"])

    features = json.loads(capsys.readouterr().out)["features"]
    assert features["decisions, compare, run, report, release"]["ready"]
