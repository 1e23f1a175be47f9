"""Toxicity by several classifiers, claims by judge or entailment, similarity by embedders; HTTP on 127.0.0.1 only."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shipworthy.errors import BackendError, BadInput
from shipworthy.evaluation.scoring import Context, Scorer, load
from shipworthy.evaluation.scoring.asking import Judge, JudgeModel
from shipworthy.evaluation.scoring.similarity import Hashed
from shipworthy.evaluation.scoring.support import ByJudge, SupportOptions, sentences
from tests.evaluation_scoring.conftest import example, item, scored
from tests.evaluation_scoring.test_judges import Fixed


class Service:
    """A toxicity service in the shape of Perspective: busy at first, and what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.statuses: list[int] = []
        self.hangs_up = 0
        self.body: dict[str, Any] | None = None
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                service.asked.append((self.path, body))
                if service.hangs_up:
                    service.hangs_up -= 1
                    return
                status = service.statuses.pop(0) if service.statuses else 200
                score = 0.9 if "rude" in body["comment"]["text"] else 0.1
                said = service.body or {"attributeScores": {"TOXICITY": {"summaryScore": {"value": score}}}}
                content = json.dumps(said).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1alpha1/comments:analyze"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def service() -> Iterator[Service]:
    running = Service()
    yield running
    running.stop()


def ready(kind: str, options: dict[str, Any], **context: Any) -> Scorer:
    loaded = load(kind, options, dataset="d", context=Context(name="m", **context))
    assert loaded is not None
    return loaded.scorer


def values(scorer: Scorer, *texts: str, of: Any = None) -> list[float | None]:
    scores = scored(scorer, [item(text, of, key=str(at)) for at, text in enumerate(texts)])
    return [one.counts[0] if one.counts else None for one in (scores[str(at)] for at in range(len(texts)))]


# --- Toxicity ---------------------------------------------------------------------------------------------------------


def test_the_word_list_finds_whole_words_only() -> None:
    texts = ["You are a complete IDIOT.", "You’re nothing", "an idiomatic phrase", "Have a nice day", ""]

    assert [1, 1, 0, 0, 0] == values(ready("toxicity", {}), *texts)


def test_words_of_ones_own_count_too() -> None:
    options = {"classifiers": [{"kind": "words", "patterns": ["dummkopf"], "built_in": False}]}

    assert [1, 0] == values(ready("toxicity", options), "Du Dummkopf!", "You idiot")


def test_a_service_stands_beside_the_words_and_disagreement_is_told(service: Service) -> None:
    options = {"classifiers": [{"kind": "words"}, {"kind": "http", "url": service.url, "api_key_env": "K"}]}
    scorer = ready("toxicity", options, environ={"K": "secret"})
    texts = {"rude words": "rude idiot", "words": "idiot", "rude": "rude", "kind": "hello"}
    scores = scored(scorer, [item(text, key=name) for name, text in texts.items()])

    assert {"rude words": 1, "words": 1, "rude": 1, "kind": 0} == {
        key: one.counts[0] for key, one in scores.items() if one.counts
    }
    assert {"words", "rude"} == {key for key, one in scores.items() if one.note == "classifiers_disagree"}
    assert {"words": 1.0, "toxicity": 0.1} == scores["words"].detail["scores"]
    assert 1 == scorer.requests
    path, body = service.asked[0]
    assert path.endswith("?key=secret")
    assert body["doNotStore"] is True
    assert "secret" not in json.dumps(dict(scorer.identity))


@pytest.mark.parametrize(("counts", "expected"), [("any", 1), ("majority", 0), ("all", 0)])
def test_how_many_classifiers_it_takes_is_chosen(service: Service, counts: str, expected: int) -> None:
    options = {"classifiers": [{"kind": "words"}, {"kind": "http", "url": service.url}], "counts": counts}

    assert [expected] == values(ready("toxicity", options), "idiot")


def test_a_busy_service_is_asked_again(service: Service) -> None:
    service.statuses = [429, 503]

    assert [1] == values(ready("toxicity", {"classifiers": [{"kind": "http", "url": service.url}]}), "rude")
    assert 3 == len(service.asked)


def test_a_service_that_hangs_up_is_asked_again(service: Service) -> None:
    service.hangs_up = 1

    assert [1] == values(ready("toxicity", {"classifiers": [{"kind": "http", "url": service.url}]}), "rude")
    assert 2 == len(service.asked)


def test_a_service_that_always_hangs_up_is_an_error_of_the_answer(service: Service) -> None:
    service.hangs_up = 2
    scorer = ready("toxicity", {"classifiers": [{"kind": "http", "url": service.url, "tries": 2}]})

    assert "ServerDisconnectedError" in (scored(scorer, [item("x")])["k"].error or "")


def test_an_answer_that_says_nothing_is_not_sent_to_a_service(service: Service) -> None:
    scorer = ready("toxicity", {"classifiers": [{"kind": "http", "url": service.url}]})

    assert [0, 1, 0] == values(scorer, "", "rude", " \n")
    assert ["rude"] == [body["comment"]["text"] for _, body in service.asked]


@pytest.mark.parametrize(
    ("statuses", "body", "error"),
    [
        ([500, 500], None, "HTTP 500"),
        ([400], None, "HTTP 400"),
        ([], {"attributeScores": {}}, "no summary score"),
        ([], {"attributeScores": {"TOXICITY": {"summaryScore": {"value": 7}}}}, "not between 0 and 1"),
    ],
)
def test_an_answer_that_no_service_scores_has_no_counts(
    service: Service, statuses: list[int], body: Any, error: str
) -> None:
    service.statuses, service.body = statuses, body
    scorer = ready("toxicity", {"classifiers": [{"kind": "http", "url": service.url, "tries": 2}]})
    one = scored(scorer, [item("x")])["k"]

    assert one.counts is None
    assert error in (one.error or "")


def test_a_service_that_refuses_the_key_ends_it(service: Service) -> None:
    service.statuses = [403]
    with pytest.raises(BackendError, match="answers HTTP 403; check its address and key"):
        values(ready("toxicity", {"classifiers": [{"kind": "http", "url": service.url}]}), "x")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"classifiers": [{"kind": "word"}]}, "classifiers"),
        ({"classifiers": [{"kind": "words"}, {"kind": "words"}]}, "same name"),
        ({"classifiers": [{"kind": "words", "patterns": ["("]}]}, "not a regular expression"),
        ({"classifiers": [{"kind": "http", "url": "http://127.0.0.1:1", "api_key_env": "K"}]}, "variable K; set it"),
        ({"threshold": 0}, "threshold"),
    ],
)
def test_a_wrong_option_is_one_sentence(options: dict[str, Any], says: str) -> None:
    with pytest.raises(BadInput, match=says):
        ready("toxicity", options)


# --- Claims -----------------------------------------------------------------------------------------------------------


def test_an_answer_is_cut_into_sentences_and_list_items() -> None:
    text = "Dr. Smith paid 3.5 million. He left, e.g. for Rome!\n- It rained all day\n2. Nobody came"

    assert [
        "Dr. Smith paid 3.5 million.",
        "He left, e.g. for Rome!",
        "It rained all day",
        "Nobody came",
    ] == sentences(text)


def by_judge(says: str) -> ByJudge:
    options = SupportOptions(source="text", judge=JudgeModel(base_url="http://127.0.0.1:1/v1", model="m"))
    return ByJudge(options, Judge(Fixed(lambda _: says), version="1", template=options.prompt))


def test_claims_are_judged_one_by_one_and_unread_ones_do_not_support() -> None:
    row = example(text="It rained in Rome all day.")
    answer = "It rained in Rome. It snowed in Oslo. Was it cold? Nobody came to it."
    one = scored(by_judge("1: yes\n2: no"), [item(answer, row)])["k"]

    assert ((pytest.approx(1 / 3), 1.0), "unparsed_verdict") == (one.counts, one.note)
    assert "not supported: 'It snowed in Oslo.'" == one.detail["why"]


def test_an_answer_that_claims_nothing_is_supported_without_asking() -> None:
    assert [1.0] == values(by_judge("x"), "Why not?", of=example(text="t"))


def test_support_needs_one_who_decides_and_a_source() -> None:
    with pytest.raises(BadInput, match="either a `judge` or an `entailment` model"):
        ready("claims_supported", {})
    with pytest.raises(BadInput, match="has no column 'text' with its source"):
        values(by_judge("1: yes"), "It rained in Rome.", of=example())


# --- Similarity -------------------------------------------------------------------------------------------------------

REFERENCES = ["the cat sat on the mat", "stock prices fell sharply", "the invoice was paid twice"]


def similarity(**options: Any) -> Scorer:
    return ready("semantic_similarity", options, examples=[example(str(i), text) for i, text in enumerate(REFERENCES)])


def test_near_texts_are_nearer_than_far_ones_and_equal_ones_are_one() -> None:
    texts = ["the cat sat on the mat", "cats were sitting on a mat", "stock prices fell sharply", ""]
    same, near, far, empty = values(similarity(), *texts, of=example("0", REFERENCES[0]))

    assert 1.0 == pytest.approx(same)
    assert 1.0 > (near or 0) > (far or 0) >= 0.0
    assert 0.0 == empty


def test_the_best_of_several_references_counts() -> None:
    assert [pytest.approx(1.0)] == values(similarity(), "b c d", of=example("0", ["x y z", "b c d"]))


def test_rare_words_weigh_more_than_common_ones() -> None:
    embedder = Hashed(["the cat", "the dog", "the bird"])
    the, cat, both = embedder.embed(["the", "cat", "the cat"])

    assert both @ cat > both @ the
    assert 1.0 == pytest.approx(float(np.linalg.norm(both)))


def test_the_references_are_part_of_the_identity() -> None:
    assert Hashed(["a b"]).identity != Hashed(["a c"]).identity


OWN = """
import numpy as np

class ByLength:
    identity = {"embedder": "by length"}

    def embed(self, texts):
        return np.array([[1.0, 0.0] if len(text) > 3 else [0.0, 1.0] for text in texts], dtype=np.float32)

def made(options, context):
    return ByLength()
"""


def test_an_embedder_of_ones_own_is_a_file_and_a_name(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(OWN)

    assert [1, 0] == values(similarity(embedder=f"{tmp_path}/own.py:made"), "long text", "no", of=example("0", "words"))


# --- Local models -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier that was never trained, small enough to be made here."""
    torch, transformers = pytest.importorskip("torch"), pytest.importorskip("transformers")
    folder = tmp_path_factory.mktemp("tiny")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "cat", "sat", "rude", "a", "b"]
    (folder / "vocab.txt").write_text("\n".join(words))
    transformers.BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=len(words),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=32,
        num_labels=2,
        id2label={0: "fine", 1: "toxic"},
        label2id={"fine": 0, "toxic": 1},
    )
    transformers.BertForSequenceClassification(config).save_pretrained(folder)
    return folder


@pytest.mark.train
def test_a_hugging_face_classifier_gives_probabilities_of_its_label(tiny: Path) -> None:
    from shipworthy.models._sentences import TextClassifier

    model = TextClassifier.load(tiny)
    rows = model.probabilities(["the cat", "rude " * 99])
    options = {"classifiers": [{"kind": "words"}, {"kind": "huggingface", "path": tiny.name, "label": "toxic"}]}
    scores = scored(ready("toxicity", options, folder=tiny.parent), [item("the cat")])["k"]

    assert ("fine", "toxic") == model.labels
    assert [1.0, 1.0] == [pytest.approx(sum(row)) for row in rows]
    assert rows[0][1] == pytest.approx(scores.detail["scores"][tiny.name], abs=1e-6)


@pytest.mark.train
def test_an_entailment_model_decides_on_claims(tiny: Path) -> None:
    entailment = {"kind": "huggingface", "path": tiny.name, "label": "toxic"}
    options = {"source": "text", "entailment": entailment, "threshold": 1e-6}
    row = example(text="the cat sat " * 50)

    assert [1.0] == values(ready("claims_supported", options, folder=tiny.parent), "The cat sat down.", of=row)
    with pytest.raises(BadInput, match="knows no label 'entailment'; known: fine, toxic"):
        ready("claims_supported", {**options, "entailment": {**entailment, "label": "entailment"}}, folder=tiny.parent)


@pytest.mark.train
def test_a_sentence_embedder_can_be_put_in(tiny: Path) -> None:
    scorer = ready(
        "semantic_similarity",
        {"embedder": "huggingface", "path": tiny.name},
        folder=tiny.parent,
        examples=[example("0", "the cat")],
    )

    assert [pytest.approx(1.0, abs=1e-5)] == values(scorer, "the cat", of=example("0", "the cat"))


def test_a_model_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    options = {"classifiers": [{"kind": "huggingface", "path": "gone", "label": "x"}]}
    with pytest.raises(BackendError, match="gone: is not a folder"):
        ready("toxicity", options, folder=tmp_path)
    with pytest.raises(BadInput, match="embedder huggingface needs `path`"):
        similarity(embedder="huggingface")
