"""What a protocol file may say, as frozen records. `docs/reference/protocol.md` and the JSON Schema come from here."""

from typing import Annotated, Any, Literal

from msgspec import Meta

from shipworthy.records import DatasetRole, ModelRole, Record

Share = Annotated[float, Meta(ge=0, le=1)]
NotNegative = Annotated[float, Meta(ge=0)]
Level = Literal["hard", "soft"]
Cadence = Literal["commit", "checkpoint", "nightly", "predeploy", "weekly"]


class DatasetSpec(Record):
    """One dataset. Paths are relative to the protocol file. `id`, `input`, `reference`, `cluster` name columns;
    `messages` (a column holding a conversation) is used instead of `input` where the rows have one."""

    path: str
    role: DatasetRole = "test"
    id: str = "id"
    input: str = "input"
    messages: str | None = None
    reference: str | None = "reference"
    cluster: str | None = None
    slices: tuple[str, ...] = ()
    on: tuple[Cadence, ...] = ()
    version: str | None = None
    prompt: str | None = None


class PromptSpec(Record):
    """How a row becomes a conversation: `template` fills {column} names; `system` stands before it."""

    template: str = "{input}"
    system: str | None = None


class ModelSpec(Record):
    """Something compared. Which of the other keys count depends on `backend` (see docs/reference/protocol.md)."""

    role: ModelRole
    backend: Literal["recorded", "trivial", "openai", "huggingface"] | str = "recorded"
    path: str | None = None
    base_url: str | None = None
    model: str | None = None
    api_key_env: str | None = None
    adapter: str | None = None
    strategy: Literal["majority", "constant", "random", "rules"] | None = None
    options: dict[str, Any] = {}
    sampling: dict[str, Any] = {}
    usd_per_million_input: NotNegative | None = None
    usd_per_million_output: NotNegative | None = None
    published: dict[str, "PublishedNumber"] = {}


class PublishedNumber(Record):
    """A number from a paper or a leaderboard; only an unpaired comparison is possible with it."""

    value: float
    source: str
    n: Annotated[int, Meta(ge=2)] | None = None
    standard_error: NotNegative | None = None


class MetricSpec(Record):
    """One metric on one or more datasets. `metric` names the kind (default: the key itself); `options` are its own."""

    dataset: str
    metric: str | None = None
    options: dict[str, Any] = {}


class GateSpec(Record):
    """One rule over one metric. Exactly one of `margin`, `min_gain`, `at_least`, `at_most` (default: `margin: 0.02`).

    `margin`: the candidate may lose at most this much to `baseline` (the metric's unit). `min_gain`: it must win by
    more than this. `at_least`, `at_most`: limits on the candidate alone. `slices` names slice columns whose every
    label is judged too, with `slice_margin`. `require` lists warning codes whose absence the gate asks for.
    """

    metric: str
    name: str | None = None
    baseline: str | None = None
    margin: NotNegative | None = None
    min_gain: float | None = None
    at_least: float | None = None
    at_most: float | None = None
    level: Level = "hard"
    fail_fast: bool = False
    slices: tuple[str, ...] = ()
    slice_margin: NotNegative = 0.05
    require_absent: tuple[str, ...] = ()
    note: str | None = None


class Decisions(Record):
    """The error rates and the coverage policy of the verdict."""

    alpha: Annotated[float, Meta(gt=0, lt=0.5)] = 0.05
    soft_fdr: Annotated[float, Meta(gt=0, lt=1)] = 0.10
    missing: Literal["fail", "wrong", "common"] = "fail"
    power: Annotated[float, Meta(gt=0, lt=1)] = 0.80
    draws: Annotated[int, Meta(ge=1000, le=1_000_000)] = 10_000
    beat_trivial: bool = True


class Planning(Record):
    """What is believed before the run, for the power table of `validate`."""

    disagreement: Share = 0.15
    sd: NotNegative = 0.3
    intraclass: Share = 0.1


class FollowUps(Record):
    """What happens after the verdict, by outcome; names of follow-ups (`register`, `save_failures`, plug-ins)."""

    promote: tuple[str, ...] = ("register",)
    block: tuple[str, ...] = ()
    sign_off: tuple[str, ...] = ()
    inconclusive: tuple[str, ...] = ()


class Budget(Record):
    """Limits on what a run may spend; reaching one saves the run and stops it."""

    max_cost_usd: NotNegative | None = None
    max_requests: Annotated[int, Meta(ge=1)] | None = None


class Protocol(Record):
    """What is measured, on which data, against which baselines, with which gates: one YAML file, hashed and locked
    before the first response."""

    shipworthy: Literal[1]
    name: str
    description: str = ""
    datasets: dict[str, DatasetSpec]
    models: dict[str, ModelSpec]
    metrics: dict[str, MetricSpec]
    gates: tuple[GateSpec, ...]
    prompts: dict[str, PromptSpec] = {}
    seeds: tuple[int, ...] = (0,)
    on: tuple[Cadence, ...] = ("commit",)
    decisions: Decisions = Decisions()
    planning: Planning = Planning()
    follow_ups: FollowUps = FollowUps()
    budget: Budget = Budget()
