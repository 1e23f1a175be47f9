"""A model whose answers were recorded earlier: a JSONL file, the `responses.jsonl` of a finished run, or the log of
another tool (lm-eval's samples, inspect's logs: see `_recorded_logs`).

A line holds `example_id` and either `text` or `error`, and optionally `dataset`, `seed`, `model`, `latency_s`,
`first_token_s`, `input_tokens`, `output_tokens`, `cost_usd`. A line without `seed` answers every seed. Other keys are
kept in the response's `extra`.
"""

from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from shipworthy.errors import BadInput
from shipworthy.models._options import cost_usd, options_of
from shipworthy.models._recorded_logs import logged
from shipworthy.protocol.types import ModelSpec
from shipworthy.records import Example, Prompt, Record, Response

RUN_RESPONSES = "responses.jsonl"
Key = tuple[str | None, str, int | None]
"""(dataset or None, example id, seed or None): None where the line does not say."""


class Recorded(Record):
    """Options of `recorded`: `model` chooses whose answers to take from a file that holds several models."""

    model: str | None = None


class _Line(msgspec.Struct, frozen=True, kw_only=True):
    example_id: str | int
    dataset: str | None = None
    seed: int | None = None
    model: str | None = None
    text: str | None = None
    error: str | None = None
    prompt_sha256: str = ""
    latency_s: float | None = None
    first_token_s: float | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: float | None = None
    extra: dict[str, Any] = {}


UNRECORDED = "unrecorded"
"""Under which name a response's `extra` says that there is no row: a gap, ruled by the coverage policy, no failure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """What a recording holds beside what is asked.

    Attributes:
        path: the file. asked: how many answers are wanted (examples x seeds).
        lacking: ids of the examples without an answer, one a seed. foreign: ids of recorded answers that match nothing.
        unused_seeds: seeds (epochs) that were recorded and are not asked for.
    """

    path: str
    asked: int
    lacking: tuple[str, ...]
    foreign: tuple[str, ...]
    unused_seeds: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Placed:
    """A line and where it stands, for messages."""

    line: _Line
    where: str


class RecordedBackend:
    """Looks answers up; what was not recorded is an error of that prompt."""

    def __init__(self, name: str, spec: ModelSpec, lines: Mapping[Key, _Line], identity: Mapping[str, str]) -> None:
        self._name = name
        self._spec = spec
        self._lines = lines
        self._identity = dict(identity)

    @property
    def identity(self) -> Mapping[str, str]:
        """A digest of the recording and whose answers were taken from it."""
        return self._identity

    async def answer(self, prompts: Sequence[Prompt], *, seed: int) -> AsyncIterator[Response]:
        """One Response a prompt, in order."""
        for prompt in prompts:
            line = self._find(prompt, seed)
            yield self._response(prompt, seed, line) if line else self._unrecorded(prompt, seed)

    async def close(self) -> None:
        """Nothing is open."""

    def coverage(self, prompts: Sequence[Prompt], seeds: Sequence[int]) -> "Recording":
        """How far the recording and what would be asked overlap; nothing is asked."""
        asked = {prompt.example_id for prompt in prompts}
        datasets = {None, *(prompt.dataset for prompt in prompts)}
        foreign = list(dict.fromkeys(key[1] for key in self._lines if key[0] in datasets and key[1] not in asked))
        unused = {seed for _, _, seed in self._lines if seed is not None} - set(seeds)
        lacking = [prompt.example_id for prompt in prompts for seed in seeds if self._find(prompt, seed) is None]
        return Recording(
            path=self._identity["path"],
            asked=len(prompts) * len(seeds),
            lacking=tuple(lacking),
            foreign=tuple(foreign),
            unused_seeds=tuple(sorted(unused)),
        )

    def _find(self, prompt: Prompt, seed: int) -> _Line | None:
        for dataset in (prompt.dataset, None):
            for wanted in (seed, None):
                if line := self._lines.get((dataset, prompt.example_id, wanted)):
                    return line
        return None

    def _response(self, prompt: Prompt, seed: int, line: _Line) -> Response:
        cost = line.cost_usd
        if cost is None:
            cost = cost_usd(self._spec, line.input_tokens, line.output_tokens)
        return Response(
            example_id=prompt.example_id,
            dataset=prompt.dataset,
            model=self._name,
            seed=seed,
            text=line.text,
            error=line.error,
            latency_s=line.latency_s,
            first_token_s=line.first_token_s,
            input_tokens=line.input_tokens,
            output_tokens=line.output_tokens,
            cost_usd=cost,
            extra=line.extra,
        )

    def _unrecorded(self, prompt: Prompt, seed: int) -> Response:
        error = f"unanswered: {self._identity['path']} records no answer to it"
        return Response(
            example_id=prompt.example_id,
            dataset=prompt.dataset,
            model=self._name,
            seed=seed,
            error=error,
            extra={UNRECORDED: True},
        )


def load(
    name: str, spec: ModelSpec, *, folder: Path, examples: Sequence[Example], environ: Mapping[str, str]
) -> RecordedBackend:
    """The recorded answers of one model.

    Raises: BadInput: the file is missing or a line is broken, stands twice, or could mean two datasets; or the file
        holds several models and none is chosen. The message names file:line.
    """
    del environ
    wanted = options_of(name, spec.options, Recorded).model
    if spec.path is None:
        raise BadInput(f"model {name!r}: the recorded backend needs the path of a JSONL file with its answers")
    path = folder / spec.path
    path = path / RUN_RESPONSES if path.is_dir() else path
    content = _read(path)
    if not content.strip():
        raise BadInput(f"holds no answer of model {name!r}; record some, or take the model out", where=str(path))
    lines = _index(_chosen(_placed(content, path), name, wanted, path), _ids_of_several(examples))
    identity = {"kind": "recorded", "path": spec.path, "sha256": sha256(content).hexdigest(), "model": wanted or ""}
    return RecordedBackend(name, spec, lines, identity)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    except OSError as error:
        raise BadInput(
            f"recorded responses cannot be read: {(error.strerror or str(error)).lower()}; check the model's `path`",
            where=str(path),
        ) from error


def _placed(content: bytes, path: Path) -> list[_Placed]:
    foreign = logged(path, content)
    if foreign is None:
        return list(_parse(content, path))
    seeds = {line.get("seed") for line, _ in foreign}
    every = {"seed": None} if len(seeds) == 1 else {}
    return [_Placed(msgspec.convert({**line, **every}, _Line), where) for line, where in foreign]


def _parse(content: bytes, path: Path) -> Iterator[_Placed]:
    for number, raw in enumerate(content.split(b"\n"), start=1):
        if raw.strip():
            where = f"{path}:{number}"
            yield _Placed(_line(raw, where), where)


_DECODER = msgspec.json.Decoder(_Line)
_KNOWN = frozenset(_Line.__struct_fields__)


def _line(raw: bytes, where: str) -> _Line:
    try:
        line = _DECODER.decode(raw)
        others = {key: value for key, value in msgspec.json.decode(raw).items() if key not in _KNOWN}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput(
            f"not a recorded response ({error}); a line needs example_id and text or error", where=where
        ) from error
    if (line.text is None) == (line.error is None):
        raise BadInput("a recorded response needs either a text or an error", where=where)
    if not others:
        return line
    return msgspec.structs.replace(line, extra={**others, **line.extra})


def _chosen(lines: list[_Placed], name: str, wanted: str | None, path: Path) -> list[_Placed]:
    models = sorted({placed.line.model for placed in lines if placed.line.model is not None})
    if wanted is None:
        if len(models) > 1:
            raise BadInput(
                f"holds the answers of {', '.join(models)}; choose one: `options: {{model: {models[0]}}}` of {name!r}",
                where=str(path),
            )
        return lines
    chosen = [placed for placed in lines if placed.line.model == wanted]
    if not chosen:
        raise BadInput(f"holds no answer of model {wanted!r}; it has: {', '.join(models) or 'none'}", where=str(path))
    return chosen


def _index(lines: list[_Placed], ambiguous: frozenset[str]) -> dict[Key, _Line]:
    """Lines by key; an error gives way to an answer (a retried request), two answers to one prompt are refused."""
    placed: dict[Key, _Placed] = {}
    for new in lines:
        line = new.line
        key = (line.dataset, str(line.example_id), line.seed)
        old = placed.get(key)
        if old is not None and old.line.text is not None:
            if line.text is None:
                continue
            raise BadInput(f"{_said(key)} was answered before, at {old.where}; keep one of the two", where=new.where)
        if line.dataset is None and key[1] in ambiguous:
            raise BadInput(f"example {key[1]!r} stands in several datasets; say which one: `dataset`", where=new.where)
        placed[key] = new
    return {key: found.line for key, found in placed.items()}


def _said(key: Key) -> str:
    dataset, example_id, seed = key
    return (
        f"example {example_id!r}"
        + (f" of {dataset!r}" if dataset else "")
        + (f" (seed {seed})" if seed is not None else "")
    )


def _ids_of_several(examples: Sequence[Example]) -> frozenset[str]:
    seen = Counter(example_id for _, example_id in {(example.dataset, example.id) for example in examples})
    return frozenset(example_id for example_id, count in seen.items() if count > 1)
