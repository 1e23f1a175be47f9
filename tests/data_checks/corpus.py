"""Natural text of the demo world, and defects planted into it: each function spoils one clean row in one way."""

import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from shipworthy.demo import world
from shipworthy.demo._vocabulary import INTENTS, PRODUCTS

Row = dict[str, Any]
Plant = Callable[[Random, int], Row | str]
EACH = 20


def asked(rng: Random) -> str:
    """What a customer writes."""
    return world.draw("ticket", rng, "train").prompt.partition("\n")[2]


def said(rng: Random, n: int = 2) -> str:
    """Some sentences of prose."""
    found: list[str] = []
    while len(found) < n:
        document = world.pretraining_document(rng)
        if isinstance(document, str):
            found.append(document)
    return " ".join(found)


def chat(*turns: tuple[str, str], **more: Any) -> Row:
    return {"messages": [{"role": role, "content": content} for role, content in turns], **more}


def clean_chat(rng: Random) -> Row:
    """Mostly one question and one answer; some longer, some with a system prompt or a call."""
    kind = rng.random()
    if kind < 0.7:
        return chat(("user", asked(rng)), ("assistant", said(rng)))
    if kind < 0.8:
        return chat(("system", SYSTEM), ("user", asked(rng)), ("assistant", said(rng)))
    if kind < 0.9:
        turns = [("user", asked(rng)), ("assistant", said(rng)), ("user", asked(rng)), ("assistant", said(rng))]
        return chat(*turns)
    return tool_row(rng, "order_status", {"product": rng.choice(PRODUCTS)})


SYSTEM = "You are the support desk of a shop. Answer in whole sentences and stay friendly."
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "order_status",
            "parameters": {
                "type": "object",
                "properties": {"product": {"type": "string"}, "city": {"type": "string"}},
                "required": ["product"],
            },
        },
    }
]


def tool_row(rng: Random, name: str, arguments: Any) -> Row:
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    call = {"id": "1", "type": "function", "function": {"name": name, "arguments": text}}
    row = chat(("user", asked(rng)))
    row["messages"] += [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "content": "on its way", "tool_call_id": "1"},
        {"role": "assistant", "content": said(rng)},
    ]
    row["tools"] = TOOLS
    return row


def _inside(rng: Random, text: str, mark: str) -> str:
    """The mark at some place between two words."""
    words = text.split(" ")
    at = rng.randrange(1, len(words))
    return " ".join([*words[:at], mark, *words[at:]])


def _said_with(mark: Callable[[Random], str]) -> Plant:
    return lambda rng, _: chat(("user", asked(rng)), ("assistant", _inside(rng, said(rng), mark(rng))))


def _asked_with(mark: Callable[[Random], str]) -> Plant:
    return lambda rng, _: chat(("user", _inside(rng, asked(rng), mark(rng))), ("assistant", said(rng)))


def luhn_number(rng: Random, start: str = "4") -> str:
    digits = start + "".join(str(rng.randrange(10)) for _ in range(15 - len(start)))
    total = sum(sum(divmod(2 * int(d), 10)) if i % 2 == 0 else int(d) for i, d in enumerate(digits))
    return digits + str(-total % 10)


def german_iban(rng: Random) -> str:
    account = "".join(str(rng.randrange(10)) for _ in range(18))
    check = 98 - int(account + "131400") % 97
    return f"DE{check:02d}{account}"


def _grouped(text: str) -> str:
    return " ".join(text[i : i + 4] for i in range(0, len(text), 4))


def _token(rng: Random, n: int) -> str:
    return "".join(rng.choice("abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789") for _ in range(n))


GERMAN = (
    "Guten Tag, ich habe das {p} bestellt und es ist noch nicht da. Können Sie mir bitte sagen, wie es weitergeht?",
    "Wie kann ich das {p} zurückgeben? Ich habe es nicht benutzt und die Rechnung ist noch da.",
    "Die App für das {p} startet nicht mehr, und ich weiß nicht, was ich mit dem Gerät machen kann.",
)
FRENCH = (
    "Bonjour, je ne peux pas ouvrir le {p} et je ne sais pas comment faire pour avoir une réponse.",
    "Est-ce que vous pouvez me dire pour quelle raison la facture du {p} est fausse ? Je suis dans l'attente.",
)
RUSSIAN = (
    "Здравствуйте, мой заказ ({p}) до сих пор не пришёл, что мне делать?",
    "Как вернуть деньги за {p}, если он не работает?",
)


def _foreign(rng: Random, which: tuple[str, ...]) -> str:
    return f"{rng.choice(which)}".format(p=rng.choice(PRODUCTS)) + f" {rng.randrange(1000, 9999)}"


def _mojibake(rng: Random) -> str:
    word = rng.choice(("café", "naïve", "Müller", "don’t", "“fine”", "déjà vu", "Zürich", "garçon"))
    return word.encode().decode("cp1252", "replace").replace("\ufffd", "\x9d")


CHAT: dict[str, Plant] = {
    "empty_completion": lambda rng, i: chat(("user", asked(rng)), ("assistant", ("", " ", "\n\t")[i % 3])),
    "empty_prompt": lambda rng, i: chat(("user", ("", "  ", "\n")[i % 3]), ("assistant", said(rng))),
    "mojibake": _said_with(_mojibake),
    "replacement_character": _said_with(lambda rng: rng.choice(("caf\ufffd", "\ufffd\ufffd", "M\ufffdller"))),
    "control_character": _said_with(lambda rng: f"wo{chr(rng.choice((1, 7, 8, 11, 27, 127)))}rd"),
    "byte_order_mark": _asked_with(lambda _: "\ufeffhello"),
    "invisible_character": _asked_with(lambda rng: f"in{rng.choice(chr(0x200B) + chr(0x202E) + chr(0xAD))}voice"),
    "html_entities": _said_with(
        lambda rng: rng.choice(("&amp;", "&nbsp;", "it&#39;s", "<br>", "</p>", "&quot;so&quot;"))
    ),
    "escaped_text": _said_with(lambda rng: rng.choice(("caf\\u00e9", "first.\\nSecond", "na\\u00efve"))),
    "trailing_whitespace": lambda rng, i: chat(
        ("user", asked(rng)), ("assistant", said(rng) + (" ", "\n", "  \n")[i % 3])
    ),
    "prompt_echoed": lambda rng, _: (lambda q: chat(("user", q), ("assistant", f"{q} {said(rng)}")))(asked(rng)),
    "loop": lambda rng, i: chat(
        ("user", asked(rng)),
        (
            "assistant",
            f"{said(rng, 1)} {'very ' * 6}good." if i % 2 else " ".join([said(rng), *["Please wait a moment."] * 4]),
        ),
    ),
    "placeholder": _said_with(
        lambda rng: rng.choice(("[Your Name]", "[insert date]", "{{ product }}", "TODO", "lorem ipsum"))
    ),
    "special_token": _said_with(
        lambda rng: rng.choice(("<|im_end|>", "</s>", "[/INST]", "<|eot_id|>", "<end_of_turn>"))
    ),
    "double_bos": lambda rng, i: chat(
        ("user", ("<s><s>", "<|begin_of_text|> <|begin_of_text|>")[i % 2] + asked(rng)), ("assistant", said(rng))
    ),
    "mixed_templates": lambda rng, i: chat(
        ("user", (f"### Instruction:\n{asked(rng)}\n\n### Response:", f"USER: {asked(rng)} ASSISTANT:")[i % 2]),
        ("assistant", said(rng)),
    ),
    "unclosed_fence": lambda rng, _: chat(
        ("user", asked(rng)), ("assistant", f"{said(rng)} Run this:\n```\nreset --all.")
    ),
    "not_alternating": lambda rng, i: (
        chat(("user", asked(rng)), ("user", asked(rng)), ("assistant", said(rng)))
        if i % 2
        else chat(("user", asked(rng)), ("assistant", said(rng)), ("assistant", said(rng)))
    ),
    "no_user_turn": lambda rng, _: chat(("system", SYSTEM), ("assistant", said(rng))),
    "nothing_to_learn": lambda rng, i: (
        chat(("user", asked(rng)))
        if i % 2
        else chat(("user", asked(rng)), ("assistant", said(rng)), ("user", asked(rng)))
    ),
    "system_not_first": lambda rng, _: chat(("user", asked(rng)), ("system", SYSTEM), ("assistant", said(rng))),
    "system_repeated": lambda rng, _: chat(
        ("system", SYSTEM), ("user", f"{SYSTEM}\n{asked(rng)}"), ("assistant", said(rng))
    ),
    "repeated_turn": lambda rng, _: (
        lambda q: chat(("user", q), ("assistant", q), ("user", asked(rng)), ("assistant", said(rng)))
    )(asked(rng)),
    "zero_weight": lambda rng, _: {
        "messages": [{"role": "user", "content": asked(rng)}, {"role": "assistant", "content": said(rng), "weight": 0}]
    },
    "undeclared_tool": lambda rng, _: tool_row(
        rng, rng.choice(("order_state", "weather", "refund")), {"product": "tablet"}
    ),
    "tool_arguments_not_json": lambda rng, i: tool_row(
        rng, "order_status", ('{"product": "tablet"', "tablet", "[1]")[i % 3]
    ),
    "tool_arguments_break_schema": lambda rng, i: tool_row(
        rng, "order_status", ({}, {"product": "watch", "colour": "red"})[i % 2]
    ),
    "tool_result_without_call": lambda rng, _: chat(
        ("user", asked(rng)), ("tool", "on its way"), ("assistant", said(rng))
    ),
    "too_long": lambda rng, _: chat(("user", asked(rng)), ("assistant", " ".join(said(rng) for _ in range(200)))),
    "length_outlier": lambda rng, _: chat(("user", asked(rng)), ("assistant", " ".join(said(rng) for _ in range(30)))),
    "looks_cut_off": lambda rng, _: (
        lambda t: chat(("user", asked(rng)), ("assistant", t[: t.rindex(" ")].rstrip(".,!? 0123456789")))
    )(said(rng, 3)),
    "language_mix": lambda rng, i: chat(
        ("user", _foreign(rng, (GERMAN, FRENCH, RUSSIAN)[i % 3])),
        ("assistant", _foreign(rng, (GERMAN, FRENCH, RUSSIAN)[i % 3]) + "."),
    ),
    "language_switch": lambda rng, i: chat(
        ("user", "What should I do with this and how can I have it back? " + asked(rng)),
        ("assistant", _foreign(rng, (GERMAN, FRENCH, RUSSIAN)[i % 3]) + "."),
    ),
    "email_address": _asked_with(
        lambda rng: f"{_token(rng, 6)}.{_token(rng, 4)}@{_token(rng, 7).lower()}.{rng.choice(('com', 'de', 'co.uk'))}"
    ),
    "phone_number": _asked_with(
        lambda rng: rng.choice(
            ("+49 30 {a}{b}", "+1 212-555-{b}", "(415) 555-{b}", "212-555-{b}", "+44 20 7{a} {b}")
        ).format(a=rng.randrange(100, 999), b=rng.randrange(1000, 9999))
    ),
    "card_number": _asked_with(
        lambda rng: rng.choice((str, _grouped))(luhn_number(rng, rng.choice(("4", "51", "6011"))))
    ),
    "iban": _asked_with(lambda rng: rng.choice((str, _grouped))(german_iban(rng))),
    "social_security_number": _asked_with(
        lambda rng: f"{rng.randrange(100, 600)}-{rng.randrange(10, 99)}-{rng.randrange(1000, 9999)}"
    ),
    "ip_address": _asked_with(
        lambda rng: f"{rng.randrange(80, 95)}.{rng.randrange(2, 250)}.{rng.randrange(2, 250)}.{rng.randrange(2, 250)}"
    ),
    "secret": _asked_with(
        lambda rng: rng.choice(
            (
                f"AKIA{_token(rng, 16).upper()}",
                f"ghp_{_token(rng, 36)}",
                f"sk-{_token(rng, 40)}7",
                f"password={_token(rng, 10)}1",
                "-----BEGIN RSA PRIVATE KEY-----",
            )
        )
    ),
    "refusal": lambda rng, _: chat(
        ("user", asked(rng)),
        (
            "assistant",
            rng.choice(
                (
                    "I'm sorry, but I can't help with that.",
                    "I cannot assist with this request.",
                    "Sorry, I can't do that.",
                    "I am unable to provide help here.",
                )
            ),
        ),
    ),
    "assistant_boilerplate": _said_with(
        lambda rng: rng.choice(
            ("As an AI language model, I think so.", "I hope this helps!", "That is before my knowledge cutoff.")
        )
    ),
    "unsafe_content": _asked_with(
        lambda rng: rng.choice(
            (
                "tell me how to make a bomb",
                "I want to kill myself",
                "go commit suicide",
                "I hate all women",
                "they gas the jews",
            )
        )
    ),
    "not_json": lambda rng, i: (
        '{"messages": [',
        "messages: hello",
        '{"messages": [{"role": "user", "role": "user", "content": "a"}]}',
        '{"messages": NaN}',
        "[1, 2]",
    )[i % 5],
    "missing_field": lambda rng, i: (
        {"messages": [{"role": "user"}, {"role": "assistant", "content": "x"}]},
        {"text_": said(rng)},
    )[i % 2],
    "wrong_type": lambda rng, i: (
        {"messages": "hello"},
        {"messages": [{"role": "user", "content": {"a": 1}}]},
        {"messages": [{"role": "robot", "content": "a"}]},
    )[i % 3],
    "another_kind": lambda rng, i: (
        {"prompt": asked(rng), "completion": said(rng)},
        {"instruction": asked(rng), "input": "", "output": said(rng)},
    )[i % 2],
}
"""code -> a row with this defect, in a file of conversations."""
COMPANIONS: dict[str, frozenset[str]] = {
    "special_token": frozenset({"double_bos"}),
    "length_outlier": frozenset({"too_long"}),
    "loop": frozenset({"too_long", "length_outlier"}),
    "language_mix": frozenset({"language_switch"}),
    "language_switch": frozenset({"language_mix"}),
}
"""code -> defects that are rightly found under this code, too."""


def planted(
    folder: Path, name: str, plants: dict[str, Plant], clean: Callable[[Random], Row], n: int
) -> tuple[Path, dict[int, str]]:
    """A JSONL file of clean and spoiled rows in mixed order, and line -> defect."""
    rng = Random(f"planted/{name}")
    lines: list[tuple[str, str]] = []
    seen: set[str] = set()
    while len(lines) < n:
        text = json.dumps(clean(rng), ensure_ascii=False)
        if text not in seen:
            seen.add(text)
            lines.append(("", text))
    for code, plant in plants.items():
        for i in range(EACH):
            row = plant(rng, i)
            lines.append((code, row if isinstance(row, str) else json.dumps(row, ensure_ascii=i % 2 == 0)))
    rng.shuffle(lines)
    path = folder / f"{name}.jsonl"
    path.write_text("".join(f"{text}\n" for _, text in lines), encoding="utf-8")
    return path, {line: code for line, (code, _) in enumerate(lines, start=1) if code}


def intent_of(text: str, intent: str) -> str:
    return f"{text} {INTENTS[intent][0].format(product='tablet')}"
