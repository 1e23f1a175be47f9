"""Integration: whole flows. Prompt to answer within limits, several turns, chains, tools that answer, fail or hang."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Annotated, Any, Literal

import aiohttp
import msgspec
from msgspec import Meta

from shipworthy.evaluation.suites.probes import Case, Cases, Found, ask, examples, says, verdict
from shipworthy.evaluation.suites.tool_server import TOOLS, ToolServer, tool_server
from shipworthy.evaluation.suites.types import Handle, Made, Part
from shipworthy.metrics._json import parsed
from shipworthy.metrics.assertions import Assertions
from shipworthy.models._meter import peak_bytes, resident_anew
from shipworthy.models.inside import LOCAL
from shipworthy.records import Message, Prompt, Record
from shipworthy.store.posix import resource

Kind = Literal["flow", "turns", "chain", "tools", "limits", "experts"]


class Step(Record):
    """One turn of a flow: what is said, and what its answer must satisfy. `{previous}` is the answer before it."""

    user: str
    check: Annotated[dict[str, Any], Meta(description="Assertions on the answer, as in golden sets.")] = {}


class Flow(Record):
    """Several steps; in a chain each is a conversation of its own, else one conversation goes on."""

    id: str
    steps: tuple[Step, ...]


class ToolTask(Record):
    """A task that needs a tool of the stub server."""

    id: str
    user: str
    check: dict[str, Any] = {}
    calls: tuple[str, ...] = ()


_SAYS_SOMETHING = {"min_length": 1}
TURNS = (
    Flow(
        id="remembers a name",
        steps=(
            Step(user="My name is Ada.", check=_SAYS_SOMETHING),
            Step(user="What is my name?", check={"contains": "Ada", "ignore_case": True}),
        ),
    ),
    Flow(
        id="changes its mind",
        steps=(
            Step(user="What is 2 plus 3?", check={"contains": "5"}),
            Step(user="What is 4 plus 4?", check={"contains": "8", "not_contains": "5"}),
        ),
    ),
)
CHAINS = (
    Flow(
        id="adds up twice",
        steps=(
            Step(user="What is 3 plus 4?", check={"contains": "7"}),
            Step(user="What is {previous} plus 5?", check={"contains": "12"}),
        ),
    ),
)
TOOL_TASKS = (
    ToolTask(id="adds", user="Add 1234 and 4321 with the tool.", check={"contains": "5555"}, calls=("add",)),
    ToolTask(id="looks up", user="Where is order A-17?", check={"contains": "shipped"}, calls=("order_status",)),
    ToolTask(
        id="says that a tool failed", user="What is the weather in Oslo?", check=_SAYS_SOMETHING, calls=("weather",)
    ),
    ToolTask(id="needs no tool", user="Say hello.", check=_SAYS_SOMETHING),
)


class IntegrationOptions(Record):
    """Which flows, and their limits."""

    checks: Annotated[tuple[Kind, ...] | None, Meta(description="Kinds of flow; null: all that are possible.")] = None
    turns: Annotated[tuple[Flow, ...], Meta(description="Conversations that go on.")] = TURNS
    chains: Annotated[tuple[Flow, ...], Meta(description="Steps that take the answer before them.")] = CHAINS
    tools: Annotated[tuple[ToolTask, ...], Meta(description="Tasks for the stub tool server.")] = TOOL_TASKS
    tool_steps: Annotated[int, Meta(ge=1, le=20, description="How many calls a task may take.")] = 3
    flows: Annotated[int, Meta(ge=1, description="How many rows of `of` are asked as flows.")] = 10
    max_latency_s: Annotated[float, Meta(gt=0, description="Longest time for one answer of a flow.")] = 60.0
    max_characters: Annotated[int, Meta(ge=1, description="Longest answer of a flow.")] = 20_000
    max_growth_mib: Annotated[float, Meta(gt=0, description="Most memory that repeated answers may add.")] = 200.0
    repeats: Annotated[int, Meta(ge=1, description="How many answers the memory limit is measured over.")] = 20
    max_expert_share: Annotated[
        float, Meta(gt=0, le=1, description="Largest share of tokens that one expert of a layer may receive.")
    ] = 0.9

    def __post_init__(self) -> None:
        for step in (step for flow in (*self.turns, *self.chains) for step in flow.steps):
            _assertions(step.check)
        for task in self.tools:
            _assertions(task.check)


def integration(part: Part) -> Made:
    """Flows over rows of `of` (where given), conversations, chains, tools, memory and, where there are some, experts.

    Slices by `check`; the metric is `assertions`. Tools are offered in the prompt, and a call is a JSON object in the
    answer, so that a model without native tool calling can be measured too; native calls are read where there are any.
    """
    options = part.options(IntegrationOptions)
    candidate = next(spec for spec in part.protocol.models.values() if spec.role == "candidate")
    able: tuple[Kind, ...] = ("turns", "chain", "tools", "limits")
    able = (*able, "experts") if candidate.backend in (LOCAL, "recorded") else able
    able = ("flow", *able) if part.spec.of is not None else able
    cases = [case for kind in options.checks or able for case in _cases(part, options, kind)]
    return Made(
        examples=examples(part.name, "integration", cases, secret=options),
        role="unit",
        slices=("check",),
        probe=Cases(cases),
        looks_inside="experts" in (options.checks or ()),
    )


def _cases(part: Part, options: IntegrationOptions, kind: Kind) -> Iterator[Case]:
    slices = {"check": kind}
    match kind:
        case "flow":
            for row in part.source()[1][: options.flows]:
                asked = part.asked(row).messages
                text = says(asked)
                yield Case(id=f"flow/{row.id}", slices=slices, text=text, drive=partial(_flow, options, asked))
        case "turns" | "chain":
            for flow in options.turns if kind == "turns" else options.chains:
                text = "\n".join(step.user for step in flow.steps)
                drive = partial(_steps, flow, kind == "turns")
                yield Case(id=f"{kind}/{flow.id}", slices=slices, text=text, drive=drive)
        case "tools":
            for task in options.tools:
                yield Case(id=f"tools/{task.id}", slices=slices, text=task.user, drive=partial(_tools, options, task))
        case "limits":
            yield Case(
                id="limits/memory", slices=slices, text="Say hello.", drive=partial(_memory, options), alone=True
            )
        case "experts":
            yield Case(id="experts/share", slices=slices, text=_PROSE, check=partial(_experts, options))


async def _flow(
    options: IntegrationOptions, asked: Sequence[Message], model: Handle, prompt: Prompt, seed: int
) -> Found:
    response = await ask(model, prompt, asked, seed)
    took_s = response.latency_s or 0.0
    if response.text is None:
        return verdict(False, f"no answer: {response.error}")
    if took_s > options.max_latency_s:
        return verdict(False, f"the answer took {took_s:.1f} s, {options.max_latency_s:g} s are allowed")
    length = len(response.text)
    ok = 0 < len(response.text.strip()) and length <= options.max_characters
    return verdict(ok, f"answered in {length} characters and {took_s:.2f} s", answer=response.text[:2_000])


async def _steps(flow: Flow, goes_on: bool, model: Handle, prompt: Prompt, seed: int) -> Found:  # noqa: FBT001
    history: list[Message] = []
    previous = ""
    for number, step in enumerate(flow.steps, start=1):
        said = Message(role="user", content=step.user.replace("{previous}", previous))
        history = [*history, said] if goes_on else [said]
        response = await ask(model, prompt, history, seed)
        if response.text is None:
            return verdict(False, f"no answer in step {number}: {response.error}")
        previous = response.text.strip()
        history.append(Message(role="assistant", content=previous))
        if not _holds(step.check, previous):
            return verdict(False, f"step {number} of {len(flow.steps)} was answered {previous[:80]!r}", answer=previous)
    return verdict(True, f"all {len(flow.steps)} steps hold")


_OFFER = (
    "You may use tools. To use one, answer only with JSON such as "
    '{{"tool": "add", "arguments": {{"a": 1, "b": 2}}}}. '
    "You will be told its result; then answer the user. Tools:\n{tools}"
)


async def _tools(options: IntegrationOptions, task: ToolTask, model: Handle, prompt: Prompt, seed: int) -> Found:
    offer = _OFFER.format(tools="\n".join(f"- {name}: {says}" for name, (says, _) in TOOLS.items()))
    history = [Message(role="system", content=offer), Message(role="user", content=task.user)]
    async with tool_server() as server, aiohttp.ClientSession() as session:
        for _ in range(options.tool_steps + 1):
            response = await ask(model, prompt, history, seed)
            if response.text is None:
                return verdict(False, f"no answer: {response.error}", calls=server.calls)
            call = _call(response.text)
            if call is None:
                return _judged(task, response.text, server)
            result = await server.call(session, *call)
            history.append(Message(role="assistant", content=response.text))
            history.append(Message(role="user", content=f"Result of the tool {call[0]}: {result}"))
    return verdict(False, f"no answer after {options.tool_steps} calls", calls=server.calls)


def _judged(task: ToolTask, answer: str, server: ToolServer) -> Found:
    if missing := [name for name in task.calls if name not in server.calls]:
        return verdict(False, f"the tool {missing[0]} was not called", answer=answer[:2_000], calls=server.calls)
    ok = _holds(task.check, answer)
    return verdict(ok, f"answered {answer[:80]!r} after {len(server.calls)} calls", calls=server.calls)


def _call(text: str) -> tuple[str, dict[str, Any]] | None:
    """The tool and the arguments that an answer asks for; None: it is an answer. Backends write native calls as a JSON
    list of name and arguments; of several, the first is carried out."""
    found = parsed(text, "anywhere")
    found = found[0] if isinstance(found, list) and found else found
    if not isinstance(found, dict):
        return None
    name, arguments = found.get("tool", found.get("name")), found.get("arguments", {})
    if not isinstance(name, str) or not isinstance(arguments, dict):
        return None
    return name, arguments


async def _memory(options: IntegrationOptions, model: Handle, prompt: Prompt, seed: int) -> Found:
    turn = (Message(role="user", content=says(prompt.messages)),)
    await ask(model, prompt, turn, seed)  # what is loaded once is no growth
    resident = resident_anew()
    before_mib = _ever_mib() if resident is None else resident / 2**20
    peaks_mib = []
    for _ in range(options.repeats):
        await ask(model, prompt, turn, seed)
        peak = None if resident is None else peak_bytes()  # read each time: a local model sets it back for its answer
        peaks_mib.append(_ever_mib() if peak is None else peak / 2**20)
    grown_mib = max(peaks_mib) - before_mib
    ok = grown_mib <= options.max_growth_mib
    return verdict(ok, f"{options.repeats} answers added {grown_mib:.1f} MiB at their peak", grown_mib=grown_mib)


def _ever_mib() -> float:
    """Peak resident memory since the process began, for where it cannot be set back; Linux counts KiB, macOS bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


_PROSE = "The parcel left on Monday, was seen in two cities, and has not arrived; the customer asks for the money back."


def _experts(options: IntegrationOptions, model: Handle, prompt: Prompt, _seed: int) -> Found:
    share_LE = model.inside().routing(says(prompt.messages))
    if share_LE is None:
        return verdict(True, "the model is dense: it routes nothing")
    largest = float(share_LE.max())
    text = f"the busiest of {share_LE.shape[1]} experts receives {largest:.0%} of the tokens of its layer"
    return verdict(largest <= options.max_expert_share, text, share=share_LE.tolist())


def _assertions(check: Mapping[str, Any]) -> Assertions | None:
    return msgspec.convert(dict(check), Assertions) if check else None


def _holds(check: Mapping[str, Any], text: str) -> bool:
    asserted = _assertions(check)
    return asserted is None or asserted.holds(text)
