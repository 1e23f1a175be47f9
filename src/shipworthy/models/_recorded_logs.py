"""Answers that another tool has logged, as recorded lines: lm-eval's `samples_*.jsonl`, inspect's `.eval` and `.json`.

What the other tool said the model answered is taken over, never its scores: those are made here, by the protocol.
Formats: lm_eval `--log_samples` (one object a document and filter), inspect_ai log version 2.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from shipworthy.errors import BadInput
from shipworthy.models._likelihood import shares
from shipworthy.store import loose_json, zip_members

ZIP = b"PK"
Logged = tuple[dict[str, Any], str]
"""(a recorded line, where it stands)."""


def logged(path: Path, content: bytes) -> list[Logged] | None:
    """The lines of a log of another tool; None where it is none. Raises: BadInput: the log is damaged."""
    if content.startswith(ZIP):
        return list(_inspect_archive(path))
    first = _object(content.lstrip().partition(b"\n")[0])
    if first is not None and "doc_id" in first and ("filtered_resps" in first or "resps" in first):
        return list(_lm_eval(path, content))
    whole = _object(content) if first is None or "eval" in first else None
    if whole is not None and isinstance(whole.get("eval"), dict) and isinstance(whole.get("samples"), list):
        model = whole["eval"].get("model")
        return [
            (_inspect(sample, model), f"{path}, sample {at}") for at, sample in enumerate(whole["samples"], start=1)
        ]
    return None


def _object(raw: bytes) -> dict[str, Any] | None:
    try:
        found = loose_json.loads(raw)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


# --- inspect ---------------------------------------------------------------------------------------------------------


def _inspect_archive(path: Path) -> Iterator[Logged]:
    names = [name for name in zip_members.names(path) if name.startswith("samples/") and name.endswith(".json")]
    if not names:
        raise BadInput("the log holds no samples; run inspect with log_samples", where=str(path))
    for name in names:
        where = f"{path}!{name}"
        sample = _object(zip_members.member(path, name))
        if sample is None:
            raise BadInput("this is not the JSON of an inspect_ai sample", where=where)
        yield _inspect(sample, (sample.get("output") or {}).get("model")), where


def _inspect(sample: Mapping[str, Any], model: Any) -> dict[str, Any]:
    """An epoch is a seed, counted from 0; a log of one epoch answers every seed."""
    output = sample.get("output") or {}
    choices = output.get("choices") or []
    error = sample.get("error")
    usage = output.get("usage") or {}
    line = {
        "example_id": str(sample.get("id")),
        "seed": int(sample.get("epoch") or 1) - 1,
        "model": str(model) if model else None,
        "latency_s": output.get("time"),
        "input_tokens": usage.get("input_tokens"),
        "output_tokens": usage.get("output_tokens"),
    }
    if error or not choices:
        said = error.get("message") if isinstance(error, dict) else error
        return {**line, "error": f"unanswered: {said or 'the log holds no answer'}"}
    return {**line, "text": _text((choices[0].get("message") or {}).get("content"))}


def _text(content: Any) -> str:
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return str(content or "")


# --- lm-eval ---------------------------------------------------------------------------------------------------------


def _lm_eval(path: Path, content: bytes) -> Iterator[Logged]:
    """Samples of the first filter that the file names: with several, each document stands there once a filter."""
    wanted = None
    for number, raw in enumerate(content.split(b"\n"), start=1):
        if not raw.strip():
            continue
        where = f"{path}:{number}"
        sample = _object(raw)
        if sample is None or "doc_id" not in sample:
            raise BadInput("this is not a sample of lm_eval; it needs a doc_id", where=where)
        wanted = sample.get("filter") if wanted is None else wanted
        if sample.get("filter") == wanted:
            yield {"example_id": str(sample["doc_id"]), **_said(sample, where)}, where


def _said(sample: Mapping[str, Any], where: str) -> dict[str, Any]:
    answers = sample.get("filtered_resps") or sample.get("resps") or []
    while isinstance(answers, list) and len(answers) == 1 and isinstance(answers[0], list):
        answers = answers[0]
    if not isinstance(answers, list) or not answers:
        raise BadInput("this sample holds no answer under filtered_resps or resps", where=where)
    if all(isinstance(answer, str) for answer in answers) and not _is_score(answers):
        return {"text": answers[0]}
    scored = answers if isinstance(answers[0], list) else [answers]
    return _likeliest(sample, [_logprob(pair, where) for pair in scored])


def _is_score(answers: Sequence[str]) -> bool:
    """Whether these two texts are one (log-probability, greedy) that was logged as text."""
    return len(answers) == 2 and answers[1] in ("True", "False")


def _logprob(pair: Any, where: str) -> float:
    try:
        value = float(pair[0])
    except (TypeError, ValueError, IndexError) as error:
        raise BadInput("an option of this sample has no log-probability", where=where) from error
    if math.isnan(value):
        raise BadInput("an option of this sample has a log-probability that is not a number", where=where)
    return value


def _likeliest(sample: Mapping[str, Any], logprobs: Sequence[float]) -> dict[str, Any]:
    """The option with the highest log-probability, as lm_eval's `acc` chooses; options are named by their text."""
    labels = _options(sample, len(logprobs))
    best = max(range(len(labels)), key=logprobs.__getitem__)
    if not math.isfinite(logprobs[best]):  # among infinities the first would win
        return {"error": "no option of this sample is likelier than the others: their log-probabilities are infinite"}
    extra: dict[str, Any] = {"logprobs": dict(zip(labels, logprobs, strict=True))}
    if len(set(labels)) == len(labels) and all(map(math.isfinite, logprobs)):
        probabilities = shares(labels, logprobs)
        extra |= {"probabilities": dict(probabilities), "confidence": probabilities[labels[best]]}
    return {"text": labels[best], "extra": extra}


def _options(sample: Mapping[str, Any], count: int) -> list[str]:
    """What stands behind the prompt in each request; the number of the option where the log does not say."""
    arguments = sample.get("arguments")
    given = list(arguments.values()) if isinstance(arguments, dict) else arguments
    texts = [_second(request) for request in given] if isinstance(given, list) else []
    if len(texts) == count and all(text is not None for text in texts):
        return [str(text).strip() for text in texts]
    return [str(at) for at in range(count)]


def _second(request: Any) -> str | None:
    if isinstance(request, dict):
        request = list(request.values())
    return request[1] if isinstance(request, list) and len(request) > 1 and isinstance(request[1], str) else None
