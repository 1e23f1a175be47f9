"""Pacing and retrying, without a network."""

import random

import pytest

from shipworthy.models._failures import failure_of, retry_after_s
from shipworthy.models._pace import next_limit
from shipworthy.models._retry import Failure, RetryPolicy

POLICY = RetryPolicy(max_retries=3, patience_s=100.0)
DATE = "Sat, 21 Nov 2026 10:00:30 GMT"


def delays(failure: Failure, attempts: int) -> list[float | None]:
    rng = random.Random(1)
    return [POLICY.delay_s(failure, attempt, 0.0, rng) for attempt in range(1, attempts + 1)]


def test_waits_double_and_are_shortened_at_random_by_at_most_half() -> None:
    first, second, third, fourth = delays(Failure(kind="unavailable", message=""), 4)

    assert fourth is None
    for expected, delay in zip((0.25, 0.5, 1.0), (first, second, third), strict=True):
        assert delay is not None and expected / 2 <= delay <= expected


def test_the_server_says_how_long_to_wait() -> None:
    assert [7.0] == delays(Failure(kind="refused", message="", retry_after_s=7.0), 1)


def test_patience_with_a_server_that_sheds_load_ends() -> None:
    shed = Failure(kind="refused", message="", retry_after_s=30.0)

    assert 30.0 == POLICY.delay_s(shed, 9, 70.0, random.Random(1))
    assert POLICY.delay_s(shed, 9, 70.1, random.Random(1)) is None


@pytest.mark.parametrize("kind", ["denied", "rejected"])
def test_what_will_not_change_is_not_asked_again(kind: str) -> None:
    assert [None] == delays(Failure(kind=kind, message=""), 1)  # type: ignore[arg-type]


def test_a_timeout_is_tried_once_more() -> None:
    first, second = delays(Failure(kind="unavailable", message="", timed_out=True), 2)

    assert first is not None and second is None


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Retry-After": "3"}, 3.0),
        ({"Retry-After": "0.5"}, 0.5),
        ({"retry-after-ms": "250"}, 0.25),
        ({"Retry-After": DATE}, 30.0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-1"}, None),
        ({"Retry-After": "inf"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(headers: dict[str, str], expected: float | None) -> None:
    assert expected == retry_after_s(headers, now_s=1795255200.0)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (429, "refused"),
        (503, "refused"),
        (529, "refused"),
        (500, "unavailable"),
        (502, "unavailable"),
        (408, "unavailable"),
        (401, "denied"),
        (403, "denied"),
        (404, "denied"),
        (301, "denied"),
        (400, "rejected"),
        (413, "rejected"),
        (422, "rejected"),
    ],
)
def test_each_status_calls_for_its_reaction(status: int, kind: str) -> None:
    assert kind == failure_of(status, {}, b"").kind


def test_a_quota_that_is_used_up_is_hopeless() -> None:
    body = b'{"error": {"code": "insufficient_quota", "message": "no credit"}}'

    assert failure_of(429, {}, body).hopeless
    assert not failure_of(429, {}, b'{"error": {"code": "rate_limit_exceeded"}}').hopeless


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"[1]", b'{"error": "text"}', b'{"error": null}', b"<html>" * 1000])
def test_any_body_of_an_error_makes_a_short_sentence(body: bytes) -> None:
    message = failure_of(500, {}, body).message

    assert message.startswith("HTTP 500")
    assert len(message) < 250


def test_an_error_gives_its_own_message() -> None:
    assert "HTTP 400: too long" == failure_of(400, {}, b'{"error": {"message": "too  long"}}').message
    assert "HTTP 422: no such field" == failure_of(422, {}, b'{"detail": "no such field"}').message


def test_the_window_keeps_its_size_when_a_few_per_cent_are_shed_at_random() -> None:
    limit = 100.0
    for _ in range(100):
        limit = next_limit(limit, 0.06, 100)

    assert limit > 95


def test_the_window_closes_to_one_when_everything_is_refused_and_opens_again() -> None:
    limit = 100.0
    for _ in range(20):
        limit = next_limit(limit, 1.0, 100)
    assert 1.0 == limit
    for _ in range(20):
        limit = next_limit(limit, 0.0, 100)

    assert 100.0 == limit
