"""What a protocol file may say, as frozen records. `docs/reference/protocol.md` and the JSON Schema come from here."""

from typing import Annotated, Any, Literal

from msgspec import Meta

from shipworthy.records import DatasetRole, ModelRole, Record

Share = Annotated[float, Meta(ge=0, le=1)]
NotNegative = Annotated[float, Meta(ge=0)]
Level = Literal["hard", "soft"]
Cadence = Literal["commit", "checkpoint", "nightly", "predeploy", "weekly"]

WARNING_CODES = (
    "allowed",
    "answers_cut",
    "answers_filtered",
    "assumed_direction",
    "broken_gold",
    "classifiers_disagree",
    "constant_output",
    "contradicting_slices",
    "duplicate_examples",
    "failed_answers",
    "few_clusters",
    "few_discordant",
    "foreign_ids",
    "gold_mismatch",
    "identical_results",
    "judge_agreement",
    "left_out",
    "many_hard_gates",
    "metric_error",
    "missing_examples",
    "model_differs",
    "model_switched",
    "not_comparable",
    "not_per_sample",
    "order_flip",
    "percentile",
    "preference_scale",
    "prompts_cut",
    "protocol_edited",
    "reasoning_stripped",
    "sealed_looks",
    "seeds_of_answers",
    "single_seed",
    "slice_too_small",
    "stopped_parse",
    "stopped_program",
    "stopped_query",
    "stream_ignored",
    "stream_unasked",
    "survivorship",
    "tuning_run",
    "underpowered",
    "uneven_gaps",
    "unpaired",
    "unparsed_verdict",
)
"""What `require_absent` of a gate may name: the warning codes of a verdict."""


class DatasetSpec(Record):
    """One dataset: a JSONL, JSON, CSV or Parquet file and the names of its columns."""

    path: Annotated[str, Meta(description="The file, relative to the protocol.")]
    role: Annotated[DatasetRole, Meta(description="What the rows are for.")] = "test"
    id: Annotated[
        str, Meta(description="Column that identifies a row. Where the file has no `id`, rows are numbered from 1.")
    ] = "id"
    input: Annotated[str, Meta(description="Column with the text that the model is asked.")] = "input"
    messages: Annotated[
        str | None, Meta(description="Column with a conversation (a list of role and content), instead of `input`.")
    ] = None
    reference: Annotated[
        str | None, Meta(description="Column with the right answer; null where the rows have none.")
    ] = "reference"
    cluster: Annotated[
        str | Annotated[tuple[str, ...], Meta(min_length=1, max_length=2)] | None,
        Meta(
            description="Column naming what rises and falls together: document, user, conversation. Two columns where "
            "both do and neither lies within the other: `[user, document]`."
        ),
    ] = None
    slices: Annotated[tuple[str, ...], Meta(description="Columns whose labels are reported and can be gated.")] = ()
    on: Annotated[tuple[Cadence, ...], Meta(description="When this dataset is run; empty: always.")] = ()
    version: Annotated[str | None, Meta(description="Your own name for this version of the data.")] = None
    prompt: Annotated[str | None, Meta(description="Which of `prompts` turns a row into a conversation.")] = None

    @property
    def ways(self) -> tuple[str, ...]:
        """The columns of `cluster`: none, one, or two crossed ones."""
        return () if self.cluster is None else (self.cluster,) if isinstance(self.cluster, str) else self.cluster


class SuiteSpec(Record):
    """Rows that a suite makes, and how they are answered; its key is the name of a dataset that metrics can name."""

    suite: Annotated[
        str,
        Meta(
            description="Which suite: data_checks, golden, regression, unit, integration, safety, robustness, stress, "
            "few_shot, out_of_distribution, probing, attribution, a plug-in, or file.py:function."
        ),
    ]
    of: Annotated[str | None, Meta(description="Which of `datasets` its rows are made from.")] = None
    on: Annotated[tuple[Cadence, ...], Meta(description="When this suite is run; empty: always.")] = ()
    role: Annotated[DatasetRole | None, Meta(description="What the rows are for; null: as the suite says.")] = None
    version: Annotated[str | None, Meta(description="Your own name for this version of the suite.")] = None
    options: Annotated[dict[str, Any], Meta(description="Options of the suite itself.")] = {}


class PromptSpec(Record):
    """How a row becomes a conversation."""

    template: Annotated[str, Meta(description="The user's turn; {column} is filled from the row.")] = "{input}"
    system: Annotated[str | None, Meta(description="The system turn before it.")] = None


class PublishedNumber(Record):
    """A number from a paper or a leaderboard; only an unpaired comparison is possible with it."""

    value: Annotated[float, Meta(description="The number, in the metric's unit.")]
    source: Annotated[str, Meta(description="Where it was published.")]
    n: Annotated[Annotated[int, Meta(ge=2)] | None, Meta(description="How many examples it stands on.")] = None
    standard_error: Annotated[
        NotNegative | None,
        Meta(description="Its standard error, where it was published; beside `n`, the larger error of the two counts."),
    ] = None


class ModelSpec(Record):
    """Something compared. Which of the other keys are needed depends on `backend`: recorded needs `path`, trivial
    `strategy`, openai `base_url` and `model`, huggingface `path`, release none (it is the release in production); a
    role `published` needs `published` alone."""

    role: Annotated[ModelRole, Meta(description="What the model is in this comparison, see [roles](#roles-of-models).")]
    backend: Annotated[
        str,
        Meta(
            description="How it answers: recorded, trivial, openai, huggingface, vllm, release, "
            "a plug-in, or file.py:object."
        ),
    ] = "recorded"
    path: Annotated[
        str | None, Meta(description="Recorded responses, or a folder of weights; relative to the protocol.")
    ] = None
    name: Annotated[
        str | None, Meta(description="Backend release: the protocol whose release is meant; null: this one's.")
    ] = None
    base_url: Annotated[str | None, Meta(description="Root of an OpenAI-compatible API, ending in /v1.")] = None
    model: Annotated[str | None, Meta(description="The model's name at that API.")] = None
    api_key_env: Annotated[str | None, Meta(description="Environment variable that holds the API key.")] = None
    adapter: Annotated[str | None, Meta(description="Folder of a PEFT adapter, relative to the protocol.")] = None
    strategy: Annotated[
        Literal["majority", "constant", "random", "rules"] | None, Meta(description="Which trivial baseline.")
    ] = None
    options: Annotated[dict[str, Any], Meta(description="Options of the backend itself.")] = {}
    sampling: Annotated[dict[str, Any], Meta(description="temperature, max_tokens, stop and the like.")] = {}
    warm_up: Annotated[
        int,
        Meta(
            ge=0,
            description="Requests sent first whose answers are thrown away: no cold start.",
        ),
    ] = 0
    usd_per_million_input: Annotated[NotNegative | None, Meta(description="Price of a million prompt tokens.")] = None
    usd_per_million_output: Annotated[NotNegative | None, Meta(description="Price of a million answer tokens.")] = None
    published: Annotated[dict[str, PublishedNumber], Meta(description="Published numbers by metric.")] = {}


class MetricSpec(Record):
    """One metric on one dataset."""

    dataset: Annotated[str, Meta(description="Which of `datasets` it is measured on.")]
    metric: Annotated[str | None, Meta(description="Kind of metric; by default the key itself.")] = None
    options: Annotated[dict[str, Any], Meta(description="Options of the metric itself.")] = {}


class GateSpec(Record):
    """One rule over one metric. One of `margin` (default: the metric's own), `min_gain`, `at_least`, `at_most`."""

    metric: Annotated[str, Meta(description="Which of `metrics` it judges.")]
    name: Annotated[str | None, Meta(description="How reports call it.")] = None
    baseline: Annotated[
        str | None, Meta(description="Which of `models` the candidate is compared with; needed by margin and min_gain.")
    ] = None
    margin: Annotated[
        NotNegative | str | None,
        Meta(
            description="The candidate may lose at most this much: a number in the metric's unit, `2 points` of a "
            "share, or `5%` of the baseline's value; by default the metric's own."
        ),
    ] = None
    min_gain: Annotated[
        float | str | None, Meta(description="The candidate must win by more than this; written as `margin` is.")
    ] = None
    at_least: Annotated[
        float | None, Meta(description="The candidate's value must be at least this, in every slice too.")
    ] = None
    at_most: Annotated[
        float | None, Meta(description="The candidate's value must be at most this, in every slice too.")
    ] = None
    level: Annotated[Level, Meta(description="A failing hard gate blocks, a failing soft one asks for a sign-off.")] = (
        "hard"
    )
    fail_fast: Annotated[bool, Meta(description="Block at once, without the correction for many gates.")] = False
    slices: Annotated[
        tuple[str, ...], Meta(description="Slice columns of the dataset whose every label is judged too.")
    ] = ()
    slice_margin: Annotated[
        NotNegative | str | None,
        Meta(
            description="The margin within one slice; by default 2.5 times the metric's own, at least `margin` (of a "
            "margin in percent 2.5 times that), and 0 under `at_least` and `at_most`."
        ),
    ] = None
    require_absent: Annotated[tuple[str, ...], Meta(description="Warning codes that must not appear.")] = ()
    note: Annotated[str | None, Meta(description="Why this gate exists.")] = None


class Decisions(Record):
    """The error rates and the coverage policy of the verdict."""

    alpha: Annotated[float, Meta(gt=0, lt=0.5, description="One-sided error rate of every gate.")] = 0.05
    soft_fdr: Annotated[float, Meta(gt=0, lt=1, description="False discovery rate among the soft gates.")] = 0.10
    missing: Annotated[
        Literal["fail", "wrong", "common"],
        Meta(description="Examples that one model lacks: refuse, count as wrong, or judge only what is common."),
    ] = "fail"
    power: Annotated[float, Meta(gt=0, lt=1, description="Power for which needed sizes are computed.")] = 0.80
    draws: Annotated[int, Meta(ge=1000, le=1_000_000, description="Bootstrap resamples.")] = 10_000
    beat_trivial: Annotated[bool, Meta(description="Add a hard gate: better than every trivial baseline.")] = True


class MetricPlanning(Record):
    """What is believed of one metric, where it differs from the rest."""

    disagreement: Annotated[
        Share | None, Meta(description="Share of examples on which the two models differ; small for refusals.")
    ] = None
    sd: Annotated[NotNegative | None, Meta(description="Standard deviation of the paired difference of a score.")] = (
        None
    )
    relative_sd: Annotated[
        NotNegative | None,
        Meta(description="Standard deviation of the paired difference over the baseline's mean: margins in percent."),
    ] = None
    intraclass: Annotated[Share | None, Meta(description="Correlation of examples within one cluster.")] = None


class Planning(Record):
    """What is believed before the run, for the power table of `validate` and the size at which a slice gates."""

    disagreement: Annotated[Share, Meta(description="Share of examples on which the two models differ.")] = 0.15
    sd: Annotated[NotNegative, Meta(description="Standard deviation of the paired difference of a score.")] = 0.3
    relative_sd: Annotated[
        NotNegative | None,
        Meta(description="The same over the baseline's mean, for margins in percent; null: unknown"),
    ] = None
    intraclass: Annotated[Share, Meta(description="Correlation of examples within one cluster.")] = 0.1
    metrics: Annotated[dict[str, MetricPlanning], Meta(description="The same, by metric, where one differs.")] = {}

    def of(self, metric: str) -> "Planning":
        """What is believed of one metric."""
        own = self.metrics.get(metric, MetricPlanning())
        return Planning(
            disagreement=self.disagreement if own.disagreement is None else own.disagreement,
            sd=self.sd if own.sd is None else own.sd,
            relative_sd=self.relative_sd if own.relative_sd is None else own.relative_sd,
            intraclass=self.intraclass if own.intraclass is None else own.intraclass,
        )


class FollowUps(Record):
    """What happens after the verdict, by outcome: `register`, `save_failures`, or plug-ins."""

    promote: Annotated[tuple[str, ...], Meta(description="After promote.")] = ("register",)
    block: Annotated[tuple[str, ...], Meta(description="After block.")] = ()
    sign_off: Annotated[tuple[str, ...], Meta(description="When a sign-off is asked for.")] = ()
    inconclusive: Annotated[tuple[str, ...], Meta(description="After inconclusive.")] = ()


class Budget(Record):
    """Limits on what a run may spend; reaching one saves the run and stops it."""

    max_cost_usd: Annotated[NotNegative | None, Meta(description="Money.")] = None
    max_requests: Annotated[Annotated[int, Meta(ge=1)] | None, Meta(description="Requests to models.")] = None


class CheckpointRule(Record):
    """When `shipworthy watch` and the checkpoint endpoint tell a trainer to stop."""

    stop_when: Annotated[
        Literal["block", "not_promoted", "never"],
        Meta(description="Which verdicts count: a block; anything but promote; none."),
    ] = "block"
    patience: Annotated[int, Meta(ge=1, description="How many such verdicts in a row say stop.")] = 1
    warmup: Annotated[
        int,
        Meta(
            ge=0,
            description="So many checkpoints a run may be blocked while it climbs from below; one that fell back from "
            "a better checkpoint stops before.",
        ),
    ] = 5


class TrainingData(Record):
    """Training files that are looked at before a model is asked. Every limit is a hard gate: one that is broken blocks,
    one that could not be measured leaves the verdict inconclusive."""

    files: Annotated[
        tuple[str, ...],
        Meta(description="Files, folders, patterns or URLs, relative to the protocol; any format of `data check`."),
    ]
    limits: Annotated[
        dict[str, float | str],
        Meta(
            description="The largest value allowed, by name (see Limits on training data). A whole number counts "
            'rows, a number below 1 or a text such as "1%" is a share of them, "<1%" excludes the limit itself.'
        ),
    ]
    against: Annotated[
        tuple[str, ...],
        Meta(description="Datasets of the protocol, or files, that must not leak into it; empty: every dataset."),
    ] = ()
    kind: Annotated[str | None, Meta(description="Format of the rows; null: recognised from their columns.")] = None
    goal: Annotated[
        Literal["style", "vocabulary", "task", "domain"] | None,
        Meta(description="What is trained for: advice on size."),
    ] = None
    target: Annotated[
        Literal["text", "json", "sql"] | None, Meta(description="What completions are; null: recognised.")
    ] = None
    schema: Annotated[str | None, Meta(description="File: JSON Schema of JSON targets.")] = None
    database: Annotated[str | None, Meta(description="File: SQLite database on which SQL targets must run.")] = None
    tokenizer: Annotated[
        str | None, Meta(description="Folder with the model's tokenizer.json; `truncated` and `tokens` need it.")
    ] = None
    inference_template: Annotated[str | None, Meta(description="File: chat template used in serving.")] = None
    max_length: Annotated[
        Annotated[int, Meta(ge=1)] | None, Meta(description="Tokens that the trainer keeps of a row.")
    ] = None
    production: Annotated[str | None, Meta(description="File: inputs from production, to compare with.")] = None


class Protocol(Record):
    """What is measured, on which data, against which baselines, with which gates: one YAML file, hashed and locked
    before the first response."""

    shipworthy: Annotated[Literal[1], Meta(description="Version of this format.")]
    name: Annotated[str, Meta(description="Name of the protocol.")]
    datasets: Annotated[dict[str, DatasetSpec], Meta(description="The data, by name.")]
    models: Annotated[dict[str, ModelSpec], Meta(description="The candidate and its baselines, by name.")]
    metrics: Annotated[dict[str, MetricSpec], Meta(description="What is measured, by name.")]
    gates: Annotated[tuple[GateSpec, ...], Meta(description="The rules; at least one.")]
    description: Annotated[str, Meta(description="What the protocol is for.")] = ""
    suites: Annotated[dict[str, SuiteSpec], Meta(description="Rows made by suites, by name.")] = {}
    prompts: Annotated[dict[str, PromptSpec], Meta(description="How rows become conversations, by name.")] = {}
    seeds: Annotated[tuple[int, ...], Meta(description="Every example is answered once a seed.")] = (0,)
    trials: Annotated[
        Annotated[int, Meta(ge=1, le=10_000)] | None,
        Meta(description="Instead of seeds: how often every example is answered, under the seeds 0, 1, 2 and so on."),
    ] = None
    on: Annotated[tuple[Cadence, ...], Meta(description="When CI runs this protocol.")] = ("commit",)
    decisions: Annotated[Decisions, Meta(description="Error rates and coverage policy.")] = Decisions()
    planning: Annotated[Planning, Meta(description="Beliefs for the power table of `validate`.")] = Planning()
    follow_ups: Annotated[FollowUps, Meta(description="What happens after the verdict.")] = FollowUps()
    budget: Annotated[Budget, Meta(description="Limits on what a run may spend.")] = Budget()
    checkpoints: Annotated[CheckpointRule, Meta(description="When a training run is told to stop.")] = CheckpointRule()
    data: Annotated[
        TrainingData | None, Meta(description="Training files and their limits, looked at before a model is asked.")
    ] = None
