"""Two models on two scales are no comparison: shares in 0..1 against percents in 0..100, or what no share can be."""

import re
from collections.abc import Sequence

from shipworthy.data.results._direction import bare
from shipworthy.data.results._kinds import is_price, is_time
from shipworthy.errors import BadInput
from shipworthy.metrics.types import Floats

SHARES = frozenset(
    (
        *("acc", "acc_norm", "acc_bytes", "acc_mutual_info", "acc_all", "accuracy", "balanced_accuracy", "correct"),
        *("is_correct", "pass", "passed", "pass_rate", "success", "success_rate", "solved", "resolved", "win_rate"),
        *("winrate", "exact_match", "em", "quasi_exact_match", "prefix_exact_match", "best_em", "includes", "contains"),
        *("f1", "f1_score", "token_f1", "micro_f1", "macro_f1", "weighted_f1", "best_f1", "mc1", "mc2", "precision"),
        *("recall", "specificity", "sensitivity", "auc", "auroc", "roc_auc", "auprc", "average_precision", "mrr"),
        *("ndcg", "hit_rate", "recall_at_k", "rouge", "rouge1", "rouge2", "rougel", "rougelsum", "rouge_1", "rouge_2"),
        *("rouge_l", "rouge_lsum", "pass_at_k", "prompt_level_strict_acc", "prompt_level_loose_acc"),
        *("inst_level_strict_acc", "inst_level_loose_acc", "faithfulness", "groundedness", "context_precision"),
        *("context_recall", "error_rate", "failure_rate", "ece", "toxicity", "hallucination_rate", "refusal_rate"),
        *("attack_success_rate", "harm_rate", "jailbreak_rate", "over_refusal_rate", "bleu", "sacrebleu", "chrf"),
        *("claims_supported", "regex_match", "over_refusal", "refusal"),
    )
)
"""Names whose values lie in 0..1, or in 0..100 where they are percents; never beyond."""
_OPEN = re.compile(
    r"loss|nll|entropy|ppl|perplexity|likelihood|reward|throughput|tokens|memory|energy|length|words|chars|count|"
    r"distance|levenshtein|mae|mse|rmse|error|fail|mean_absolute|price|cost|bits"
)
"""Names whose values have no upper end: one model may well lie below 1 and another far above."""
PERCENT = 100.0
_CLOSE = 1e-6
_MUCH = 10.0


def is_share(name: str) -> bool:
    """Whether a metric of this name is a share wherever it is met."""
    return bool(bare(name).keys() & SHARES)


def same_scale(name: str, sides: Sequence[Floats], models: Sequence[str], where: str, *, plain: bool) -> None:
    """Args: sides: each model's values. plain: the values were said to be as they stand.

    Raises: BadInput: one model counts in shares and the other in percent, or a share beyond 100 or below 0.
    """
    if any(not len(values) for values in sides):
        return
    tops = [float(values.max()) for values in sides]
    share = is_share(name)
    if share:
        _possible(name, sides, models, where)
    elif plain or is_time(name) or is_price(name) or any(_OPEN.search(one) for one in bare(name)):
        return
    low, high = sorted((0, 1), key=lambda side: tops[side])
    inside = 0 < tops[low] <= 1 + _CLOSE and float(sides[low].min()) >= 0
    beyond = tops[high] > 1 + _CLOSE if share else _MUCH <= tops[high] <= PERCENT + _CLOSE
    if inside and beyond and float(sides[high].min()) >= 0:
        way = "" if share else ", or say --scale plain where they are on one already"
        raise BadInput(
            f"{models[high]!r} holds values of {name!r} up to {tops[high]:g}, {models[low]!r} up to {tops[low]:g}: one "
            f"looks like percent; bring both to one scale{way}",
            where=where,
        )


def _possible(name: str, sides: Sequence[Floats], models: Sequence[str], where: str) -> None:
    for values, model in zip(sides, models, strict=True):
        for odd in (float(values.max()), float(values.min())):
            if not -_CLOSE <= odd <= PERCENT + _CLOSE:
                raise BadInput(
                    f"{model!r} holds {odd:g} as {name!r}, which lies in 0..1, or in 0..100 as percent; correct the "
                    "values, or name with --metric what they are",
                    where=where,
                )
