"""Asking: what is asked, what is written down, what is asked again, and when it stops."""

import asyncio
import tracemalloc
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

import msgspec
import pytest

from shipworthy.errors import BackendError, BadInput
from shipworthy.evaluation.progress import Progress
from shipworthy.evaluation.runner import Gap, Plan, ask
from shipworthy.protocol.types import Budget
from shipworthy.records import Message, Prompt, Response

Say = Callable[[Prompt, int], Response | None]


def text(prompt: Prompt, seed: int) -> Response:
    said = f"{prompt.messages[0].content}/{seed}"
    return Response(example_id=prompt.example_id, dataset=prompt.dataset, model="?", text=said, cost_usd=0.01)


def error(prompt: Prompt, seed: int) -> Response:
    return Response(example_id=prompt.example_id, dataset=prompt.dataset, model="?", error="too long")


class Scripted:
    """A backend that says what a function says; `down` raises at once, `dies_after` after so many answers."""

    def __init__(self, say: Say = text, *, dies_after: int | None = None, **identity: str) -> None:
        self.asked: list[tuple[str, int]] = []
        self.closed = 0
        self._say = say
        self._dies_after = dies_after
        self.identity: Mapping[str, str] = identity

    async def answer(self, prompts: Sequence[Prompt], *, seed: int) -> AsyncIterator[Response]:
        for prompt in prompts:
            if self._dies_after is not None and len(self.asked) >= self._dies_after:
                raise BackendError("the endpoint is gone")
            self.asked.append((prompt.example_id, seed))
            await asyncio.sleep(0)
            if (response := self._say(prompt, seed)) is not None:
                yield response

    async def close(self) -> None:
        self.closed += 1


class Memory:
    """A log that keeps its lines in memory."""

    def __init__(self, *lines: Response) -> None:
        self.lines = list(lines)

    def append(self, response: Response) -> None:
        self.lines.append(response)

    def responses(self) -> list[Response]:
        return list(self.lines)


def prompts(count: int) -> list[Prompt]:
    return [
        Prompt(example_id=str(at), dataset="d", messages=(Message(role="user", content=f"q{at}"),))
        for at in range(count)
    ]


def run(log: Memory, *, count: int = 4, backends: Mapping[str, Scripted], **others: Any) -> list[Gap]:
    plan_keys = {key: others.pop(key) for key in ("seeds", "budget") if key in others}
    return asyncio.run(ask(Plan(prompts=prompts(count), backends=backends, **plan_keys), log, **others))


def test_every_model_is_asked_every_prompt_under_every_seed() -> None:
    log, models = Memory(), {"a": Scripted(), "b": Scripted(endpoint="x")}

    assert [] == run(log, backends=models, seeds=(0, 7))
    assert {(model, str(at), seed) for model in "ab" for at in range(4) for seed in (0, 7)} == {
        (line.model, line.example_id, line.seed) for line in log.lines
    }
    assert {f"q{at}/{seed}" for at in range(4) for seed in (0, 7)} == {line.text for line in log.lines}
    assert all(model.closed for model in models.values())


def test_what_was_answered_is_not_asked_again_and_errors_are() -> None:
    log = Memory()
    run(log, backends={"a": Scripted(lambda prompt, seed: (error if prompt.example_id == "2" else text)(prompt, seed))})
    again = Scripted()
    run(log, backends={"a": again})

    assert [("2", 0)] == again.asked
    assert ["q2/0"] == [line.text for line in log.lines if line.example_id == "2" and line.text]


def test_a_prompt_that_changed_is_asked_again() -> None:
    log, again = Memory(), Scripted()
    run(log, backends={"a": Scripted()})
    log.lines[1] = Response(example_id="1", dataset="d", model="a", text="old", prompt_sha256="of another prompt")
    run(log, backends={"a": again})

    assert [("1", 0)] == again.asked


def test_errors_are_written_down_and_leave_no_gap() -> None:
    log = Memory()

    assert [] == run(log, backends={"a": Scripted(lambda p, s: (error if p.example_id == "2" else text)(p, s))})
    assert ["too long"] == [line.error for line in log.lines if line.error]


def test_a_prompt_to_which_nothing_came_back_is_an_error_of_its_model() -> None:
    log = Memory()

    assert [] == run(log, backends={"a": Scripted(lambda p, s: None if p.example_id == "2" else text(p, s))})
    assert ["unanswered: the backend gave no response to it"] == [line.error for line in log.lines if line.error]


def test_a_model_that_answers_nothing_at_all_is_a_gap() -> None:
    assert [Gap("a", 4, "it answered nothing; the last error was: too long")] == run(
        Memory(), backends={"a": Scripted(error)}
    )


def test_an_answer_to_something_that_was_not_asked_is_refused() -> None:
    def alien(prompt: Prompt, seed: int) -> Response:
        return Response(example_id="nobody", dataset="d", model="a", text="x")

    with pytest.raises(BackendError, match="answered 'nobody' of 'd', which it was not asked"):
        run(Memory(), backends={"a": Scripted(alien)})


@pytest.mark.parametrize("identity", [{}, {"endpoint": "x"}])
def test_a_model_that_is_down_from_the_start_is_an_error(identity: dict[str, str]) -> None:
    with pytest.raises(BackendError, match="the endpoint is gone"):
        run(Memory(), backends={"a": Scripted(dies_after=0, **identity)})


def test_nothing_is_written_when_one_of_several_endpoints_is_down_from_the_start() -> None:
    log, other = Memory(), Scripted(endpoint="y")
    with pytest.raises(BackendError):
        run(log, backends={"a": other, "b": Scripted(dies_after=0, endpoint="x")})

    assert [] == log.lines
    assert 1 >= len(other.asked)


def test_an_endpoint_that_dies_half_way_leaves_a_gap_and_the_others_go_on() -> None:
    log = Memory()
    gaps = run(log, backends={"a": Scripted(dies_after=3, endpoint="x"), "b": Scripted(endpoint="y"), "c": Scripted()})

    assert [Gap("a", 1, "the endpoint is gone")] == gaps
    assert {"a": 3, "b": 4, "c": 4} == {m: sum(line.model == m for line in log.lines) for m in "abc"}
    assert [] == run(log, backends={name: Scripted(endpoint="x") for name in "abc"})


def test_the_request_budget_is_never_exceeded_and_counts_earlier_sessions() -> None:
    log = Memory()
    for spent in (6, 6):
        gaps = run(log, count=10, backends={"a": Scripted(endpoint="x")}, budget=Budget(max_requests=6))

        assert [Gap("a", 4, "budget.max_requests 6 is used up")] == gaps
        assert spent == len(log.lines)


def test_the_cost_budget_holds_to_within_one_answer() -> None:
    log = Memory()
    models = {"a": Scripted(endpoint="x"), "b": Scripted(endpoint="y")}
    gaps = run(log, count=100, backends=models, budget=Budget(max_cost_usd=0.5))

    assert sum(line.cost_usd or 0 for line in log.lines) == pytest.approx(0.5, abs=0.0101)
    assert all("max_cost_usd 0.5 is used up" in gap.reason for gap in gaps)


def test_a_local_model_spends_nothing_of_the_budget() -> None:
    assert [] == run(Memory(), count=10, backends={"a": Scripted()}, budget=Budget(max_requests=1, max_cost_usd=0.0))


def test_progress_ends_at_the_total_and_knows_the_cost() -> None:
    seen: list[Progress] = []
    run(Memory(), backends={"a": Scripted(endpoint="x"), "b": Scripted(error)}, report=seen.append)

    assert (8, 8, 4, pytest.approx(0.04)) == (seen[-1].done, seen[-1].total, seen[-1].failed, seen[-1].cost_usd)


def test_time_left_counts_this_session_only() -> None:
    log, seen = Memory(), []
    run(log, backends={"a": Scripted(dies_after=2, endpoint="x")})
    ticks = iter(range(100))
    run(log, backends={"a": Scripted(endpoint="x")}, report=seen.append, clock=lambda: float(next(ticks)))

    assert (3, 1.0) == (seen[0].done, seen[0].eta_s)


class Shelf:
    """A cache in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, Response] = {}

    def get(self, key: str) -> Response | None:
        return self.kept.get(key)

    def put(self, key: str, response: Response) -> None:
        self.kept[key] = response


def test_the_same_weights_are_answered_from_the_cache_even_under_another_name() -> None:
    shelf, again, log = Shelf(), Scripted(name="new", weights_sha256="w"), Memory()
    run(Memory(), backends={"old": Scripted(name="old", weights_sha256="w")}, cache=shelf)

    assert [] == run(log, backends={"new": again}, cache=shelf)
    assert [] == again.asked
    assert {("new", True)} == {(line.model, line.extra["cached"]) for line in log.lines}


@pytest.mark.parametrize("identity", [{"weights_sha256": "v"}, {"weights_sha256": "w", "temperature": "1"}])
def test_other_weights_or_sampling_under_the_same_name_are_asked(identity: dict[str, str]) -> None:
    shelf, other = Shelf(), Scripted(name="m", **identity)
    run(Memory(), backends={"m": Scripted(name="m", weights_sha256="w")}, cache=shelf)
    run(Memory(), backends={"m": other}, cache=shelf)

    assert 4 == len(other.asked)


def test_a_different_model_behind_the_same_endpoint_and_name_is_never_served_from_the_cache() -> None:
    shelf, log = Shelf(), Memory()
    swapped = Scripted(lambda prompt, seed: msgspec.structs.replace(text(prompt, seed), text="new weights"))
    swapped.identity = {"endpoint": "x", "model": "m", "name": "m"}
    run(Memory(), backends={"m": Scripted(endpoint="x", model="m", name="m")}, cache=shelf)
    run(log, backends={"m": swapped}, cache=shelf)

    assert {"new weights"} == {line.text for line in log.lines}


def test_an_endpoint_is_never_answered_from_the_cache() -> None:
    shelf = Shelf()
    run(Memory(), backends={"a": Scripted(endpoint="x")}, cache=shelf)

    assert {} == shelf.kept


def test_two_prompts_with_one_id_are_refused() -> None:
    plan = Plan(prompts=prompts(1) * 2, backends={"a": Scripted()})
    with pytest.raises(BadInput, match="the same example id"):
        asyncio.run(ask(plan, Memory()))


def test_asking_needs_little_memory_however_many_models_and_seeds_there_are() -> None:
    """Bytes a prompt at the peak: one flag a model and seed; no table, digest, answer or task that stays."""
    count, none = 4_000, Forgetful()
    backends = {name: Scripted(endpoint=name) for name in "abc"} | {"local": Scripted()}
    plan = Plan(prompts=Made(count), backends=backends, seeds=(0, 1))
    peak = peak_bytes_of(plan, none, cache=None)

    assert 4 * 2 * count == none.lines_seen
    assert peak / count < 100


def test_looking_for_answers_in_the_cache_needs_little_memory_too() -> None:
    count, none = 4_000, Forgetful()
    backends = {name: Scripted(name=name, weights_sha256=name) for name in "abc"}
    plan = Plan(prompts=Made(count), backends=backends, seeds=(0, 1))
    peak = peak_bytes_of(plan, none, cache=Empty())

    assert 3 * 2 * count == none.lines_seen
    assert peak / count < 100


def peak_bytes_of(plan: Plan, log: Memory, *, cache: "Shelf | None") -> int:
    """The most bytes that Python held while the plan was asked, with backends that remember nothing."""
    for backend in plan.backends.values():
        backend.asked = Nothing()
    tracemalloc.start()
    try:
        asyncio.run(ask(plan, log, cache=cache))
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


class Empty(Shelf):
    """A cache that keeps nothing."""

    def put(self, key: str, response: Response) -> None:
        pass


class Made(Sequence[Prompt]):
    """Prompts made when they are looked at."""

    def __init__(self, count: int) -> None:
        self._count = count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, at: Any) -> Any:
        message = Message(role="user", content=f"q{range(self._count)[at]}")
        return Prompt(example_id=str(at), dataset="d", messages=(message,))


class Forgetful(Memory):
    """A log that only counts."""

    lines_seen = 0

    def append(self, response: Response) -> None:
        self.lines_seen += 1


class Nothing(list[tuple[str, int]]):
    """Keeps nothing of what is put into it."""

    def append(self, _: tuple[str, int]) -> None:
        pass
