"""What the model will read: every row through its own chat template and tokenizer.

Runs with `--tokenizer FOLDER`. The loss is taken to cover what `{% generation %}` marks, and without such a block
everything behind the prompt, as TRL's completion-only loss has it.
"""

from collections import Counter
from collections.abc import Sequence
from os.path import commonpath
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from shipworthy.data.training._chat_template import Rendered, read_folder, read_template
from shipworthy.data.training.batch import Batch
from shipworthy.data.training.checks import Desk
from shipworthy.data.training.checks.length import histogram
from shipworthy.data.training.types import Histogram, Skipped, Turn
from shipworthy.errors import BadInput, MissingExtra

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_NO_LIMIT = 1_000_000
"""tokenizer_config.json says 10^30 where nobody set a length."""


class _Row(NamedTuple):
    at: int
    whole: Rendered
    prompt: str


class Template:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._found = desk.found
        self._tokens: Counter[int] = Counter()
        self._tokenizer: Tokenizer | None = None
        options = desk.options
        if options.tokenizer is None:
            said = "needs --tokenizer FOLDER (tokenizer.json and its chat template)"
            desk.skipped.append(Skipped(check="template", because=said))
            return
        self._folder = read_folder(options.tokenizer)
        self._tokenizer = _tokenizer(options.tokenizer)
        self._limit = options.max_length or _own_limit(self._folder.settings)
        serving = options.inference_template
        self._serving = read_template(serving, self._folder) if serving else None

    def look(self, batch: Batch) -> None:
        if self._tokenizer is not None and batch.completion_N is not None:
            self._tokens.update(self._desk.look("template", batch, self._looked))

    def _looked(self, batch: Batch) -> Counter[int]:
        """Adds the findings of a batch; returns tokens of a row -> rows."""
        assert self._tokenizer is not None
        rows = list(filter(None, (self._rendered(batch, index) for index in range(len(batch)))))
        whole = self._tokenizer.encode_batch([row.whole.text for row in rows], add_special_tokens=False)
        for row, encoding in zip(rows, whole, strict=True):
            self._measure(batch, row.at, encoding.ids)
            if self._folder.template is not None:
                self._stops(batch, row, encoding)
        self._round_trip(batch)
        return Counter(len(encoding.ids) for encoding in whole)

    # --- rendering ---

    def _rendered(self, batch: Batch, index: int) -> _Row | None:
        turns = batch.conversation(index)
        template, tools = self._folder.template, batch.tools_N[index] if batch.tools_N is not None else None
        if template is None or batch.kind == "text":
            text = batch.prompt_N[index] + (batch.completion_N or "")[index]
            return _Row(index, Rendered(text, ()), batch.prompt_N[index])
        declared = [{"type": "function", "function": {"name": n, "parameters": p}} for n, p in (tools or {}).items()]
        try:
            whole = template.render(turns, declared or None)
            prompt = template.render(turns[:-1], declared or None, prompt=True).text
        except ValueError as error:
            self._found.add("template_fails", batch, index, "turns", turns[-1].content, str(error))
            return None
        self._drift(batch, index, turns, whole.text, prompt, declared)
        self._two_bos(batch, index, whole.text)
        return _Row(index, whole, prompt)

    def _drift(self, batch: Batch, index: int, turns: Sequence[Turn], whole: str, prompt: str, tools: Any) -> None:
        if not whole.startswith(prompt):
            shown = prompt[len(_common(whole, prompt)) :][:80]
            self._found.add("template_drift", batch, index, "prompt", turns[-1].content, f"serving adds {shown!r}")
        elif self._serving is not None:
            try:
                served = self._serving.render(turns[:-1], tools or None, prompt=True).text
            except ValueError as error:
                served = f"refused: {error}"
            if served != prompt:
                shown = served[len(_common(served, prompt)) :][:80]
                self._found.add("template_drift", batch, index, "prompt", turns[-1].content, f"serving has {shown!r}")

    def _two_bos(self, batch: Batch, index: int, text: str) -> None:
        bos = self._folder.bos
        if bos and bos not in self._folder.stops and text.removeprefix(bos).lstrip().startswith(bos):
            self._found.add("double_bos", batch, index, "rendered", text)

    # --- tokens ---

    def _measure(self, batch: Batch, index: int, ids: Sequence[int]) -> None:
        if self._limit is not None and len(ids) > self._limit:
            said = f"{len(ids):,} tokens, {self._limit:,} are kept"
            self._found.add("truncated", batch, index, "row", batch.prompt_N[index], said)

    def _stops(self, batch: Batch, row: _Row, encoding: Any) -> None:
        """The answer's last token but white space must be a stop token, and the loss must cover it."""
        begin = len(row.prompt) if row.whole.text.startswith(row.prompt) else 0
        stops = set(self._folder.stops)
        if not stops:
            return
        behind = [
            span
            for token, span in zip(encoding.tokens, encoding.offsets, strict=True)
            if token in stops and span[0] >= begin
        ]
        if not behind:
            self._found.add("missing_eos", batch, row.at, "rendered", row.whole.text[-80:])
        elif self._folder.template is not None and self._folder.template.covers:
            at = behind[-1][0]
            if not any(first <= at < last for first, last in row.whole.learned):
                self._found.add("stop_token_masked", batch, row.at, "rendered", row.whole.text[-80:])

    def _round_trip(self, batch: Batch) -> None:
        assert self._tokenizer is not None
        unknown = self._folder.settings.get("unk_token")
        name = unknown.get("content") if isinstance(unknown, dict) else unknown
        unk = self._tokenizer.token_to_id(name) if name else None
        for part, column in batch.parts:
            encodings = self._tokenizer.encode_batch(list(column.values), add_special_tokens=False)
            back = self._tokenizer.decode_batch([one.ids for one in encodings], skip_special_tokens=False)
            for index, (text, encoding, again) in enumerate(zip(column.values, encodings, back, strict=True)):
                if unk is not None and unk in encoding.ids:
                    self._found.add("unknown_token", batch, index, part, text)
                elif text.strip() != again.strip():
                    self._found.add("round_trip", batch, index, part, text, again[:80])

    def close(self) -> None:
        if self._tokenizer is None:
            return
        n = sum(self._tokens.values())
        self._desk.measures["tokens"] = float(sum(size * count for size, count in self._tokens.items()))
        if self._limit is not None and n:
            cut = sum(count for size, count in self._tokens.items() if size > self._limit)
            self._desk.measures["truncated"] = cut / n
        if self._folder.pad and self._folder.pad in self._folder.stops:
            self._found.whole("pad_is_stop_token", n, f"both are {self._folder.pad!r}")

    def histograms(self) -> tuple[Histogram, ...]:
        """Lengths of whole rows in the model's own tokens."""
        return (histogram("Length of rows", "tokens", self._tokens),) if self._tokens else ()


def _tokenizer(path: str) -> "Tokenizer":
    file = Path(path) / "tokenizer.json"
    if not file.is_file():
        raise BadInput("this folder holds no tokenizer.json; save the tokenizer as a fast tokenizer", where=path)
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise MissingExtra("checks with a tokenizer need tokenizers; pip install 'shipworthy[train]'") from None
    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:  # noqa: BLE001 - the library raises a bare Exception
        raise BadInput(f"is not a tokenizer that can be read ({str(error)[:120]})", where=str(file)) from None
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def _own_limit(settings: dict[str, Any]) -> int | None:
    found = settings.get("model_max_length")
    return int(found) if isinstance(found, int | float) and found < _NO_LIMIT else None


def _common(a: str, b: str) -> str:

    return commonpath([a, b])
