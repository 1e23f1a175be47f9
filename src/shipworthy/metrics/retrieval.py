"""Retrieval for RAG: recall at k, reciprocal rank, nDCG of what was retrieved against what is relevant.

Retrieved ids, best first, come from `extra.retrieved` of the response, else from a JSON list in the answer; an answer
with neither retrieved nothing. Relevant ids are the reference: a list, or an object of id: grade.
"""

from math import log2
from typing import Annotated, Any

from msgspec import Meta

from shipworthy.errors import BadInput
from shipworthy.metrics._answer import gold_of, place, scalar_text, text_of
from shipworthy.metrics._json import parsed
from shipworthy.metrics.match import Field
from shipworthy.metrics.types import Metric
from shipworthy.records import Example, Record, Response


class RetrievalOptions(Record):
    """How many are looked at, and where the ids stand."""

    k: Annotated[int, Meta(ge=1, description="How many of the retrieved ids count.")] = 10
    retrieved: Annotated[str, Meta(description="Key of the list of ids in the response's `extra`.")] = "retrieved"
    field: Field = None

    def recall(self, example: Example, response: Response) -> tuple[float, ...]:
        """(share of the relevant ids among the first k, 1)."""
        grades, top = self._grades(example), self._top(response)
        relevant = {id for id, grade in grades.items() if grade > 0}
        return (len(relevant & set(top)) / len(relevant), 1.0)

    def reciprocal_rank(self, example: Example, response: Response) -> tuple[float, ...]:
        """(1 / rank of the first relevant id among the first k, 1); 0 without one."""
        grades = self._grades(example)
        hits = (1 / rank for rank, id in enumerate(self._top(response), start=1) if grades.get(id, 0) > 0)
        return (next(hits, 0.0), 1.0)

    def ndcg(self, example: Example, response: Response) -> tuple[float, ...]:
        """(discounted gain of the first k over the best possible, 1)."""
        grades = self._grades(example)
        best = _gain(sorted(grades.values(), reverse=True)[: self.k])
        return (_gain([grades.get(id, 0.0) for id in self._top(response)]) / best, 1.0)

    def _top(self, response: Response) -> list[str]:
        """The first k ids; an id that comes again counts once."""
        found = response.extra.get(self.retrieved, parsed(text_of(response), "anywhere"))
        ids = [_id(one) or "" for one in found] if isinstance(found, list | tuple) else []  # no id is a miss
        return list(dict.fromkeys(ids))[: self.k]

    def _grades(self, example: Example) -> dict[str, float]:
        gold: Any = gold_of(example, self.field)
        listed = gold if isinstance(gold, list | tuple) else [gold]
        grades = gold if isinstance(gold, dict) else {_id(one): 1.0 for one in listed}
        if None in grades or "" in grades:
            raise BadInput(f"a relevant document of example {example.id!r} is no id", where=place(example))
        if not all(isinstance(grade, int | float) for grade in grades.values()) or not any(
            grade > 0 for grade in grades.values()
        ):
            raise BadInput(f"example {example.id!r} names no relevant document", where=place(example))
        return {str(id): float(grade) for id, grade in grades.items()}


def _id(one: Any) -> str | None:
    """A text or a number, also as the `id` of an object; None: neither."""
    found = one.get("id") if isinstance(one, dict) else one
    return None if isinstance(found, bool) else scalar_text(found)


def _gain(grades: list[float]) -> float:
    return sum(grade / log2(rank + 1) for rank, grade in enumerate(grades, start=1))


def recall_at_k(options: RetrievalOptions) -> Metric:
    """Mean share of the relevant documents among the first k retrieved."""
    return _metric("recall_at_k", options.recall, "Manning et al. 2008, ch. 8")


def mrr(options: RetrievalOptions) -> Metric:
    """Mean reciprocal rank of the first relevant document among the first k."""
    return _metric("mrr", options.reciprocal_rank, "Voorhees 1999")


def ndcg(options: RetrievalOptions) -> Metric:
    """Mean normalised discounted cumulative gain of the first k, with linear grades."""
    return _metric("ndcg", options.ndcg, "Järvelin & Kekäläinen 2002; scikit-learn ndcg_score, whose values it equals")


def _metric(name: str, observe: Any, source: str) -> Metric:
    return Metric(name=name, unit="share", better="higher", kind="mean", observe=observe, source=source)
