"""Headers, query and secrets of an endpoint."""

from pathlib import Path
from typing import Any

import pytest

from shipworthy import models
from shipworthy.errors import BadInput
from shipworthy.models._connection import hidden
from shipworthy.protocol.types import ModelSpec

KEY = {"MY_KEY": "value-of-it"}


def loaded(base_url: str = "http://h/v1", environ: dict[str, str] | None = None, **options: Any) -> models.Backend:
    spec = ModelSpec(role="candidate", backend="openai", base_url=base_url, model="m", options=options)
    return models.load("m", spec, folder=Path(), environ=KEY if environ is None else environ)


def test_what_goes_along_is_part_of_the_identity_and_a_secret_only_by_name() -> None:
    identity = loaded(query={"api-version": "1"}, headers={"api-key": {"env": "MY_KEY"}, "X-Team": "a"}).identity

    assert '{"api-version":"1"}' == identity["query"]
    assert '{"X-Team":"a","api-key":"env MY_KEY"}' == identity["headers"]
    assert {"headers", "query"}.isdisjoint(loaded().identity)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"headers": {"Authorization": "Bearer abc"}}, "looks like a secret.*env: NAME"),
        ({"headers": {"api-key": "abc"}}, "looks like a secret"),
        ({"headers": {"X-Custom": "sk-abc"}}, "looks like a secret"),
        ({"query": {"sig": "abc"}}, "looks like a secret"),
        ({"headers": {"api-key": {"env": "NOT_SET"}}}, "NOT_SET is not set"),
        ({"headers": {"Content-Type": "text/plain"}}, "Shipworthy sets this header"),
        ({"headers": {"X-A": "a\\nb"}}, "no HTTP header"),
        ({"headers": {"api-key": {"var": "A"}}}, "in its options"),
    ],
)
def test_a_wrong_header_or_query_is_one_sentence(options: dict[str, Any], said: str) -> None:
    options = {
        option: {k: v.replace("\\n", "\n") if isinstance(v, str) else v for k, v in values.items()}
        for option, values in options.items()
    }
    with pytest.raises(BadInput, match=said):
        loaded(**options)


def test_a_query_within_the_address_is_told_where_it_belongs() -> None:
    with pytest.raises(BadInput, match=r"options\.query"):
        loaded("http://h/v1?api-version=1")


def test_a_file_of_certificates_that_is_none_is_bad_input(tmp_path: Path) -> None:
    (tmp_path / "no.pem").write_text("no certificate")
    for name in ("no.pem", "absent.pem"):
        with pytest.raises(BadInput, match="SSL_CERT_FILE cannot be read"):
            loaded("https://h/v1", environ={"SSL_CERT_FILE": str(tmp_path / name)})


def test_a_secret_that_a_server_quotes_is_hidden() -> None:
    assert "key *** is wrong" == hidden("key abc-def is wrong", ("abc", "abc-def", ""))
