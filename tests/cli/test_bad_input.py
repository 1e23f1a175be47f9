"""Fifty wrong inputs: each one sentence on stderr, exit code 2, and nothing half-written."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from shipworthy.cli import main
from tests import mock_openai

Break = Callable[[Path], list[str]]
CASES: dict[str, tuple[str, Break]] = {}
"""claim -> (what the sentence must say, a function that spoils the folder and returns the command)."""


def case(claim: str, says: str) -> Callable[[Break], Break]:
    def add(spoil: Break) -> Break:
        CASES[claim] = (says, spoil)
        return spoil

    return add


def _protocol(claim: str, says: str, old: str, new: str) -> None:
    """A case in which the text of the protocol is changed."""

    def spoil(folder: Path) -> list[str]:
        path = folder / "shipworthy.yaml"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))
        return ["run"]

    CASES[claim] = (says, spoil)


def _file(claim: str, says: str, name: str, content: bytes) -> None:
    """A case in which a file holds something else."""

    def spoil(folder: Path) -> list[str]:
        (folder / name).write_bytes(content)
        return ["run"]

    CASES[claim] = (says, spoil)


def _command(claim: str, says: str, *words: str) -> None:
    CASES[claim] = (says, lambda _: list(words))


def _table(claim: str, says: str, content: bytes, *more: str, name: str = "results.csv") -> None:
    """A results file for `compare`."""

    def spoil(folder: Path) -> list[str]:
        (folder / name).write_bytes(content)
        return ["compare", name, "--candidate", "a", "--baseline", "b", *more]

    CASES[claim] = (says, spoil)


_file("the protocol is broken YAML", r"shipworthy\.yaml:\d+", "shipworthy.yaml", b"shipworthy: 1\n  name: [x\n")
_file("the protocol is empty", "shipworthy.yaml", "shipworthy.yaml", b"")
_file("the protocol is a list", r"shipworthy\.yaml:1", "shipworthy.yaml", b"- a\n- b\n")
_file("the protocol is latin-1", "shipworthy.yaml", "shipworthy.yaml", "name: caf\xe9\n".encode("latin-1"))
_file("the protocol holds a tab", r"shipworthy\.yaml:\d+", "shipworthy.yaml", b"shipworthy: 1\nmodels:\n\ta: 1\n")
_file("the protocol is binary", "shipworthy.yaml", "shipworthy.yaml", bytes(range(256)))
_file("the protocol is one line of 10 MB", "shipworthy.yaml", "shipworthy.yaml", b"x" * 10_000_000)
_protocol("an unknown key", "margin", "    margin: 0.02\n    fail_fast", "    margn: 0.02\n    fail_fast")
_protocol("an unknown key at the top", "metrics", "metrics:\n", "metricz:\n")
_protocol("a wrong type", r"yaml:\d+:\d+", "margin: 0.02", "margin: two")
_protocol("a negative margin", "margin", "margin: 0.02", "margin: -0.02")
_protocol("a margin that is not a number", "nan", "margin: 0.02", "margin: .nan")
_protocol("an unknown role", "candidate", "role: candidate", "role: canditate")
_protocol("a duplicate key", "name", "name: support-tickets", "name: support-tickets\nname: again")
_protocol("another version", "version|shipworthy", "shipworthy: 1 ", "shipworthy: 9 ")
_protocol("an unknown metric kind", "json_match", "metric: json_match", "metric: json_mach")
_protocol("an unknown option of a metric", "fields", "options: {fields:", "options: {feilds:")
_protocol("an unknown dataset", "safety", "dataset: safety", "dataset: saftey")
_protocol(
    "an unknown baseline", "production", "    baseline: production\n    margin", "    baseline: prodution\n    margin"
)
_protocol("no candidate", "candidate", "role: candidate", "role: peft")
_protocol("an unknown backend", "recorded", "backend: recorded", "backend: recorder")
_protocol("an unknown strategy", "majority", "strategy: majority", "strategy: majorty")
_protocol("two rules in one gate", "at_least|margin", "    at_least: 0.90", "    at_least: 0.90\n    at_most: 0.95")
_protocol("a slice that is not a column", "intent", "slices: [intent]", "slices: [intend]")
_protocol("a column that is not there", "prompt", "input: prompt ", "input: promt ")
_protocol("a missing data file", "tickets", "path: data/tickets.jsonl", "path: data/tickts.jsonl")
_protocol("a data path that is a directory", "data", "path: data/tickets.jsonl", "path: data")
_protocol(
    "a missing file of responses", "candidat", "path: responses/candidate.jsonl", "path: responses/candidat.jsonl"
)
_file("empty data", "tickets.jsonl", "data/tickets.jsonl", b"")
_file("data that is not JSON", r"tickets\.jsonl:1", "data/tickets.jsonl", b"hello\n")
_file("a row that is a list", r"tickets\.jsonl:1", "data/tickets.jsonl", b"[1, 2]\n")
_file(
    "a duplicate id",
    r"tickets\.jsonl:2",
    "data/tickets.jsonl",
    b'{"id":"a","prompt":"x","reference":"{}","intent":"i"}\n' * 2,
)
_file("a NaN", r"tickets\.jsonl:1", "data/tickets.jsonl", b'{"id":"a","prompt":"x","reference":NaN,"intent":"i"}\n')
_file(
    "data in latin-1",
    "tickets.jsonl",
    "data/tickets.jsonl",
    '{"id":"a","prompt":"caf\xe9","reference":"{}","intent":"i"}\n'.encode("latin-1"),
)
_file("a truncated row", r"tickets\.jsonl:1", "data/tickets.jsonl", b'{"id":"a","prompt":"x","ref')
_file("a response that is not JSON", r"candidate\.jsonl:1", "responses/candidate.jsonl", b"no\n")
_file("a response without a text", r"candidate\.jsonl:1", "responses/candidate.jsonl", b'{"example_id":"a"}\n')
_file("no responses", "candidate", "responses/candidate.jsonl", b"")
_command("a protocol that is not there", "nowhere.yaml", "run", "nowhere.yaml")
_command("a run that is not there", "no run", "report", "runs/none")
_command("a report of an unknown kind", "html", "report", "runs/none", "-o", "report.pdf")
_command("a gate on no run", "no run", "gate", "runs/none")
_command("promoting nothing", "nothing", "release", "promote", "nothing")
_command("resuming nothing", "unfinished", "run", "--resume")
_command("init over files", "there already", "init", ".")
_command("a results file that is not there", "none.csv", "compare", "none.csv", "--candidate", "a", "--baseline", "b")
_table("an empty table", "results.csv", b"")
_table("a table with an unknown model", "c", b"example_id,a,c\n1,1,0\n2,0,1\n")
_table("a table with words for values", r"results\.csv", b"example_id,a,b\n1,1,0\n2,good,1\n")
_table("a value given twice", r"results\.csv", b"example_id,model,value\n1,a,1\n1,a,1\n1,b,0\n")
_table("a table with NaN", r"results\.csv", b"example_id,a,b\n1,1,0\n2,NaN,1\n")
_table("no shared example", "share no", b"example_id,model,value\n1,a,1\n2,b,0\n")
_table("an unknown slice", "slice", b"example_id,a,b\n1,1,0\n2,0,1\n", "--slice", "nope")
_table("an unknown id", "id", b"example_id,a,b\n1,1,0\n2,0,1\n", "--id", "nope")
_DEEP = b"[" * 100_000 + b"]" * 100_000
_TIDY = b'{"example_id":"1","model":"a","value":%s}\n{"example_id":"1","model":"b","value":1}\n'
_table("a value that is nested deeply", r"results\.jsonl:1: .*nested", _TIDY % _DEEP, name="results.jsonl")
_table("a value of 400 digits", r"results\.jsonl:1: .*beyond 1e100", _TIDY % (b"9" * 400), name="results.jsonl")
_table("a number with an underscore", r"results\.jsonl:1: '1_0'.*not a number", _TIDY % b'"1_0"', name="results.jsonl")
_table("a cell with an underscore", r"results\.csv:2: '1_0'.*not a number", b"example_id,a,b\n1,1_0,0\n2,0,1\n")
_table("values whose squares overflow", r"results\.csv:2: '1e200'.*beyond 1e100", b"example_id,a,b\n1,1e200,0\n2,0,1\n")
_table("a line of 3 MB", "longer than 2 MB", b"example_id,a,b,c\n1,1,0,%s\n2,0,1,c\n" % (b"x" * 3_000_000))
_table("a seed beyond whole numbers", "whole number", b"example_id,model,value,seed\n1,a,1,1e30\n1,b,1,1e30\n")
_table(
    "a metric named by an escape sequence",
    r"\\x1b\[31m\\nred",
    b'example_id,model,metric,value\n1,a,"\x1b[31m\nred",1\n1,b,"\x1b[31m\nred",1\n',
    "--metric",
    "m",
)
_command("a file named over two lines", r"two\\nlines", "compare", "two\nlines", "--candidate", "a", "--baseline", "b")
_file(
    "a response that is nested deeply",
    r"candidate\.jsonl:1",
    "responses/candidate.jsonl",
    b'{"example_id":"a","text":"","x":%s}\n' % _DEEP,
)
_protocol("an unknown follow-up", "follow_up 'nope'; known", "gates:\n", "follow_ups: {promote: [nope]}\ngates:\n")


@case("the same model twice", "two different")
def _one_model(folder: Path) -> list[str]:
    (folder / "results.csv").write_bytes(b"example_id,a,b\n1,1,0\n")
    return ["compare", "results.csv", "--candidate", "a", "--baseline", "a"]


def _endpoint(claim: str, says: str, mode: str) -> None:
    def spoil(folder: Path) -> list[str]:
        running = mock_openai.start(mode=mode)
        _RUNNING.append(running)
        return _served(folder, running.base_url)

    CASES[claim] = (says, spoil)


_RUNNING: list[mock_openai.Endpoint] = []


def _served(folder: Path, base_url: str) -> list[str]:
    path = folder / "shipworthy.yaml"
    old = "backend: recorded\n    path: responses/candidate.jsonl"
    options = "options: {start_s: 2, timeout_s: 2, max_retries: 1}"
    new = f"backend: openai\n    base_url: {base_url}\n    model: echo\n    {options}"
    path.write_text(path.read_text().replace(old, new, 1))
    return ["run"]


_endpoint("an endpoint that answers 500", "500", "500")
_endpoint("an endpoint that hangs", "candidate|127", "hang")
_endpoint("an endpoint that answers HTML", "candidate|127", "html")
_endpoint("an endpoint that does not know the key", "401", "401")


@case("an endpoint that is down", "127.0.0.1")
def _down(folder: Path) -> list[str]:
    return _served(folder, f"http://127.0.0.1:{mock_openai.free_port()}/v1")


@pytest.fixture(autouse=True)
def stopped() -> "object":
    yield
    while _RUNNING:
        _RUNNING.pop().stop()


def _files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("claim", CASES)
def test_a_wrong_input_is_one_sentence_and_leaves_nothing(
    claim: str, first: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    says, spoil = CASES[claim]
    words = spoil(first)
    before = _files(first)
    capsys.readouterr()

    code = main([*words, "--quiet"])

    out, err = capsys.readouterr()
    assert (2, "", 1) == (code, out, err.count("\n")), err
    assert re.search(says, err), err
    assert len(err) < 1_000
    assert set() == {name for name in _files(first) - before if not name.startswith(".shipworthy/")}


def test_there_are_at_least_fifty_wrong_inputs() -> None:
    assert 50 <= len(CASES)


@pytest.mark.parametrize("change", ["bom", "crlf", "both"])
def test_a_bom_and_crlf_change_no_verdict(change: str, first: Path) -> None:
    for path in [first / "shipworthy.yaml", *first.glob("data/*.jsonl"), *first.glob("responses/*.jsonl")]:
        content = path.read_bytes()
        content = content.replace(b"\n", b"\r\n") if change != "bom" else content
        path.write_bytes(b"\xef\xbb\xbf" + content if change != "crlf" else content)

    assert 10 == main(["run", "--quiet"])
