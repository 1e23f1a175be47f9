"""Rows through a real tokenizer and chat templates: what the model would read, and where it would learn to stop."""

import json
import string
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from shipworthy.data.training import DataReport, Options, check, evaluate_limits
from tests.data_checks.corpus import asked, chat, said

if TYPE_CHECKING:
    from tokenizers import Tokenizer

tokenizers = pytest.importorskip("tokenizers")

GOOD = (
    "{% for m in messages %}<|{{ m.role }}|>{% if m.role == 'assistant' %}{% generation %}{{ m.content }}<|end|>"
    "{% endgeneration %}{% else %}{{ m.content }}<|end|>{% endif %}\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
NO_STOP = GOOD.replace("{{ m.content }}<|end|>{% endgeneration %}", "{{ m.content }}{% endgeneration %}")
MASKED = GOOD.replace("<|end|>{% endgeneration %}", "{% endgeneration %}<|end|>")
STRICT = "{% if messages[0].role == 'system' %}{{ raise_exception('no system prompt') }}{% endif %}" + GOOD
OTHER_PROMPT = GOOD.replace("{% if add_generation_prompt %}<|assistant|>", "{% if add_generation_prompt %}<|bot|>")
TWO_BOS = "<|bos|><|bos|>" + GOOD
N = 40


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rng = Random("template")
    path = tmp_path / "data.jsonl"
    rows = [chat(("user", asked(rng)), ("assistant", said(rng))) for _ in range(N)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def _bytes() -> "Tokenizer":
    """Every byte is a token: gives any text back."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    letters = {letter: i for i, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    tokenizer = Tokenizer(models.BPE(vocab=letters, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def _normalising() -> "Tokenizer":
    """Like `_bytes`, but Unicode's compatibility forms are replaced before a byte is looked at."""
    from tokenizers import normalizers

    tokenizer = _bytes()
    tokenizer.normalizer = normalizers.NFKC()
    return tokenizer


def _letters() -> "Tokenizer":
    """Knows the printable letters of ASCII; anything else is <unk>."""
    from tokenizers import Tokenizer, decoders, models

    known = {letter: i for i, letter in enumerate(string.printable)}
    tokenizer = Tokenizer(models.BPE(vocab={**known, "<unk>": len(known)}, merges=[], unk_token="<unk>"))
    tokenizer.decoder = decoders.Fuse()
    return tokenizer


def _folder(folder: Path, template: str, *, tokenizer: "Tokenizer | None" = None, **settings: object) -> Path:
    tokenizer = tokenizer or _bytes()
    tokenizer.add_special_tokens(["<|bos|>", "<|end|>", "<|pad|>"])
    made = folder / "tokenizer"
    made.mkdir(exist_ok=True)
    tokenizer.save(str(made / "tokenizer.json"))
    config = {"bos_token": "<|bos|>", "eos_token": "<|end|>", "pad_token": "<|pad|>", **settings}
    (made / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    (made / "chat_template.jinja").write_text(template, encoding="utf-8")
    return made


def _report(
    data: Path, template: str, *, max_length: int | None = None, serving: str | None = None, **made: Any
) -> DataReport:
    """`made`: the tokenizer and the settings of its folder."""
    folder = _folder(data.parent, template, **made)
    if serving is not None:
        (data.parent / "serving.jinja").write_text(serving, encoding="utf-8")
    options = Options(
        tokenizer=str(folder),
        max_length=max_length,
        inference_template=str(data.parent / "serving.jinja") if serving else None,
        only=("template",),
    )
    return check([str(data)], options)


def test_a_sound_template_has_no_finding(data: Path) -> None:
    report = _report(data, GOOD, serving=GOOD)

    assert () == report.findings
    assert N == sum(report.histograms[-1].counts)


@pytest.mark.parametrize(
    ("template", "code"),
    [
        (NO_STOP, "missing_eos"),
        (MASKED, "stop_token_masked"),
        (OTHER_PROMPT, "template_drift"),
        (TWO_BOS, "double_bos"),
    ],
)
def test_a_faulty_template_is_found_on_every_row(data: Path, template: str, code: str) -> None:
    report = _report(data, template)

    assert [(code, N)] == [(found.code, found.count) for found in report.findings]


def test_a_template_that_refuses_a_row_is_named_with_its_words(data: Path) -> None:
    data.write_text(json.dumps(chat(("system", "s"), ("user", "a"), ("assistant", "b"))) + "\n", encoding="utf-8")
    found = _report(data, STRICT).findings[0]

    assert ("template_fails", "no system prompt") == (found.code, found.examples[0].because)


def test_serving_with_another_template_is_drift(data: Path) -> None:
    report = _report(data, GOOD, serving=GOOD.replace("<|assistant|>", "Answer:"))

    assert N == report.count("template_drift")


def test_rows_that_the_trainer_cuts_are_counted_as_a_share(data: Path) -> None:
    rng = Random("long")
    rows = [chat(("user", asked(rng)), ("assistant", said(rng, 30))) for _ in range(10)]
    with data.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    report = _report(data, GOOD, max_length=1_000)

    assert 10 == report.count("truncated")
    assert 10 / (N + 10) == report.measures["truncated"]


def test_padding_with_the_stop_token_is_named(data: Path) -> None:
    assert N == _report(data, GOOD, pad_token="<|end|>").count("pad_is_stop_token")


def _with_answers(data: Path, answers: list[str]) -> list[int]:
    """Rows with these answers behind the others; their lines."""
    with data.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(chat(("user", "What is it?"), ("assistant", text))) + "\n" for text in answers)
    return list(range(N + 1, N + 1 + len(answers)))


def _named(report: DataReport) -> dict[str, list[tuple[int, str]]]:
    """Code -> (line, part) of its examples."""
    return {
        found.code: [(int(place.where.rpartition(":")[2]), place.part) for place in found.examples]
        for found in report.findings
    }


def test_text_that_the_tokenizer_changes_is_found_and_shown_as_it_comes_back(data: Path) -> None:
    lines = _with_answers(data, ["A ﬁne answer.", "Half: ½ cup.", "Full width: ＡＢＣ."])
    report = _report(data, GOOD, tokenizer=_normalising())

    assert {"round_trip": [(line, "completion") for line in lines]} == _named(report)
    assert "A fine answer." == report.findings[0].examples[0].because


def test_characters_that_the_tokenizer_does_not_know_are_found(data: Path) -> None:
    lines = _with_answers(data, ["Zürich.", "Price: 5 €.", "東京"])
    report = _report(data, GOOD, tokenizer=_letters(), unk_token="<unk>")

    assert {"unknown_token": [(line, "completion") for line in lines]} == _named(report)


@pytest.mark.parametrize("unk_token", ["<unk>", {"content": "<unk>"}])
def test_the_unknown_token_is_read_as_a_word_or_as_a_record(data: Path, unk_token: object) -> None:
    _with_answers(data, ["Zürich."])

    assert 1 == _report(data, GOOD, tokenizer=_letters(), unk_token=unk_token).count("unknown_token")


def test_a_tokenizer_of_bytes_gives_every_text_back(data: Path) -> None:
    _with_answers(data, ["A ﬁne answer.", "Zürich.", "東京", " spaces  inside ", "tab\tand\nline"])

    assert () == _report(data, GOOD).findings


@pytest.mark.slow
def test_the_same_text_comes_out_of_transformers(data: Path) -> None:
    transformers = pytest.importorskip("transformers")
    from shipworthy.data.training._chat_template import read_folder
    from shipworthy.data.training.types import Turn

    folder = _folder(data.parent, GOOD, tokenizer_class="PreTrainedTokenizerFast")
    theirs = transformers.AutoTokenizer.from_pretrained(str(folder))
    turns = [("user", "a"), ("assistant", "b"), ("user", "c")]
    messages = [{"role": role, "content": text} for role, text in turns]
    template = read_folder(str(folder)).template
    assert template is not None
    ours = template.render([Turn(role, text) for role, text in turns], prompt=True).text

    assert theirs.apply_chat_template(messages, tokenize=False, add_generation_prompt=True) == ours


def test_a_limit_of_rows_that_are_cut_counts_rows(data: Path) -> None:
    """`truncated` is a share of the set as well; a whole number is a number of rows."""
    report = _report(data, GOOD, max_length=1)

    assert ["fail", "pass", "fail", "pass"] == [
        evaluate_limits(report, {"truncated": limit})[0].outcome for limit in (N - 1, N, "99%", "100%")
    ]


@pytest.mark.parametrize("template", [GOOD, NO_STOP, MASKED, STRICT, OTHER_PROMPT, TWO_BOS])
def test_a_row_counts_once_however_often_the_template_fails_it(data: Path, template: str) -> None:
    rng = Random("often")
    marks = "é ℌ \u2460 " * 3
    twice = [chat(("system", marks), ("user", marks + asked(rng)), ("assistant", said(rng) + marks)) for _ in range(N)]
    data.write_text("".join(json.dumps(row) + "\n" for row in twice), encoding="utf-8")
    report = _report(data, template, tokenizer=_letters(), max_length=3, serving=GOOD, pad_token="<|end|>")

    assert report.findings
    assert all(0 < one.count <= N and one.share <= 1 for one in report.findings)
