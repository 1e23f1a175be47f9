"""What two columns of a wide table measure, where their names say it: `wer_new` and `wer_old` hold word error rates."""

import re

from shipworthy.data.results._direction import direction_of

_PARTS = re.compile(r"[\s_\-./:|]+")
_ROLES = frozenset(
    (
        *("new", "old", "candidate", "cand", "baseline", "base", "ft", "tuned", "finetuned", "challenger", "champion"),
        *(
            "prod",
            "production",
            "before",
            "after",
            "current",
            "next",
            "last",
            "previous",
            "a",
            "b",
            "v1",
            "v2",
            "1",
            "2",
        ),
        *("control", "treatment", "ours", "theirs", "reference", "ref", "left", "right"),
    )
)
_SAYS_NOTHING = frozenset(
    (
        *(
            "model",
            "value",
            "values",
            "result",
            "results",
            "output",
            "run",
            "version",
            "system",
            "response",
            "checkpoint",
        ),
        *("gpt", "llama", "qwen", "mistral", "gemma", "claude", "phi", "lm", "llm", "arm", "v", "m"),
    )
)


def measured(candidate: str, baseline: str) -> str | None:
    """The part that both names share, where it is a metric: one whose direction is known, or all that stands beside
    two names of roles (`refusal_rate_new`, `refusal_rate_old`); else None."""
    mine, theirs = (_parts(name) for name in (candidate, baseline))
    ahead, behind = _common(mine, theirs), _common(mine[::-1], theirs[::-1])[::-1]
    spans = [ahead[:end] for end in range(len(ahead), 0, -1)] + [behind[start:] for start in range(len(behind))]
    for span in spans:
        if direction_of("_".join(span)) is not None:
            return "_".join(span)
    rests = [set(one[len(ahead) : len(one) - len(behind)]) for one in (mine, theirs)]
    told = "_".join((*ahead, *behind))
    if told and all(rest and rest <= _ROLES for rest in rests) and not {*ahead, *behind} <= _SAYS_NOTHING | _ROLES:
        return told
    return None


def _parts(name: str) -> list[str]:
    return [part.lower() for part in _PARTS.split(name) if part]


def _common(one: list[str], other: list[str]) -> list[str]:
    """What both begin with, never all of either."""
    n = 0
    while n < min(len(one), len(other)) - 1 and one[n] == other[n]:
        n += 1
    return one[:n]
