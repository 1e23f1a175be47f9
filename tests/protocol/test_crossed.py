"""`cluster` takes one column or two."""

import pytest

from shipworthy import protocol
from shipworthy.errors import ProtocolError

TEXT = """shipworthy: 1
name: p
datasets: {{test: {{path: rows.jsonl, cluster: {cluster}}}}}
models: {{new: {{role: candidate, path: new.jsonl}}, old: {{role: production, path: old.jsonl}}}}
metrics: {{exact_match: {{dataset: test}}}}
gates: [{{metric: exact_match, baseline: old}}]
"""


def _ways(cluster: str) -> tuple[str, ...]:
    return protocol.load(TEXT.format(cluster=cluster), where="p.yaml").datasets["test"].ways


@pytest.mark.parametrize(
    ("said", "ways"),
    [("null", ()), ("user", ("user",)), ("[user]", ("user",)), ("[user, document]", ("user", "document"))],
)
def test_the_columns_of_clusters(said: str, ways: tuple[str, ...]) -> None:
    assert ways == _ways(said)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("[]", "must have 1 to 2 entries, not 0"),
        ("[a, b, c]", "must have 1 to 2 entries, not 3"),
        ("[a, 7]", "cluster[1] must be text, not the number 7"),
        ("7", "cluster must be text, not the number 7"),
        ("{a: b}", "cluster must be text, not a mapping"),
    ],
)
def test_anything_else_is_refused_with_its_place(said: str, told: str) -> None:
    with pytest.raises(ProtocolError, match=r"p\.yaml:3") as caught:
        _ways(said)

    assert told in str(caught.value)
