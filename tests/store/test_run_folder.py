"""A run folder survives what happens to disks and processes."""

import errno
import os
import resource
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from shipworthy.errors import BadInput, Refused
from shipworthy.records import Coverage, Example, Message, Response, Verdict
from shipworthy.store import Manifest, RunFolder
from shipworthy.store.files import replace_atomic


def manifest(run_id: str = "r1") -> Manifest:
    return Manifest(run_id=run_id, created="2026-01-01T00:00:00Z", protocol={}, protocol_sha256="0" * 64, candidate="a")


def response(example: str, text: str = "yes") -> Response:
    return Response(example_id=example, dataset="d", model="a", text=text)


@pytest.fixture
def run(tmp_path: Path) -> Iterator[RunFolder]:
    with RunFolder.create(tmp_path / "run", manifest()) as folder:
        yield folder


def test_what_is_appended_comes_back_in_order(run: RunFolder) -> None:
    said = [response("1"), response("2", "two\nlines, \u2028 and an emoji 🚢"), response("3")]
    for one in said:
        run.append(one)

    assert said == list(RunFolder.open(run.path).responses())


def test_a_torn_last_line_is_ignored_and_cut_before_the_next_append(run: RunFolder) -> None:
    run.append(response("1"))
    run.close()
    with (run.path / "responses.jsonl").open("ab") as log:
        log.write(b'{"example_id": "2", "te')

    with RunFolder.open(run.path) as again:
        assert ["1"] == [one.example_id for one in again.responses()]

        again.append(response("3"))

        assert ["1", "3"] == [one.example_id for one in again.responses()]


def test_a_torn_line_longer_than_a_read_is_cut_whole(run: RunFolder) -> None:
    (run.path / "responses.jsonl").write_bytes(b'{"example_id": "' + b"x" * 200_000)
    run.append(response("1"))

    assert ["1"] == [one.example_id for one in run.responses()]


def test_a_broken_line_in_the_middle_is_named_with_its_number(run: RunFolder) -> None:
    run.append(response("1"))
    with (run.path / "responses.jsonl").open("ab") as log:
        log.write(b'{"oops": 1}\n')
    run.append(response("2"))

    with pytest.raises(BadInput, match=r"responses\.jsonl:2: not a response"):
        list(run.responses())


def test_a_run_is_not_overwritten(run: RunFolder) -> None:
    run.close()
    with pytest.raises(BadInput, match="--resume"):
        RunFolder.create(run.path, manifest("r2"))

    assert "r1" == RunFolder.open(run.path).manifest.run_id


def test_two_writers_do_not_share_a_folder(run: RunFolder) -> None:
    with pytest.raises(Refused, match=f"process {os.getpid()} is running here"):
        RunFolder.open(run.path).append(response("1"))


def test_examples_verdict_status_and_text_come_back(run: RunFolder) -> None:
    example = Example(id="1", dataset="d", messages=(Message(role="user", content="hi"),), reference={"a": 1})
    verdict = Verdict(
        verdict="block", reasons=("r",), metrics=(), coverage=Coverage(candidate=1, baseline=1, common=1, policy="fail")
    )
    run.write_examples([example])
    run.write_verdict(verdict)
    run.write_text("sign_offs/a.json", "{}")
    run.set_status("complete")
    again = RunFolder.open(run.path)

    assert [example] == list(again.examples())
    assert verdict == again.verdict()
    assert "complete" == again.manifest.status
    assert "{}" == (run.path / "sign_offs/a.json").read_text()
    assert [] == [path.name for path in run.path.iterdir() if path.name.endswith(".tmp")]


def test_a_folder_without_a_run_is_said_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no run lies here"):
        RunFolder.open(tmp_path)


@pytest.mark.parametrize("content", [b"", b"{", b'{"run_id": 1}', b"\xff\xfe", b"[]"])
def test_a_broken_manifest_is_named(run: RunFolder, content: bytes) -> None:
    (run.path / "manifest.json").write_bytes(content)

    with pytest.raises(BadInput, match=r"manifest\.json: not a manifest"):
        RunFolder.open(run.path)


def test_a_file_where_the_folder_should_be_is_said(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("")

    with pytest.raises(BadInput, match=r"exists already|part of this path is a file"):
        RunFolder.create(tmp_path / "x", manifest())


WRITER = """
    import os, sys
    from pathlib import Path
    from shipworthy.records import Response
    from shipworthy.store import Manifest, RunFolder
    run = RunFolder.open(Path(sys.argv[1]))
    for i in range(10**9):
        run.append(Response(example_id=str(i), dataset="d", model="a", text="y" * (i % 5000)))
        if i == 200:
            print("going", flush=True)
"""


def test_kill_9_in_the_middle_of_appending_leaves_whole_lines_and_a_free_lock(run: RunFolder) -> None:
    run.close()
    writer = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(WRITER), str(run.path)], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    writer.stdout.readline()
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    writer.stdout.close()

    with RunFolder.open(run.path) as again:
        ids = [one.example_id for one in again.responses()]
        again.append(response("after"))

        assert len(ids) > 200
        assert [str(i) for i in range(len(ids))] == ids
        assert "after" == [one.example_id for one in again.responses()][-1]


FULL = """
    import resource, signal, sys
    from pathlib import Path
    from shipworthy.errors import BadInput
    from shipworthy.records import Response
    from shipworthy.store import RunFolder
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    run = RunFolder.open(Path(sys.argv[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
    try:
        if sys.argv[2] == "append":
            for i in range(1000):
                run.append(Response(example_id=str(i), dataset="d", model="a", text="y" * 700))
        else:
            run.write_text("report.md", "x" * 20_000)
    except BadInput as error:
        print(error)
"""


@pytest.mark.parametrize("what", ["append", "write"])
def test_a_disk_that_takes_no_more_is_one_sentence_and_nothing_is_half_written(run: RunFolder, what: str) -> None:
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
    run.close()
    said = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(FULL), str(run.path), what], capture_output=True, text=True, check=True
    )

    assert "the file may not grow any further" in said.stdout
    log = run.path / "responses.jsonl"
    assert what == "write" or log.read_bytes().endswith(b"\n")
    assert not (run.path / "report.md").exists()
    assert {"manifest.json", ".lock", "responses.jsonl"} >= {path.name for path in run.path.iterdir()}


@pytest.mark.parametrize(
    ("number", "said"),
    [(errno.ENOSPC, "the disk is full"), (errno.EROFS, "this disk is read-only"), (errno.EACCES, "you may not")],
)
def test_what_the_system_says_becomes_what_to_do(tmp_path: Path, number: int, said: str) -> None:
    def fail(temporary: Path) -> None:
        temporary.write_bytes(b"half")
        raise OSError(number, os.strerror(number))

    (tmp_path / "x").write_text("old")
    with pytest.raises(BadInput, match=f"x: {said}.*; "):
        replace_atomic(tmp_path / "x", fail)

    assert ["x"] == [path.name for path in tmp_path.iterdir()]
    assert "old" == (tmp_path / "x").read_text()
