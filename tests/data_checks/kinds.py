"""Planted defects of labels, JSON and SQL targets, RAG rows and preference pairs."""

import json
import sqlite3
from pathlib import Path
from random import Random

from shipworthy.demo import world
from shipworthy.demo._vocabulary import CITIES, GREETINGS, INTENTS, NAMES, PRIORITIES, PRODUCTS, URGENCY
from tests.data_checks.corpus import Plant, Row, asked, said

SCHEMA = {
    "type": "object",
    "properties": {"intent": {"enum": list(INTENTS)}, "priority": {"enum": ["low", "medium", "high"]}},
    "required": ["intent", "priority"],
}


# --- JSON targets ---


def clean_json(rng: Random) -> Row:
    sample = world.draw("ticket", rng, "train")
    return {"prompt": sample.prompt, "completion": sample.reference}


def _target(text: str, rng: Random) -> Row:
    return {"prompt": clean_json(rng)["prompt"], "completion": text}


JSON: dict[str, Plant] = {
    "target_not_json": lambda rng, i: _target(
        ('{"intent": "bug", "priority": ', "{'intent': 'bug'}", '{"intent": NaN}', "the answer is bug.")[i % 4], rng
    ),
    "target_breaks_schema": lambda rng, i: _target(
        ('{"intent":"other","priority":"low"}', '{"intent":"bug","priority":"urgent"}')[i % 2], rng
    ),
    "target_keys": lambda rng, i: _target(
        ('{"intent":"bug","priority":"low","note":"x"}', '{"intent":"bug","priority":"high","why":1}')[i % 2], rng
    ),
}


# --- SQL ---


def database(folder: Path) -> Path:
    path = folder / "shop.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE orders (id INTEGER, product TEXT, price REAL)")
        connection.executemany("INSERT INTO orders VALUES (?, ?, ?)", [(i, p, i * 2.5) for i, p in enumerate(PRODUCTS)])
    return path


def clean_sql(rng: Random) -> Row:
    product, least = rng.choice(PRODUCTS), rng.randrange(10_000)
    query = f"SELECT count(*) FROM orders WHERE product = '{product}' AND price > {least}"
    return {"question": f"How many orders of the {product} cost more than {least}?", "sql": query}


SQL: dict[str, Plant] = {
    "sql_does_not_parse": lambda rng, i: {
        **clean_sql(rng),
        "sql": (
            "SELEC * FROM orders",
            "SELECT * FORM orders",
            "SELECT (price FROM orders",
            "SELECT * FROM orders WHERE",
        )[i % 4],
    },
    "sql_does_not_run": lambda rng, i: {
        **clean_sql(rng),
        "sql": (
            "SELECT * FROM clients",
            "SELECT colour FROM orders",
            "DELETE FROM orders",
            "SELECT nofunction(price) FROM orders",
        )[i % 4],
    },
}


# --- RAG ---


def clean_rag(rng: Random) -> Row:
    fact = world.draw("fact", rng, "train")
    context = f"{said(rng)} The answer on {rng.choice(NAMES)}'s page is {fact.reference}, as everybody knows."
    return {
        "question": f"{fact.prompt} ({rng.randrange(9999)})",
        "contexts": [context],
        "answer": f"{fact.reference}, as known",
    }


RAG: dict[str, Plant] = {
    "empty_contexts": lambda rng, i: {**clean_rag(rng), "contexts": ([], [""], [" "])[i % 3]},
    "ungrounded_answer": lambda rng, _: {**clean_rag(rng), "answer": "purple zebras forever"},
}


# --- preference pairs ---


def clean_pair(rng: Random) -> Row:
    return {"prompt": asked(rng), "chosen": said(rng), "rejected": said(rng)}


def _same(rng: Random, i: int) -> Row:
    text = said(rng)
    return {"prompt": asked(rng), "chosen": text, "rejected": (text, f"{text} ", text.replace(" ", "  ", 1))[i % 3]}


def _near(rng: Random, i: int) -> Row:
    text = said(rng)
    return {
        "prompt": asked(rng),
        "chosen": text,
        "rejected": (text.lower(), text.replace(".", "!"), f"{text} Thanks.")[i % 3],
    }


def _transcript(rng: Random, i: int) -> Row:
    return {
        "prompt_": i,
        "chosen": f"\n\nHuman: {asked(rng)}\n\nAssistant: {said(rng)}",
        "rejected": f"\n\nHuman: {asked(rng)}\n\nAssistant: {said(rng)}",
    }


PAIRS: dict[str, Plant] = {
    "same_sides": _same,
    "near_same_sides": _near,
    "empty_rejected": lambda rng, i: {**clean_pair(rng), "rejected": ("", "  ")[i % 2]},
}


def clean_transcript(rng: Random) -> Row:
    head = f"\n\nHuman: {asked(rng)}\n\nAssistant:"
    return {"chosen": f"{head} {said(rng)}", "rejected": f"{head} {said(rng)}"}


TRANSCRIPTS: dict[str, Plant] = {"prompts_differ": _transcript}


def reversed_pairs(folder: Path) -> tuple[Path, set[int]]:
    """Every pair once, and twenty of them a second time the other way round."""
    rng = Random("reversed")
    rows = [clean_pair(rng) for _ in range(400)]
    turned = [{**row, "chosen": row["rejected"], "rejected": row["chosen"]} for row in rng.sample(rows, 20)]
    path = folder / "reversed.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows + turned), encoding="utf-8")
    return path, set(range(401, 421))


# --- labels ---


def labelled(rng: Random, intent: str) -> str:
    """A ticket about one thing: what is wrong, how urgent it is, who writes."""
    problem = rng.choice(INTENTS[intent]).format(product=rng.choice(PRODUCTS))
    greeting, urgency = rng.choice(GREETINGS), rng.choice(URGENCY[rng.choice(PRIORITIES)])
    return f"{greeting} {problem}, {urgency}. {rng.choice(NAMES)} from {rng.choice(CITIES)}".strip()
