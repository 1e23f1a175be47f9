"""Endpoints that are compatible in their own way: what they say is read, fails its prompt, or is told in a sentence."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Case = Callable[[str], Path]
Told = Callable[..., tuple[int, str, str]]
OddEndpoint = Callable[..., int]
Verdict = Callable[..., dict[str, Any]]


def answers(model: str = "new", out: str = "out") -> list[dict[str, Any]]:
    """What a run wrote down of one model."""
    lines = [json.loads(line) for line in Path(out, "responses.jsonl").read_text().splitlines()]
    return [line for line in lines if line["model"] == model]


def expected(folder: Path) -> dict[str, str]:
    rows = [json.loads(line) for line in (folder / "d.jsonl").read_text().splitlines()]
    return {row["id"]: row["reference"] for row in rows}


def texts(model: str = "new", out: str = "out") -> dict[str, Any]:
    return {line["example_id"]: line.get("text") for line in answers(model, out)}


def pointed_at(folder: Path, mode: str, **options: Any) -> None:
    """Let the candidate be asked at another of the odd endpoints."""
    path = folder / "shipworthy.yaml"
    protocol = json.loads(path.read_text())
    new = protocol["models"]["new"]
    address, _, rest = new["base_url"].partition("//")
    new["base_url"] = f"{address}//{rest.split('/')[0]}/{mode}/v1"
    new["options"].update(options)
    path.write_text(json.dumps(protocol))


def test_a_server_that_ignores_stream_is_read_whole(case: Case, odd_endpoint: OddEndpoint, told: Told) -> None:
    folder = case("stream-ignored")
    odd_endpoint(folder)
    told("run", "--out", "out")

    assert expected(folder) == texts("old")
    assert {"whole"} == {line["extra"]["stream"] for line in answers("old")}


@pytest.mark.parametrize(
    "mode", ["s_pretty", "s_emptyfinish", "s_nofinish", "s_nullchoices", "s_nochoices", "s_ping", "s_long", "s_crdone"]
)
def test_the_details_of_a_stream_refuse_no_answer(case: Case, odd_endpoint: OddEndpoint, told: Told, mode: str) -> None:
    folder = case("stream-details")
    odd_endpoint(folder)
    pointed_at(folder, mode, stream=True)
    told("run", "--out", "out")

    assert expected(folder) == texts()


def test_an_error_within_a_stream_is_told_in_the_servers_words(
    case: Case, odd_endpoint: OddEndpoint, told: Told
) -> None:
    folder = case("stream-details")
    odd_endpoint(folder)
    pointed_at(folder, "s_error", stream=True, patience_s=0)
    code, _, said = told("run", "--out", "out")

    assert 2 == code
    assert "upstream overloaded" in said


@pytest.mark.parametrize("mode", ["alwayssse", "jsondone"])
def test_a_server_that_streams_although_nobody_asked_is_read(
    case: Case, odd_endpoint: OddEndpoint, told: Told, mode: str
) -> None:
    folder = case("always-sse")
    odd_endpoint(folder)
    pointed_at(folder, mode)
    told("run", "--out", "out")

    assert expected(folder) == texts()


@pytest.mark.parametrize(("mode", "words"), [("errsome", "Input flagged by moderation"), ("emptysome", "choices")])
def test_a_prompt_without_an_answer_fails_alone_with_the_servers_words(
    case: Case, odd_endpoint: OddEndpoint, told: Told, mode: str, words: str
) -> None:
    folder = case("error-in-200")
    odd_endpoint(folder)
    pointed_at(folder, mode)
    code, _, _ = told("run", "--out", "out")
    failed = {key: None if int(right) % 5 == 0 else right for key, right in expected(folder).items()}

    assert 2 != code
    assert failed == texts()
    assert all(words in line["error"] for line in answers() if line.get("text") is None)


@pytest.mark.parametrize("mode", ["errbody", "emptychoices", "204"])
def test_a_server_that_never_answers_is_told_after_a_few_prompts(
    case: Case, odd_endpoint: OddEndpoint, told: Told, mode: str
) -> None:
    folder = case("error-in-200")
    odd_endpoint(folder)
    pointed_at(folder, mode)
    code, _, said = told("run", "--out", "out")

    assert 2 == code
    assert "gives no answers" in said
    assert len(answers()) <= 3


@pytest.mark.parametrize(
    "mode", ["lpnull", "lpempty", "usagefloat", "usagestr", "infjson", "partsnull", "parts", "bom", "finint", "ndjson"]
)
def test_an_odd_side_field_refuses_no_answer(case: Case, odd_endpoint: OddEndpoint, told: Told, mode: str) -> None:
    folder = case("unread-field")
    odd_endpoint(folder)
    pointed_at(folder, mode)
    told("run", "--out", "out")

    assert expected(folder) == texts()
    assert not any("nll" in line["extra"] for line in answers())


def test_half_a_pair_of_surrogates_refuses_no_answer(case: Case, odd_endpoint: OddEndpoint, told: Told) -> None:
    folder = case("unread-field")
    odd_endpoint(folder)
    pointed_at(folder, "surrogate")
    told("run", "--out", "out")

    assert {key: f"{right} \N{REPLACEMENT CHARACTER}" for key, right in expected(folder).items()} == texts()


@pytest.mark.parametrize("mode", ["s_tool_index0", "s_tool_noindex"])
def test_two_calls_with_one_index_or_none_are_two_calls(
    case: Case, odd_endpoint: OddEndpoint, told: Told, mode: str
) -> None:
    folder = case("tool-index-zero")
    odd_endpoint(folder)
    pointed_at(folder, mode)
    told("run", "--out", "out")

    for key, right in expected(folder).items():
        first, second = json.loads(texts()[key])
        assert {"name": "add", "arguments": {"x": int(right)}} == first
        assert {"name": "mul", "arguments": {"y": 2}} == second


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        ("noseed", "send_seed: false"),
        ("422", "send_seed: false"),
        ("temp400", "take this key out"),
        ("model400", "check the model's `model`"),
        ("moved", "/good/v1"),
    ],
)
def test_a_request_that_no_prompt_makes_right_is_told_at_once(
    case: Case, odd_endpoint: OddEndpoint, told: Told, mode: str, said: str
) -> None:
    folder = case("unread-field")
    odd_endpoint(folder)
    pointed_at(folder, mode)
    code, _, words = told("run", "--out", "out")

    assert 2 == code
    assert said in words
    assert not Path("out").exists()


def noted(document: dict[str, Any]) -> dict[str, int]:
    return {warning["code"]: warning["count"] for warning in document["warnings"]}


@pytest.mark.parametrize(
    ("mode", "options", "code", "every"),
    [
        ("trunc", {}, "answers_cut", 1),
        ("reasonsome", {}, "answers_cut", 5),
        ("filtersome", {}, "answers_filtered", 5),
        ("modelswap", {}, "model_switched", 2),
        ("think", {}, "reasoning_stripped", 1),
        ("s_ignored", {"stream": True}, "stream_ignored", 1),
        ("alwayssse", {}, "stream_unasked", 1),
    ],
)
def test_what_answers_say_beside_their_text_is_counted_and_told(
    case: Case, odd_endpoint: OddEndpoint, verdict: Verdict, mode: str, options: dict[str, Any], code: str, every: int
) -> None:
    folder = case("unread-field")
    odd_endpoint(folder)
    pointed_at(folder, mode, **options)
    document = verdict("run", "--out", "out")
    hit = [right for right in expected(folder).values() if int(right) % every == 0]
    fewer = min(len(hit), len(answers()) - len(hit)) or len(hit)

    assert (fewer if code == "model_switched" else len(hit)) == noted(document)[code]
    assert code in Path("out", "report.html").read_text()


def test_thoughts_are_taken_off_unless_they_are_kept(case: Case, odd_endpoint: OddEndpoint, verdict: Verdict) -> None:
    folder = case("unread-field")
    odd_endpoint(folder)
    pointed_at(folder, "think")
    verdict("run", "--out", "out")
    pointed_at(folder, "think", reasoning="keep")
    verdict("run", "--out", "kept")

    assert expected(folder) == texts()
    assert {"maybe 7, no"} == {line["extra"]["reasoning"] for line in answers()}
    assert all(text.startswith("<think>") for text in texts(out="kept").values())


def test_an_endpoint_that_cuts_prompts_silently_is_told(
    case: Case, odd_endpoint: OddEndpoint, verdict: Verdict
) -> None:
    folder = case("unread-field")
    odd_endpoint(folder)
    rows = [json.loads(line) for line in (folder / "d.jsonl").read_text().splitlines()]
    rows = [{**row, "input": row["input"] + " Think of all the words before you." * 20} for row in rows]
    (folder / "d.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    pointed_at(folder, "ollama")
    document = verdict("run", "--out", "out")

    assert len(rows) == noted(document)["prompts_cut"]


def test_a_certificate_that_is_not_trusted_is_named_and_one_that_is_given_is_trusted(
    case: Case, odd_endpoint: OddEndpoint, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = case("tls")
    make = "openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=127.0.0.1"
    subprocess.run([*make.split(), "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    odd_endpoint(folder, str(folder / "cert.pem"), str(folder / "key.pem"))
    protocol = json.loads((folder / "shipworthy.yaml").read_text())
    for model in protocol["models"].values():
        model["base_url"] = model["base_url"].replace("http://", "https://")
    (folder / "shipworthy.yaml").write_text(json.dumps(protocol))
    code, _, said = told("run", "--out", "out")
    monkeypatch.setenv("SSL_CERT_FILE", str(folder / "cert.pem"))
    told("run", "--out", "trusted")

    assert 2 == code
    assert "the certificate of 127.0.0.1" in said and "SSL_CERT_FILE" in said
    assert expected(folder) == texts(out="trusted")


def test_an_azure_style_endpoint_is_asked_with_its_query_and_key(
    case: Case, odd_endpoint: OddEndpoint, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = case("unread-field")
    odd_endpoint(folder)
    pointed_at(folder, "azure", query={"api-version": "2024-06-01"}, headers={"api-key": {"env": "AZURE_KEY"}})
    monkeypatch.setenv("AZURE_KEY", "very-secret")
    told("run", "--out", "out")

    assert expected(folder) == texts()
    assert not any(b"very-secret" in path.read_bytes() for path in Path("out").rglob("*") if path.is_file())
