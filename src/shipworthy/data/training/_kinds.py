"""The formats of training rows: how each is recognised by its columns, and how one of its rows becomes a `Row`."""

from collections.abc import Callable, Mapping, Sequence
from os.path import commonpath
from typing import Any, NamedTuple

from shipworthy.data.training._faults import Faults
from shipworthy.data.training.types import Row, Turn

TEXT_COLUMNS = ("text", "sentence", "test_case", "utterance", "content", "review", "input")
LABEL_COLUMNS = ("label", "category", "label_gold", "intent", "class", "target")
_HH_TURN = "\n\nAssistant:"


class Kind(NamedTuple):
    """One format. `fits(columns)` recognises it; `rows(faults, path, line)` reads one object (SQuAD: several rows)."""

    name: str
    says: str
    fits: Callable[[Mapping[str, Any]], bool]
    rows: Callable[[Faults], list[dict[str, Any]]]
    trained: bool = True

    def read(self, fields: Mapping[str, Any], path: str, line: int) -> list[Row] | tuple[str, ...]:
        """The rows of one object, or everything that is wrong with it."""
        faults = Faults(fields)
        made = self.rows(faults)
        if faults.found:
            return tuple(faults.found)
        return [Row(kind=self.name, path=path, line=line, **columns) for columns in made]


def recognise(objects: Sequence[Mapping[str, Any]]) -> str | None:
    """The kind that fits most of these objects; None when none fits any."""
    votes: dict[str, int] = {}
    for fields in objects:
        name = kind_of(fields)
        if name is not None:
            votes[name] = votes.get(name, 0) + 1
    return max(votes, key=votes.__getitem__) if votes else None


def kind_of(fields: Mapping[str, Any]) -> str | None:
    """The kind of one object by its columns. A column that is null is absent, where what is left is learned from."""
    filled = _fitting({name: value for name, value in fields.items() if value is not None})
    return _fitting(fields) if filled in (None, "prompt", "text") else filled


def _fitting(fields: Mapping[str, Any]) -> str | None:
    return next((name for name, kind in KINDS.items() if kind.fits(fields)), None)


# --- Conversations ---------------------------------------------------------------------------------------------------


def _split(turns: Sequence[Turn]) -> dict[str, Any]:
    """The columns of a conversation; without an assistant's turn at its end there is a prompt and no completion."""
    learned = bool(turns) and turns[-1].role == "assistant"
    asked = turns[:-1] if learned else turns
    return {
        "turns": tuple(turns),
        "prompt": "\n".join(turn.content for turn in asked if turn.role != "system"),
        "system": "\n".join(turn.content for turn in asked if turn.role == "system"),
        "completion": learned_text(turns[-1]) if learned else None,
    }


def learned_text(turn: Turn) -> str:
    """What a model says in this turn; calls of tools count as what is said."""
    import json

    if turn.content or not turn.tool_calls:
        return turn.content
    return json.dumps(turn.tool_calls, ensure_ascii=False)


def _chat(faults: Faults) -> list[dict[str, Any]]:
    return [{**_split(faults.turns("messages")), "tools": _tools(faults, "tools")}]


def _sharegpt(faults: Faults) -> list[dict[str, Any]]:
    turns = faults.turns("conversations")
    if faults.fields.get("system"):
        turns.insert(0, Turn("system", faults.text("system")))
    return [{**_split(turns), "tools": _tools(faults, "tools")}]


def _sharegpt_pair(faults: Faults) -> list[dict[str, Any]]:
    asked = faults.turns("conversations")
    return [_pair(asked, faults.turns("chosen"), faults.turns("rejected"))]


def _pair(asked: list[Turn], chosen: Sequence[Turn], rejected: Sequence[Turn]) -> dict[str, Any]:
    columns = _split([*asked, *chosen])
    return {**columns, "completion": _said(chosen), "rejected": _said(rejected)}


def _said(turns: Sequence[Turn]) -> str:
    return "\n".join(map(learned_text, turns))


def _kto_chat(faults: Faults) -> list[dict[str, Any]]:
    return [{**_split(faults.turns("messages")), "label": _thumb(faults)}]


def _kto(faults: Faults) -> list[dict[str, Any]]:
    return [{**_prompt_completion(faults)[0], "label": _thumb(faults)}]


def _thumb(faults: Faults) -> bool:
    label = faults.fields.get("label")
    if isinstance(label, str) and label.lower() in ("true", "false"):
        return label.lower() == "true"
    if not isinstance(label, bool) and label not in (0, 1):
        faults.add("'label' must be true or false")
    return bool(label)


def _turns_of(faults: Faults, name: str, role: str) -> list[Turn]:
    found = faults.fields.get(name)
    return faults.turns(name) if isinstance(found, list) else [Turn(role, faults.text(name))]


def _prompt_completion(faults: Faults) -> list[dict[str, Any]]:
    asked, learned = _turns_of(faults, "prompt", "user"), _turns_of(faults, "completion", "assistant")
    tools = _tools(faults, "tools")
    return [{**_split([*asked, *learned]), "completion": _said(learned), "tools": tools}]


def _preference(faults: Faults) -> list[dict[str, Any]]:
    asked = _turns_of(faults, "prompt", "user")
    return [_pair(asked, _turns_of(faults, "chosen", "assistant"), _turns_of(faults, "rejected", "assistant"))]


def _implicit(faults: Faults) -> list[dict[str, Any]]:
    """Two conversations (or HH transcripts) whose common beginning is the prompt."""
    chosen, rejected = faults.fields.get("chosen"), faults.fields.get("rejected")
    if isinstance(chosen, str) or isinstance(rejected, str):
        return [_transcripts(faults)]
    ours, theirs = faults.turns("chosen"), faults.turns("rejected")
    same = 0
    while same < min(len(ours), len(theirs)) and ours[same] == theirs[same]:
        same += 1
    same = min(same, max(0, len(ours) - 1), max(0, len(theirs) - 1))
    columns = _pair(ours[:same], ours[same:], theirs[same:])
    asked = [turn.content for turn in ours[:-1] if turn.role != "system"]
    other = [turn.content for turn in theirs[:-1] if turn.role != "system"]
    return [{**columns, "prompt": "\n".join(asked), "prompt_rejected": None if asked == other else "\n".join(other)}]


def _transcripts(faults: Faults) -> dict[str, Any]:
    """Anthropic HH: "Human: ..." and "Assistant: ..." on both sides; what follows the last common marker differs."""
    chosen, rejected = faults.text("chosen"), faults.text("rejected")
    for name, text in (("chosen", chosen), ("rejected", rejected)):
        if text and _HH_TURN not in text:
            faults.add(f"{name!r} holds no '\\n\\nAssistant:' turn; name the prompt in a column `prompt`")
    shared = chosen if chosen == rejected else commonpath([chosen, rejected])
    cut = shared.rfind(_HH_TURN)
    if (
        cut < 0
        or chosen[cut + len(_HH_TURN) :].count("\n\nHuman:")
        or rejected[cut + len(_HH_TURN) :].count("\n\nHuman:")
    ):
        asked, ours = _last(chosen)
        other, theirs = _last(rejected)
    else:
        at = cut + len(_HH_TURN)
        asked = other = chosen[:cut]
        ours, theirs = chosen[at:], rejected[at:]
    turns = _spoken(asked)
    columns = _split([*turns, Turn("assistant", ours.strip())])
    return {**columns, "rejected": theirs.strip(), "prompt_rejected": None if asked == other else other.strip()}


def _last(transcript: str) -> tuple[str, str]:
    asked, _, said = transcript.rpartition(_HH_TURN)
    return asked, said


def _spoken(transcript: str) -> list[Turn]:
    """The turns of an HH transcript."""
    turns = []
    for block in transcript.split("\n\nHuman:"):
        asked, *said = block.split(_HH_TURN)
        if asked.strip():
            turns.append(Turn("user", asked.strip()))
        turns += [Turn("assistant", one.strip()) for one in said]
    return turns


def _openai_preference(faults: Faults) -> list[dict[str, Any]]:
    given = faults.fields.get("input")
    if not isinstance(given, dict):
        faults.add("'input' must be an object with messages")
        return []
    asked = faults.turns("input.messages", given.get("messages") or [])
    chosen, rejected = faults.turns("preferred_output"), faults.turns("non_preferred_output")
    return [_pair(asked, chosen, rejected)]


# --- Plain columns ---------------------------------------------------------------------------------------------------


def _alpaca(faults: Faults) -> list[dict[str, Any]]:
    asked, given = faults.text("instruction"), faults.text("input", default="")
    return [
        {
            "prompt": f"{asked}\n{given}" if given else asked,
            "completion": faults.text("output"),
            "system": faults.text("system", default=""),
        }
    ]


def _labelled(faults: Faults) -> list[dict[str, Any]]:
    text, label = faults.choice(TEXT_COLUMNS) or "text", faults.choice(LABEL_COLUMNS) or "label"
    value = faults.fields.get(label)
    said = str(value).lower() if isinstance(value, bool) else faults.text(label)
    return [{"prompt": faults.text(text), "completion": said, "label": said}]


def _answered(faults: Faults) -> list[dict[str, Any]]:
    return [{"prompt": faults.text("question"), "completion": _answer(faults)}]


def _answer(faults: Faults) -> str:
    name = faults.choice(("answer", "ground_truth", "response", "answers")) or "answer"
    found = faults.fields.get(name)
    if isinstance(found, dict):
        found = found.get("text")
    if isinstance(found, list):
        return faults.as_text(f"{name}[0]", found[0]) if found else ""
    return faults.text(name)


def _rag(faults: Faults) -> list[dict[str, Any]]:
    name = faults.choice(("contexts", "context", "passages", "documents")) or "contexts"
    found = faults.fields.get(name)
    passages = found if isinstance(found, list) else [found]
    contexts = tuple(_passage(faults, f"{name}[{i}]", one) for i, one in enumerate(passages))
    group = faults.fields.get("article", faults.fields.get("title"))
    return [{**_answered(faults)[0], "contexts": contexts, "group": None if group is None else str(group)}]


def _passage(faults: Faults, at: str, found: Any) -> str:
    if isinstance(found, dict):
        found = found.get("text", found.get("content"))
    return faults.as_text(at, found)


def _paragraph(faults: Faults) -> list[dict[str, Any]]:
    """SQuAD: one paragraph, many questions; a question without answers has the empty answer."""
    context, asked = faults.text("context"), faults.fields.get("qas")
    if not isinstance(asked, list):
        faults.add("'qas' must be a list of questions")
        return []
    made = []
    for i, item in enumerate(asked):
        inner = Faults(item if isinstance(item, dict) else {})
        answers = inner.fields.get("answers") or [""]
        first = answers[0]["text"] if isinstance(answers[0], dict) else answers[0]
        made.append(
            {"prompt": inner.text("question"), "completion": str(first), "contexts": (context,), "group": context}
        )
        faults.found += [f"qas[{i}]: {fault}" for fault in inner.found]
    return made


def _sql(faults: Faults) -> list[dict[str, Any]]:
    name = faults.choice(("sql", "query", "SQL")) or "sql"
    return [{"prompt": faults.text("question"), "completion": faults.text(name)}]


def _calls(faults: Faults) -> list[dict[str, Any]]:
    """BFCL: a question (lists of turns) and the functions that may be called; the answers stand in another file."""
    asked = faults.fields.get("question")
    turns = asked[0] if isinstance(asked, list) and asked and isinstance(asked[0], list) else asked
    return [
        {**_split(faults.turns("question", turns if turns is not None else [])), "tools": _tools(faults, "function")}
    ]


def _text(faults: Faults) -> list[dict[str, Any]]:
    return [{"prompt": "", "completion": faults.text("text")}]


def _prompt_only(faults: Faults) -> list[dict[str, Any]]:
    return [_split(_turns_of(faults, "prompt", "user"))]


def _tools(faults: Faults, name: str) -> dict[str, Any] | None:
    """name -> schema of the parameters. The list may be JSON in a text."""
    import json

    found = faults.fields.get(name)
    if isinstance(found, str):
        try:
            found = json.loads(found) if found.strip() else None
        except ValueError:
            faults.add(f"{name!r} is not the JSON of a list of functions")
            return None
    if found is None:
        return None
    if not isinstance(found, list):
        faults.add(f"{name!r} must be a list of functions")
        return None
    made = {}
    for i, tool in enumerate(found):
        declared = tool.get("function", tool) if isinstance(tool, dict) else {}
        if not isinstance(declared, dict) or not isinstance(declared.get("name"), str):
            faults.add(f"{name}[{i}] declares no function with a name")
            continue
        made[declared["name"]] = declared.get("parameters") or {}
    return made


# --- The table -------------------------------------------------------------------------------------------------------


def _has(*names: str) -> Callable[[Mapping[str, Any]], bool]:
    return lambda fields: all(name in fields for name in names)


def _is_labelled(fields: Mapping[str, Any]) -> bool:
    return any(name in fields for name in TEXT_COLUMNS) and any(name in fields for name in LABEL_COLUMNS)


def _is_thumb(fields: Mapping[str, Any]) -> bool:
    return "label" in fields and ("messages" in fields or ("prompt" in fields and "completion" in fields))


_ALL = (
    Kind(
        name="openai_preference", says="OpenAI preference pairs", fits=_has("preferred_output"), rows=_openai_preference
    ),
    Kind(
        name="kto",
        says="KTO rows: conversation and thumb",
        fits=lambda f: _is_thumb(f) and "messages" in f,
        rows=_kto_chat,
    ),
    Kind(name="kto_prompt", says="KTO rows: prompt, completion and thumb", fits=_is_thumb, rows=_kto),
    Kind(
        name="sharegpt_preference",
        says="ShareGPT preference pairs",
        fits=_has("conversations", "chosen", "rejected"),
        rows=_sharegpt_pair,
    ),
    Kind(
        name="preference",
        says="preference pairs: prompt, chosen, rejected",
        fits=_has("prompt", "chosen"),
        rows=_preference,
    ),
    Kind(
        name="implicit_preference",
        says="preference pairs whose prompt is the common beginning (HH-RLHF)",
        fits=lambda f: "chosen" in f or "rejected" in f,
        rows=_implicit,
    ),
    Kind(name="chat", says="OpenAI conversations", fits=_has("messages"), rows=_chat),
    Kind(name="sharegpt", says="ShareGPT conversations", fits=_has("conversations"), rows=_sharegpt),
    Kind(
        name="prompt_completion",
        says="prompt and completion",
        fits=_has("prompt", "completion"),
        rows=_prompt_completion,
    ),
    Kind(name="alpaca", says="Alpaca rows: instruction, input, output", fits=_has("instruction"), rows=_alpaca),
    Kind(name="squad", says="paragraphs with questions (SQuAD)", fits=_has("context", "qas"), rows=_paragraph),
    Kind(name="tool_prompts", says="questions with functions (BFCL)", fits=_has("question", "function"), rows=_calls),
    Kind(
        name="sql",
        says="questions with SQL",
        fits=lambda f: "question" in f and any(name in f for name in ("sql", "query", "SQL")),
        rows=_sql,
    ),
    Kind(
        name="rag",
        says="questions with contexts and answers",
        fits=lambda f: "question" in f and any(n in f for n in ("contexts", "context", "passages", "documents")),
        rows=_rag,
    ),
    Kind(name="qa", says="questions with answers", fits=_has("question", "answer"), rows=_answered),
    Kind(name="label", says="texts with labels", fits=_is_labelled, rows=_labelled),
    Kind(name="text", says="plain texts", fits=_has("text"), rows=_text),
    Kind(name="prompt", says="prompts alone", fits=_has("prompt"), rows=_prompt_only),
)
KINDS: Mapping[str, Kind] = {kind.name: kind for kind in _ALL}
"""In the order in which they are tried: the most particular first."""
