"""Which way a metric is better: what its log says, our own catalogue, and whole names that mean one thing everywhere.

A name that none of them knows is refused, never guessed: read the wrong way, a verdict is the opposite of the truth.
"""

import re
from collections.abc import Iterable, Mapping

from shipworthy import metrics
from shipworthy.data.results._query import known
from shipworthy.errors import BadInput
from shipworthy.records import Direction

NAMELESS = ("value", "values")
"""A table that does not say what was measured: higher is better, and the verdict says that nobody said so."""

_HIGHER = (
    *("acc", "acc_norm", "acc_bytes", "acc_mutual_info", "acc_all", "accuracy", "balanced_accuracy", "score", "scores"),
    *("correct", "is_correct", "correctness", "pass", "passed", "success", "success_rate", "solved", "resolved", "win"),
    *("wins", "win_rate", "winrate", "length_controlled_winrate", "lc_win_rate", "preference", "preferences", "reward"),
    *(
        "exact_match",
        "exact",
        "em",
        "quasi_exact_match",
        "prefix_exact_match",
        "best_em",
        "match",
        "includes",
        "include",
    ),
    *("contains", "answer", "choice", "pattern", "f1", "f1_score", "token_f1", "micro_f1", "macro_f1", "weighted_f1"),
    *(
        "best_f1",
        "mc1",
        "mc2",
        "mcc",
        "matthews",
        "matthews_correlation",
        "pearson",
        "pearsonr",
        "spearman",
        "spearmanr",
    ),
    *("kendall_tau", "r2", "precision", "recall", "specificity", "sensitivity", "auc", "auroc", "roc_auc", "auprc"),
    *("average_precision", "map", "mean_average_precision", "mrr", "ndcg", "hit", "hit_rate", "recall_at_k"),
    *(
        "bleu",
        "sacrebleu",
        "bleurt",
        "bleu_acc",
        "bleu_max",
        "bleu_diff",
        "chrf",
        "chrf++",
        "chrfpp",
        "comet",
        "meteor",
    ),
    *("rouge", "rouge1", "rouge2", "rougel", "rougelsum", "rouge_1", "rouge_2", "rouge_l", "rouge_lsum", "bertscore"),
    *("rouge1_acc", "rouge2_acc", "rougel_acc", "bert_score", "semantic_similarity", "similarity", "cosine_similarity"),
    *("pass_at_k", "pass_k", "code_pass", "pass_rate", "prompt_level_strict_acc", "prompt_level_loose_acc"),
    *("inst_level_strict_acc", "inst_level_loose_acc", "likelihood", "log_likelihood", "loglikelihood"),
    *("model_graded_qa", "model_graded_fact", "faithfulness", "groundedness", "answer_relevancy", "context_precision"),
    *(
        "context_recall",
        "helpfulness",
        "claims_supported",
        "grammar_match",
        "judge_pairwise",
        "judge_score",
        "sql_match",
    ),
    *("tokens_per_second", "throughput"),
)
_LOWER = (
    *("perplexity", "ppl", "word_perplexity", "byte_perplexity", "token_perplexity", "bits_per_byte", "bpb"),
    *(
        "loss",
        "nll",
        "cross_entropy",
        "negative_log_likelihood",
        "wer",
        "word_error_rate",
        "cer",
        "character_error_rate",
    ),
    *("ter", "translation_edit_rate", "edit_distance", "levenshtein", "error", "errors", "error_rate", "err"),
    *("failure", "failures", "failure_rate", "fail", "failed", "brier", "brier_score", "ece", "adaptive_ece", "mae"),
    *(
        "mse",
        "rmse",
        "mean_absolute_error",
        "mean_squared_error",
        "toxicity",
        "toxic",
        "hallucination",
        "hallucinations",
    ),
    *("hallucination_rate", "attack_success", "attack_success_rate", "harmful", "harmfulness", "harm_rate"),
    *("jailbreak_rate", "stereotype", "pct_stereotype", "over_refusal", "over_refusal_rate", "repetition"),
    *("cost", "cost_usd", "price", "total_cost", "latency", "latency_p50", "latency_p95", "latency_p99", "duration"),
    *("first_token", "ttft", "time_to_first_token", "response_time", "total_time", "runtime", "elapsed"),
    *("tokens", "output_tokens", "input_tokens", "total_tokens", "completion_tokens", "prompt_tokens", "memory_peak"),
    *("group_gap", "equalised_odds", "bbq_bias", "selective_risk", "brier_reliability"),
)
_UP: Direction = "higher"
_DOWN: Direction = "lower"
KNOWN: Mapping[str, Direction] = dict.fromkeys(_HIGHER, _UP) | dict.fromkeys(_LOWER, _DOWN)
"""Whole names, lower case, words joined by "_"; a part of a name proves nothing (`error_free`, `costliness_score`)."""

_TURNS = frozenset(("refusal", "length", "json_number", "assertions", "entropy", "energy"))
"""Kinds of ours whose name alone does not say it elsewhere: refusals are right on one test set and wrong on another."""
_BEFORE = re.compile(r"^(?:eval|evaluation|test|val|validation|mean|avg|average|median)_")
_AFTER = re.compile(r"(?:@\d+|_(?:mean|avg|ms|s|sec|secs|seconds|usd|p\d\d?))$")
"""What stands before or after a name and does not turn it round: the set it was taken on, a mean, a unit, k."""


def direction_of(name: str) -> Direction | None:
    """The direction that a name has everywhere; None where nobody knows. `a/b` is the key b of scorer a."""
    return next((found for spelled in bare(name) if (found := KNOWN.get(spelled) or _ours(spelled))), None)


def bare(name: str) -> dict[str, None]:
    """The spellings under which a name may be known, the fullest first: without its set, mean, unit or filter."""
    spelled: list[str] = []
    for part in dict.fromkeys((name, name.rsplit("/", 1)[-1])):
        plain = _plain(part.split(",")[0])  # lm_eval: metric,filter
        spelled += (plain, _AFTER.sub("", plain), _BEFORE.sub("", plain), _AFTER.sub("", _BEFORE.sub("", plain)))
    return dict.fromkeys(spelled)


def better_of(name: str, said: Mapping[str, Direction], asked: Mapping[str, Direction], where: str) -> Direction:
    """How `name` is judged: as asked by its name, as the log says, as the name is known, as "" asks for the others.

    Raises: BadInput: nobody knows.
    """
    found = asked.get(name) or known_direction(name, said) or asked.get("") or ("higher" if name in NAMELESS else None)
    if found is None:
        raise BadInput(
            f"nobody here knows which direction of {name!r} is better; say --better {name}=higher or "
            f"--better {name}=lower",
            where=where,
        )
    return found


def known_direction(name: str, said: Mapping[str, Direction]) -> Direction | None:
    """As the log says, else as the name is known; None where neither tells."""
    return said.get(name) or said.get(name.split(",")[0]) or direction_of(name)


def refuse_in_vain(
    names: Iterable[str], said: Mapping[str, Direction], asked: Mapping[str, Direction], where: str
) -> None:
    """Raises: BadInput: a direction is asked for that no metric takes: its name is not there, or "" contradicts what is
    known of every metric."""
    listed = list(names)
    for name in filter(None, asked):
        known("metric", name, listed, where)
    bare, others = asked.get(""), [name for name in listed if name not in asked]
    told = {name: known_direction(name, said) for name in others}
    if bare is not None and others and not {None, bare} & set(told.values()):
        name, side = next(iter(told.items()))
        raise BadInput(
            f"{name!r} is better when {side}, and --better {bare} is for metrics whose direction nobody knows; "
            f"if it is {bare} here, say --better {name}={bare}",
            where=where,
        )


def _plain(name: str) -> str:
    return re.sub(r"[\s\-.]+", "_", name.strip()).lower()


def _ours(kind: str) -> Direction | None:
    lowered = {name.lower(): name for name in metrics.BUILT_IN}
    return metrics.describe(lowered[kind]).better if kind in lowered and kind not in _TURNS else None
