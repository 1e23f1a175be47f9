"""Loss, perplexity and entropy from what the backend measured: `extra.nll` (nats, summed) over `extra.tokens`.

A failed answer has no likelihood; it carries no weight, and the metric says `survivorship`.
"""

from typing import Annotated

import numpy as np
from msgspec import Meta

from shipworthy.errors import MissingEvidence
from shipworthy.metrics._extra import number, probabilities
from shipworthy.metrics.types import Floats, Metric, mean_of
from shipworthy.records import Example, Record, Response


class LikelihoodOptions(Record):
    """Where the sums stand."""

    nll: Annotated[str, Meta(description="Key of the summed negative log-likelihood, in nats.")] = "nll"
    tokens: Annotated[str, Meta(description="Key of the number of tokens that were scored.")] = "tokens"

    def observe(self, _example: Example, response: Response) -> tuple[float, ...]:
        """(nats, tokens)."""
        nats = number(response, self.nll, needed_by="perplexity")
        count = number(response, self.tokens, needed_by="perplexity")
        if count < 1 or nats < 0:
            raise MissingEvidence(
                f"{response.model!r} reports {nats} nats over {count} tokens for {response.example_id!r}; "
                "a likelihood needs one token or more and at least 0 nats"
            )
        return (nats, count)


def exp_mean(sums: Floats) -> Floats:
    """(..., 2) sums of (nats, tokens) -> (...,) perplexity; 1 where nothing was scored."""
    return np.asarray(np.exp(np.minimum(mean_of(sums), 700.0)))  # e^700 is the largest that stays finite


_SOURCE = "Jelinek et al. 1977; token-weighted over the corpus"


def perplexity(options: LikelihoodOptions) -> Metric:
    """Perplexity of the corpus, per token; compare only models with the same tokenizer."""
    return Metric(
        name="perplexity",
        unit="perplexity",
        better="lower",
        kind="corpus",
        per_answer=True,
        observe=options.observe,
        summarize=exp_mean,
        failure=(0.0, 0.0),
        survivorship=True,
        margin=0.1,
        requires=frozenset({"logprobs"}),
        source=_SOURCE,
    )


def loss(options: LikelihoodOptions) -> Metric:
    """Mean negative log-likelihood per token over the corpus; compare only models with the same tokenizer."""
    return Metric(
        name="loss",
        unit="nats",
        better="lower",
        kind="corpus",
        per_answer=True,
        observe=options.observe,
        failure=(0.0, 0.0),
        survivorship=True,
        requires=frozenset({"logprobs"}),
        source=_SOURCE,
    )


class EntropyOptions(Record):
    """Where the probabilities stand."""

    probabilities: Annotated[str, Meta(description="Key of {label: probability} in the response's `extra`.")] = (
        "probabilities"
    )

    def observe(self, _example: Example, response: Response) -> tuple[float, ...]:
        """(entropy in nats, 1)."""
        shares = probabilities(response, self.probabilities, needed_by="entropy").values()
        return (float(-sum(share * np.log(share) for share in shares if share > 0)), 1.0)


def entropy(options: EntropyOptions) -> Metric:
    """Mean entropy of the model's own label probabilities: how unsure it is, not how right."""
    return Metric(
        name="entropy",
        unit="nats",
        better="lower",
        kind="corpus",
        per_answer=True,
        observe=options.observe,
        failure=(0.0, 0.0),
        survivorship=True,
        requires=frozenset({"probabilities"}),
        source="Shannon 1948",
    )
