"""Limits on training data by name: which names there are, and how a limit is read. Pure."""

from shipworthy.errors import BadInput

LEAKAGE = ("leakage_certain", "leakage_likely")
"""Rows of the test sets that stand in the training data, by tier."""

MEASURES = (
    *("template_variants", "truncated", "tokens", "languages", "classes", "class_ratio", "chosen_longer"),
    *("production_auc", "bad_rows"),
)
"""Numbers of a training set as a whole."""

_DEFECTS = """
    not_json missing_field wrong_type another_kind
    not_alternating no_user_turn nothing_to_learn system_not_first system_repeated system_variants repeated_turn
    zero_weight undeclared_tool tool_arguments_not_json tool_arguments_break_schema tool_result_without_call
    empty_prompt empty_completion empty_rejected trailing_whitespace prompt_echoed loop placeholder
    special_token mixed_templates unclosed_fence
    double_bos template_fails missing_eos stop_token_masked pad_is_stop_token template_drift truncated
    round_trip unknown_token
    mojibake replacement_character control_character byte_order_mark invisible_character html_entities
    escaped_text
    too_long length_outlier too_short looks_cut_off
    language_mix language_switch
    email_address phone_number card_number iban social_security_number ip_address secret
    refusal assistant_boilerplate unsafe_content constant_completion boilerplate
    repeated_row template_made
    conflicting_labels label_spelling rare_class class_imbalance probable_label_error
    target_not_json target_breaks_schema target_keys sql_does_not_parse sql_does_not_run ungrounded_answer
    empty_contexts
    same_sides near_same_sides reversed_pair prompts_differ length_bias thumb_imbalance
    too_few_rows too_many_rows unlike_production
"""
DEFECTS = tuple(_DEFECTS.split())
"""Codes of what a row can have, as `shipworthy data check` reports them."""

SHARES = ("chosen_longer", "production_auc")
"""Measures that lie between 0 and 1 and count no rows."""

NAMES = tuple(dict.fromkeys((*LEAKAGE, *MEASURES, *DEFECTS)))
"""What `limits` under `data` may name."""


def parsed(name: str, given: float | str) -> tuple[float, bool, bool]:
    """(limit, whether it itself is excluded, whether it was a percentage).

    Raises: BadInput: it is no number, or one that nothing can exceed or keep.
    """
    text = str(given).strip()
    strict = text.startswith("<") and not text.startswith("<=")
    bare = text.lstrip("<=").strip()
    try:
        value = float(bare.removesuffix("%"))
    except ValueError:
        raise BadInput(f"the limit of {name} must be a number or a percentage, not {text!r}") from None
    if not 0 <= value < float("inf"):
        raise BadInput(f"the limit of {name} must be zero or more, not {text!r}")
    limit, percent = (value / 100, True) if bare.endswith("%") else (value, False)
    if beyond := _impossible(name, limit, percent=percent, strict=strict):
        raise BadInput(f"the limit of {name} cannot be {text!r}: {beyond}")
    return limit, strict, percent


def _impossible(name: str, limit: float, *, percent: bool, strict: bool) -> str | None:
    if strict and limit == 0:
        return "nothing is less than none; write 0"
    if limit > 1 and (percent or name in SHARES):
        hint = f"; did you mean {limit:g}% or {limit / 100:g}?" if not percent and limit <= 100 else ""
        return f"a share is never above 100%{hint}"
    if not percent and limit > 1 and name in (*DEFECTS, *LEAKAGE) and limit != int(limit):
        return "rows are whole; write a whole number of rows, or a percentage"
    return None
