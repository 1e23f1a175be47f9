"""Suites that answer their rows by asking more than once: on scripted models, so that every way to fail is seen."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import aiohttp
import pytest

from shipworthy.errors import BackendError
from shipworthy.evaluation.suites import equip
from shipworthy.evaluation.suites.probes import says
from shipworthy.evaluation.suites.tool_server import tool_server
from shipworthy.models import Backend
from shipworthy.models._meter import resident_anew
from shipworthy.protocol.types import ModelSpec
from shipworthy.records import Message, Prompt, Response

from .support import HEAD, Scripted, handle, made, ok, probed

OPENAI = HEAD.replace(
    "backend: huggingface, path: m", "backend: openai, base_url: 'http://127.0.0.1:1/v1', model: x", 1
)


def said(turns: Sequence[Message]) -> str:
    return turns[-1].content


def adds(turns: Sequence[Message]) -> str:
    """Answers "What is a plus b?" rightly, and echoes everything else."""
    words = said(turns).strip("?").split()
    return (
        str(int(words[2]) + int(words[4]))
        if words[:1] == ["What"] and "plus" in words
        else f"I heard {said(turns)[:9]}"
    )


def test_without_weights_the_unit_suite_asks_only(tmp_path: Path) -> None:
    found = made(tmp_path, "{suite: unit}", head=OPENAI)

    assert {"determinism", "edges", "arithmetic"} == {one.slices["check"] for one in found.examples}
    assert not found.looks_inside


def test_a_model_that_can_add_and_repeats_itself_passes(tmp_path: Path) -> None:
    found = probed(made(tmp_path, "{suite: unit}", head=OPENAI), handle(Scripted(adds)))

    assert {True} == {ok(one) for one in found.values()}


def test_a_model_that_cannot_add_fails_every_sum(tmp_path: Path) -> None:
    found = probed(made(tmp_path, "{suite: unit}", head=OPENAI), handle(Scripted(lambda _: "41")), like="arithmetic")

    assert 12 == len(found) and 2 >= sum(map(ok, found.values()))


def test_a_model_that_changes_its_answer_is_not_deterministic(tmp_path: Path) -> None:
    counter = iter(range(1_000))
    model = handle(Scripted(lambda _: f"answer {next(counter)}"))
    found = probed(made(tmp_path, "{suite: unit}", head=OPENAI), model, like="determinism")

    assert {False} == {ok(one) for one in found.values()}


def test_an_edge_case_that_breaks_the_model_is_a_failure_and_the_others_go_on(tmp_path: Path) -> None:
    model = handle(Scripted(lambda turns: None if "🙏" in said(turns) else "fine"))
    found = probed(made(tmp_path, "{suite: unit}", head=OPENAI), model, like="edges")

    assert ["edges/emoji"] == [id for id, one in found.items() if not ok(one)]
    assert {"edges/empty", "edges/right to left", "edges/too long"} <= set(found)


def test_an_answer_that_fills_its_limit_did_not_stop(tmp_path: Path) -> None:
    suite = made(tmp_path, "{suite: unit, options: {checks: [stop]}}")
    long = handle(Scripted(lambda _: "word " * 64, max_new_tokens="64"))
    short = handle(Scripted(lambda _: "done", max_new_tokens="64"))

    assert {False} == {ok(one) for one in probed(suite, long, like="stop/0").values()}
    assert {True} == {ok(one) for one in probed(suite, short, like="stop/0").values()}


def test_a_probe_row_never_looks_like_an_ordinary_question(tmp_path: Path) -> None:
    one, other = (made(tmp_path, f"{{suite: unit, options: {{sums: {sums}}}}}").examples[0] for sums in (3, 4))

    assert one.messages[0].role == "system" and one.messages[0].content.startswith("Probe unit/")
    assert one.messages != other.messages, "other options may have another answer, so a cache must not serve this one"


def test_a_conversation_goes_on_and_a_chain_starts_anew(tmp_path: Path) -> None:
    model = Scripted(adds)
    found = probed(made(tmp_path, "{suite: integration, options: {checks: [turns, chain]}}"), handle(model))

    assert ok(found["chain/adds up twice"]) and ok(found["turns/changes its mind"])
    assert not ok(found["turns/remembers a name"])
    assert "What is 7 plus 5?" in [said(turns) for turns in model.asked if len(turns) == 1]
    assert 3 == max(len(turns) for turns in model.asked)


def uses_tools(turns: Sequence[Message]) -> str:
    if said(turns).startswith("Result of the tool"):
        return f"It says: {said(turns)}"
    calls = {
        "Add": ("add", {"a": 1234, "b": 4321}),
        "Where": ("order_status", {"order": "A-17"}),
        "What": ("weather", {}),
    }
    if call := calls.get(said(turns).split()[0]):
        return "Let me see. " + json.dumps({"tool": call[0], "arguments": call[1]})
    return "Hello!"


def test_a_model_that_uses_its_tools_passes_every_task(tmp_path: Path) -> None:
    found = probed(made(tmp_path, "{suite: integration, options: {checks: [tools]}}"), handle(Scripted(uses_tools)))

    assert 4 == len(found) and {True} == {ok(one) for one in found.values()}
    assert ["add"] == found["tools/adds"].extra["calls"]
    assert (
        "It says: Result of the tool weather: error 500"
        in json.loads(found["tools/says that a tool failed"].text or "")["because"]
    )


def test_native_calls_as_backends_write_them_are_carried_out(tmp_path: Path) -> None:
    def native(turns: Sequence[Message]) -> str:
        plain = uses_tools(turns)
        if "{" not in plain or plain.startswith("It says"):
            return plain
        call = json.loads(plain[plain.find("{") :])
        return json.dumps([{"name": call["tool"], "arguments": call["arguments"]}])

    found = probed(made(tmp_path, "{suite: integration, options: {checks: [tools]}}"), handle(Scripted(native)))

    assert {True} == {ok(one) for one in found.values()}


def test_an_answer_that_was_right_without_the_tool_does_not_pass(tmp_path: Path) -> None:
    found = probed(
        made(tmp_path, "{suite: integration, options: {checks: [tools]}}"), handle(Scripted(lambda _: "5555 shipped"))
    )

    assert ["tools/needs no tool"] == [id for id, one in found.items() if ok(one)]


def test_a_model_that_calls_for_ever_is_stopped(tmp_path: Path) -> None:
    model = handle(Scripted(lambda _: '{"tool": "add", "arguments": {"a": 1, "b": 2}}'))
    found = probed(made(tmp_path, "{suite: integration, options: {checks: [tools], tool_steps: 2}}"), model)

    assert {False} == {ok(one) for one in found.values()}
    assert 3 == len(found["tools/adds"].extra["calls"])


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("add", {"a": 1, "b": 2}, "3"),
        ("add", {"a": 1}, "error 400: wrong arguments: KeyError 'b'"),
        ("weather", {}, "error 500: the tool is broken"),
        ("wait", {}, "error: no answer within 1 s"),
        ("nothing", {}, "error 404: there is no tool 'nothing'"),
    ],
)
def test_the_stub_server_answers_fails_hangs_and_refuses(name: str, arguments: dict[str, int], expected: str) -> None:
    async def called() -> str:
        async with tool_server() as server, aiohttp.ClientSession() as session:
            assert server.url.startswith("http://127.0.0.1:")
            return await server.call(session, name, arguments)

    assert asyncio.run(called()).startswith(expected)


def test_a_burst_is_asked_at_once_and_every_missing_answer_is_told(tmp_path: Path) -> None:
    suite = made(tmp_path, "{suite: stress, of: d, options: {bursts: [4], words: [30]}}")
    good = probed(suite, handle(Scripted(lambda _: "fine")))
    bad = probed(suite, handle(Scripted(lambda turns: None if "number 1 " in said(turns) else "fine")))

    assert {"burst/4": True, "long/30": True} == {id: ok(one) for id, one in good.items()}
    assert not ok(bad["burst/4"]) and "3 of 4 answered" in (bad["burst/4"].text or "")


def test_flows_are_the_rows_of_the_dataset_and_an_empty_answer_fails(tmp_path: Path) -> None:
    suite = made(tmp_path, "{suite: integration, of: d, options: {checks: [flow], flows: 3}}")
    found = probed(suite, handle(Scripted(lambda turns: "" if "number 1 " in said(turns) else "done")))

    assert {"flow/r0": True, "flow/r1": False, "flow/r2": True} == {id: ok(one) for id, one in found.items()}


def test_a_dead_endpoint_is_no_finding_about_the_model(tmp_path: Path) -> None:
    class Dead(Scripted):
        async def answer(self, prompts: Sequence[Prompt], *, seed: int):
            raise BackendError("gone")
            yield

    with pytest.raises(BackendError, match="gone"):
        probed(made(tmp_path, "{suite: stress, of: d}"), handle(Dead(said)))


def test_what_looks_inside_a_model_without_weights_is_an_error_of_that_row(tmp_path: Path) -> None:
    found = probed(made(tmp_path, "{suite: unit}"), handle(Scripted(adds)), like="tokenizer")

    assert all("needs the weights" in (one.error or "") for one in found.values())


def test_an_equipped_model_answers_its_own_rows_and_leaves_the_others_to_probes(tmp_path: Path) -> None:
    suite = made(tmp_path, "{suite: stress, of: d, options: {bursts: [2], words: [9]}}")
    backend: Backend = Scripted(said, kind="scripted")
    assert suite.probe is not None
    placed = {"new": handle(backend), "floor": _Placed(ModelSpec(role="trivial", backend="trivial"), tmp_path)}
    equipped = equip({"new": backend, "floor": backend}, placed, {"s": suite.probe})
    prompts = [Prompt(example_id="x", dataset="d", messages=(Message(role="user", content="hi"),))]
    prompts += [Prompt(example_id=one.id, dataset="s", messages=one.messages) for one in suite.examples]

    async def answers() -> list[Response]:
        return [one async for one in equipped["new"].answer(prompts, seed=0)]

    assert ["x", "burst/2", "long/9"] == [one.example_id for one in asyncio.run(answers())]
    assert {"kind": "scripted"} == equipped["new"].identity
    assert backend is equipped["floor"]


class _Placed:
    def __init__(self, spec: ModelSpec, folder: Path) -> None:
        self.spec = spec
        self.folder = folder


class Counted(Scripted):
    """Counts how many conversations are with it at once; `loaded` notes those that had company, by their text."""

    def __init__(self, **identity: str) -> None:
        super().__init__(adds, **identity)
        self.with_it: list[str] = []
        self.highest = 0
        self.had_company: set[str] = set()

    async def answer(self, prompts: Sequence[Prompt], *, seed: int) -> AsyncIterator[Response]:
        ours = [said(prompt.messages) for prompt in prompts]
        self.with_it += ours
        for _ in range(20):
            await asyncio.sleep(0)
            self.highest = max(self.highest, len(self.with_it))
            if len(self.with_it) > len(ours):
                self.had_company |= set(ours)
        self.with_it = [text for text in self.with_it if text not in ours]
        async for response in super().answer(prompts, seed=seed):
            yield response


def test_an_endpoint_is_asked_several_rows_of_a_suite_at_once(tmp_path: Path) -> None:
    model = Counted(endpoint="http://127.0.0.1/v1")
    found = probed(made(tmp_path, "{suite: unit}", head=OPENAI), handle(model), like="arithmetic")

    assert 12 == len(found) and {True} == {ok(one) for one in found.values()}
    assert 8 == model.highest


def test_a_local_model_is_asked_one_row_at_a_time(tmp_path: Path) -> None:
    model = Counted()
    probed(made(tmp_path, "{suite: unit}", head=OPENAI), handle(model), like="arithmetic")

    assert 1 == model.highest


def test_what_must_be_alone_has_no_company(tmp_path: Path) -> None:
    suite = made(tmp_path, "{suite: unit}", head=OPENAI)
    alone = {says(one.messages) for one in suite.examples if one.slices["check"] == "determinism"}
    model = Counted(endpoint="http://127.0.0.1/v1")
    probed(suite, handle(model))

    assert 0 < len(alone) and set() == alone & model.had_company
    assert model.had_company


def test_a_probe_that_ends_early_leaves_no_question_behind(tmp_path: Path) -> None:
    suite = made(tmp_path, "{suite: unit, options: {checks: [arithmetic]}}", head=OPENAI)
    prompts = [Prompt(example_id=one.id, dataset=one.dataset, messages=one.messages) for one in suite.examples]

    async def first_two() -> int:
        assert suite.probe is not None
        answers = suite.probe.answer(handle(Counted(endpoint="http://127.0.0.1/v1")), prompts, seed=0)
        await anext(answers)
        await anext(answers)
        await answers.aclose()  # type: ignore[attr-defined]
        return len(asyncio.all_tasks()) - 1

    assert 0 == asyncio.run(first_two())


LIMITS = "{suite: integration, options: {checks: [limits], repeats: 3, max_growth_mib: 50}}"


def test_answers_that_take_no_memory_keep_their_limit(tmp_path: Path) -> None:
    found = probed(made(tmp_path, LIMITS, head=OPENAI), handle(Scripted(lambda _: "hello")))

    assert {"limits/memory": True} == {id: ok(one) for id, one in found.items()}


def test_a_model_whose_answers_pile_up_in_memory_breaks_its_limit(tmp_path: Path) -> None:
    held: list[bytearray] = []

    def hoards(_: Sequence[Message]) -> str:
        held.append(bytearray(b"x") * (64 << 20))
        return "hello"

    found = probed(made(tmp_path, LIMITS, head=OPENAI), handle(Scripted(hoards)))["limits/memory"]

    assert not ok(found)
    assert 128 <= found.extra["grown_mib"]


@pytest.mark.skipif(resident_anew() is None, reason="the kernel sets no peak back")
def test_one_answer_that_takes_much_memory_breaks_the_limit_of_a_model_that_measures_each(tmp_path: Path) -> None:
    asked = iter(range(10))

    def swells(_: Sequence[Message]) -> str:
        resident_anew()  # as a local model does before every answer
        return f"{len(bytearray(b'x') * (128 << 20 if next(asked) == 1 else 1)):,} bytes"

    found = probed(made(tmp_path, LIMITS, head=OPENAI), handle(Scripted(swells)))["limits/memory"]

    assert not ok(found)
    assert 100 <= found.extra["grown_mib"]
