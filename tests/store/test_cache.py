"""The cache answers the same question once, for every process."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from shipworthy.errors import IntegrityError
from shipworthy.records import Message, Prompt, Response
from shipworthy.store.cache import Cache, key

PROMPT = Prompt(example_id="1", dataset="d", messages=(Message(role="user", content="hi"),))
ANSWER = Response(example_id="1", dataset="d", model="a", text="hello", latency_s=0.25, extra={"k": [1, None]})


def test_an_answer_comes_back_after_reopening(tmp_path: Path) -> None:
    with Cache(tmp_path) as cache:
        cache.put("k", ANSWER)
    with Cache(tmp_path) as again:
        assert ANSWER == again.get("k")
        assert again.get("other") is None


def test_the_key_is_the_model_the_conversation_and_the_seed() -> None:
    one = key({"model": "m"}, PROMPT, seed=0)
    renamed = Prompt(example_id="2", dataset="other", messages=PROMPT.messages)
    asked_otherwise = Prompt(example_id="1", dataset="d", messages=(Message(role="system", content="hi"),))

    assert one == key({"model": "m"}, renamed, seed=0)
    assert 4 == len(
        {one, key({"model": "n"}, PROMPT, seed=0), key({"model": "m"}, PROMPT, seed=1)}
        | {key({"model": "m"}, asked_otherwise, seed=0)}
    )


def test_an_error_is_not_kept(tmp_path: Path) -> None:
    with Cache(tmp_path) as cache, pytest.raises(ValueError, match="asked again"):
        cache.put("k", Response(example_id="1", dataset="d", model="a", error="down"))


WRITER = """
    import sys
    from pathlib import Path
    from shipworthy.records import Response
    from shipworthy.store.cache import Cache
    with Cache(Path(sys.argv[1])) as cache:
        for i in range(200):
            cache.put(f"k{i}", Response(example_id=str(i), dataset="d", model="a", text="same"))
"""


def test_processes_share_it(tmp_path: Path) -> None:
    command = [sys.executable, "-c", textwrap.dedent(WRITER), str(tmp_path)]
    codes = [writer.wait() for writer in [subprocess.Popen(command) for _ in range(3)]]
    with Cache(tmp_path) as cache:
        found = [cache.get(f"k{i}") for i in range(200)]

    assert [0, 0, 0] == codes
    assert [str(i) for i in range(200)] == [one.example_id for one in found if one is not None]


def test_a_broken_cache_says_what_to_delete(tmp_path: Path) -> None:
    (tmp_path / "responses.sqlite").write_bytes(b"this is no database at all" * 40)

    with pytest.raises(IntegrityError, match=r"responses\.sqlite: .*delete the file"):
        Cache(tmp_path)
