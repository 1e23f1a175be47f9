"""How near an answer is to its reference in meaning, by an embedder that can be exchanged.

The default needs no download: hashed character n-grams, weighted by how rare they are among the references of the
dataset (TF-IDF). It sees shared words and word stems, whatever their order, and no synonyms; a sentence-embedding model
(a folder of Hugging Face weights) sees those too.
"""

import math
import zlib
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Annotated, Protocol

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from shipworthy import plugins
from shipworthy.errors import BadInput
from shipworthy.evaluation.scoring._waiting import waiting
from shipworthy.evaluation.scoring.types import Context, Item, Kind, Score
from shipworthy.metrics._answer import spoken_of
from shipworthy.metrics.types import Metric
from shipworthy.records import Example, Record
from shipworthy.store import digests

VERSION = "1"
Floats = NDArray[np.float32]
_BATCH = 256
_SIZE = 1 << 13


class Embedder(Protocol):
    """Texts become vectors whose cosine is their similarity."""

    @property
    def identity(self) -> Mapping[str, str]:
        """Version and digest of the weights."""
        ...

    def embed(self, texts: Sequence[str]) -> Floats:
        """(N, D), every row of length 1, or all zeros for a text without content."""
        ...


class Hashed:
    """Character n-grams of words, hashed into 8,192 columns, log-scaled and weighted by inverse document frequency."""

    def __init__(self, corpus: Sequence[str], *, shortest: int = 2, longest: int = 4) -> None:
        self._lengths = range(shortest, longest + 1)
        counts = Counter(column for text in corpus for column in set(self._columns(text)))
        self._weights = np.full(_SIZE, math.log(1 + len(corpus)) + 1, dtype=np.float32)
        for column, count in counts.items():
            self._weights[column] = math.log((1 + len(corpus)) / (1 + count)) + 1
        self._corpus_sha256 = digests.of_value(sorted(corpus))

    @property
    def identity(self) -> Mapping[str, str]:
        """The n-grams and the texts that weigh them."""
        return {"embedder": f"hashed/{VERSION}", "lengths": str(self._lengths), "corpus_sha256": self._corpus_sha256}

    def embed(self, texts: Sequence[str]) -> Floats:
        """(N, 8192) unit vectors."""
        vectors = np.zeros((len(texts), _SIZE), dtype=np.float32)
        for row, text in enumerate(texts):
            for column, count in Counter(self._columns(text)).items():
                vectors[row, column] = (1 + math.log(count)) * self._weights[column]
        return unit_rows(vectors)

    def _columns(self, text: str) -> list[int]:
        words = [f" {word} " for word in text.casefold().split()]
        grams = (word[i : i + n] for word in words for n in self._lengths for i in range(len(word) - n + 1))
        return [zlib.crc32(gram.encode()) % _SIZE for gram in grams]


def unit_rows(vectors: Floats) -> Floats:
    """Rows of length 1; zeros stay."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0), dtype=np.float32)


class SimilarityOptions(Record):
    """What is compared, and by which embedder."""

    field: Annotated[str | None, Meta(description="Column with the reference or references, instead of it.")] = None
    embedder: Annotated[
        str,
        Meta(
            description="`hashed` (offline), `huggingface` (then `path`), a package's (entry point "
            "`shipworthy.embedder`), or file.py:object: a function of the options and the context."
        ),
    ] = "hashed"
    path: Annotated[str | None, Meta(description="Folder of a sentence-embedding model, for `huggingface`.")] = None

    def golds(self, example: Example) -> list[str]:
        """The references as texts. Raises: BadInput: there is none."""
        return spoken_of(example, self.field)


class SimilarityScorer:
    """Embeds answers and references."""

    def __init__(self, options: SimilarityOptions, embedder: Embedder) -> None:
        self._options = options
        self._embedder = embedder

    @property
    def identity(self) -> Mapping[str, str]:
        """Embedder and column."""
        return {"kind": "semantic_similarity", "field": self._options.field or "", **self._embedder.identity}

    @property
    def requests(self) -> int:
        """None: texts are embedded here."""
        return 0

    async def check(self, examples: Sequence[Example]) -> None:
        """Raises: BadInput: an example has no reference."""
        for example in examples:
            self._options.golds(example)

    async def score(self, items: Sequence[Item]) -> AsyncIterator[Score]:
        """(best cosine over the references, 1); a negative cosine counts as 0."""
        for start in range(0, len(items), _BATCH):
            batch = items[start : start + _BATCH]
            golds = [self._options.golds(item.example) for item in batch]
            answers = self._embedder.embed([item.text for item in batch])
            references = self._embedder.embed([gold for some in golds for gold in some])
            at = 0
            for row, (item, some) in enumerate(zip(batch, golds, strict=True)):
                cosine = float((references[at : at + len(some)] @ answers[row]).max())
                at += len(some)
                yield Score(key=item.key, counts=(min(max(cosine, 0.0), 1.0), 1.0))

    async def close(self) -> None:
        """Nothing stays open."""


def _hashed(options: SimilarityOptions, context: Context) -> Embedder:
    return Hashed([gold for example in context.examples for gold in options.golds(example)])


def _huggingface(options: SimilarityOptions, context: Context) -> Embedder:
    from shipworthy.models._sentences import SentenceEmbedder  # torch loads there and nowhere else

    if options.path is None:
        raise BadInput(f"metric {context.name!r}: the embedder huggingface needs `path`, a folder of weights")
    return SentenceEmbedder.load(context.folder / options.path)


EMBEDDERS: Mapping[str, str] = {
    "hashed": "shipworthy.evaluation.scoring.similarity:_hashed",
    "huggingface": "shipworthy.evaluation.scoring.similarity:_huggingface",
}


def _metric(options: SimilarityOptions) -> Metric:
    return waiting(
        "semantic_similarity",
        source="cosine of embeddings; the offline default is TF-IDF over character n-grams (Salton & Buckley 1988)",
        check=options.golds,
        version=VERSION,
    )


def _load(options: SimilarityOptions, context: Context) -> SimilarityScorer:
    return SimilarityScorer(options, plugins.find("embedder", options.embedder, EMBEDDERS)(options, context))


SEMANTIC_SIMILARITY = Kind(
    options=SimilarityOptions, metric=_metric, load=_load, heavy=lambda options: options.embedder != "hashed"
)
