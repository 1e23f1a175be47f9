"""Out of distribution: does the model know that an input is foreign to it? Detection scores from logits and states."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from random import Random
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray
from scipy.special import logsumexp

from shipworthy.evaluation.suites.probes import failed
from shipworthy.evaluation.suites.robustness import Sample, sample
from shipworthy.evaluation.suites.types import Handle, Made, Part
from shipworthy.models.inside import LOCAL, States
from shipworthy.records import Example, Message, Prompt, Record, Response

Floats = NDArray[np.float64]
KNOWN, FOREIGN = "known", "foreign"
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


class OutOptions(Record):
    """What is foreign, and on what the distance is fitted."""

    foreign: Annotated[
        str | None,
        Meta(description="Dataset of the protocol whose rows are foreign; null: noise, code and other tongues."),
    ] = None
    fit: Annotated[float, Meta(gt=0, lt=1, description="Share of the known rows that the distance is fitted on.")] = 0.5
    layer: Annotated[int, Meta(description="Layer of the hidden state; -1 is the last, 0 the embeddings.")] = -1
    shrinkage: Annotated[float, Meta(gt=0, le=1, description="Weight of the diagonal in the covariance.")] = 0.1
    sample: Sample = None


def out_of_distribution(part: Part) -> Made:
    """Known rows (of `of`) and foreign ones; each answer says `known` and carries three scores in `extra`.

    Measure it with `auroc` and `options: {confidence: msp | energy | mahalanobis}`: the chance that a known row has
    the higher score. MSP is the largest probability of the next token, energy the log-sum-exp of the logits,
    mahalanobis minus the squared distance of the hidden state to the rows that it was fitted on (other rows of `of`).

    Raises: BadInput: too few rows. Source: Hendrycks & Gimpel 2017; Liu et al. 2020; Lee et al. 2018.
    """
    options = part.options(OutOptions)
    _, rows = part.source()
    known = sample(rows, options.sample)
    fitted = [row for row in known if _share(row.id) < options.fit]
    tested = [row for row in known if _share(row.id) >= options.fit]
    if len(fitted) < 2 or not tested:
        raise part.wrong(f"{len(known)} known rows are too few to fit a distance and to test it")
    foreign = sample(part.read(options.foreign), options.sample) if options.foreign else _foreign(len(tested))
    digest = _digest(options, [part.asked(row) for row in fitted])
    asked = {
        **{f"{KNOWN}/{row.id}": part.asked(row).messages for row in tested},
        **{f"{FOREIGN}/{row.id}": part.asked(row).messages if row.dataset else row.messages for row in foreign},
    }
    return Made(
        examples=[_example(part.name, id, messages, digest) for id, messages in asked.items()],
        role="stress",
        probe=_Detector(options, [part.asked(row).messages for row in fitted], asked),
        looks_inside=True,
        reads=(options.foreign,) if options.foreign else (),
    )


def _share(id: str) -> float:
    return int.from_bytes(hashlib.sha256(f"ood/{id}".encode()).digest()[:4], "big") / 2**32


def _digest(options: OutOptions, fitted: Sequence[object]) -> str:
    return hashlib.sha256(msgspec.json.encode((options, fitted))).hexdigest()[:16]


def _example(dataset: str, id: str, messages: Sequence[Message], digest: str) -> Example:
    side = id.partition("/")[0]
    note = Message(role="system", content=f"Probe out_of_distribution/{id} {digest}")
    return Example(
        id=id, dataset=dataset, messages=(note, *messages), reference=side, fields={"side": side},
    )  # fmt: skip


def _foreign(count: int) -> list[Example]:
    """Texts of the project that belong to no support desk: noise, code, other tongues; always the same."""
    rng = Random("ood/foreign")
    kinds = (_noise, _code, _tongue)
    texts = dict.fromkeys(kinds[at % len(kinds)](rng) for at in range(count * 3))
    return [
        Example(id=str(at), dataset="", messages=(Message(role="user", content=text),))
        for at, text in enumerate(list(texts)[:count])
    ]


def _noise(rng: Random) -> str:
    return " ".join("".join(rng.choices(_LETTERS, k=rng.randint(2, 9))) for _ in range(rng.randint(5, 12)))


def _code(rng: Random) -> str:
    a, b = rng.sample(_LETTERS, 2)
    first, last, mask = rng.randint(0, 9), rng.randint(10, 99), rng.randint(0, 255)
    return f"for ({a} = {first}; {a} < {b}[{last}]; {a}++) {{ {b}[{a}] ^= {mask}; }}"


_TONGUES = (
    "hvor", "quando", "bereits", "samen", "täällä", "jutro", "dnes", "ahora", "mañana", "sempre", "toujours", "wciąż",
)  # fmt: skip


def _tongue(rng: Random) -> str:
    return " ".join(rng.choices(_TONGUES, k=rng.randint(6, 12))) + rng.choice(".?!")


class _Detector:
    """Scores each prompt's last position; the distance is fitted once a model."""

    def __init__(
        self, options: OutOptions, fitted: Sequence[Sequence[Message]], asked: dict[str, tuple[Message, ...]]
    ) -> None:
        self._options = options
        self._fitted = fitted
        self._asked = asked

    async def answer(self, model: Handle, prompts: Sequence[Prompt], *, seed: int) -> AsyncIterator[Response]:
        if model.spec.backend != LOCAL:
            for prompt in prompts:
                yield failed(model, prompt, seed, f"detection needs the weights; the backend is {model.spec.backend}")
            return
        scores = await asyncio.to_thread(self._scores, model, prompts)
        for prompt, score in zip(prompts, scores, strict=True):
            yield Response(
                example_id=prompt.example_id, dataset=prompt.dataset, model=model.name, seed=seed, text=KNOWN,
                extra=score,
            )  # fmt: skip

    def _scores(self, model: Handle, prompts: Sequence[Prompt]) -> list[dict[str, float]]:
        fitted = self._states(model, self._fitted).hidden_NLH[:, self._options.layer]
        states = self._states(model, [self._asked[prompt.example_id] for prompt in prompts])
        distance_N = mahalanobis(fitted, states.hidden_NLH[:, self._options.layer], self._options.shrinkage)
        energy_N = logsumexp(states.logits_NV, axis=1)
        msp_N = np.exp(states.logits_NV.max(axis=1) - energy_N)
        return [
            {"msp": float(msp), "energy": float(energy), "mahalanobis": -float(distance)}
            for msp, energy, distance in zip(msp_N, energy_N, distance_N, strict=True)
        ]

    def _states(self, model: Handle, asked: Sequence[Sequence[Message]]) -> States:
        inside = model.inside()
        return inside.states([inside.render(messages, to_go_on=True) for messages in asked])


def mahalanobis(fit_NH: Floats, x_MH: Floats, shrinkage: float) -> Floats:
    """(M,) squared distances to the mean of `fit_NH`, by its covariance shrunk towards its diagonal.

    Source: Lee et al. 2018, with one class; Ledoit & Wolf 2004 for the idea of shrinking.
    """
    mean_H = fit_NH.mean(0)
    covariance = np.cov(fit_NH, rowvar=False)
    diagonal = np.diag(np.diag(covariance)) + 1e-9 * max(float(np.trace(covariance)), 1e-9) * np.eye(len(covariance))
    lower = np.linalg.cholesky((1 - shrinkage) * covariance + shrinkage * diagonal)
    from scipy.linalg import solve_triangular  # a run that asks nothing of it need not load it

    white = solve_triangular(lower, (x_MH - mean_H).T, lower=True)
    return np.asarray((white**2).sum(0), dtype=np.float64)
