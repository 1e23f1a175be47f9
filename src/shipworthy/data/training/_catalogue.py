"""Every defect by its stable code: how bad it is, what it is called, and what to do about it."""

from collections.abc import Mapping
from typing import NamedTuple

from shipworthy.data.training.types import Severity


class Defect(NamedTuple):
    severity: Severity
    group: str
    title: str
    remedy: str


CATALOGUE: Mapping[str, Defect] = {
    # --- rows that were kept out ---
    "not_json": Defect("error", "contract", "Row is not readable", "repair or delete the line; it was kept out"),
    "missing_field": Defect(
        "error", "contract", "Row lacks a field", "fill the field or delete the row; it was kept out"
    ),
    "wrong_type": Defect(
        "error", "contract", "Field has the wrong type", "write the field as the format asks; the row was kept out"
    ),
    "another_kind": Defect(
        "error", "contract", "Row of another format", "keep one format a file; the row was kept out"
    ),
    # --- conversations ---
    "not_alternating": Defect(
        "error", "chat", "Turns do not alternate", "join or drop turns so that user and assistant take turns"
    ),
    "no_user_turn": Defect("error", "chat", "No turn of the user", "add what was asked, or delete the row"),
    "nothing_to_learn": Defect(
        "error",
        "chat",
        "Last turn is not the assistant's",
        "add the answer or delete the row; a trainer learns nothing here",
    ),
    "system_not_first": Defect(
        "error",
        "chat",
        "System prompt is not the first turn",
        "move it to the beginning; most templates drop or refuse it",
    ),
    "system_repeated": Defect(
        "warning", "chat", "System prompt stands twice in one row", "keep it once, in the first turn"
    ),
    "system_variants": Defect(
        "note",
        "chat",
        "One system prompt in several spellings",
        "use one spelling, the one that the model will be served with",
    ),
    "repeated_turn": Defect("warning", "chat", "A turn repeats the one before it", "delete the copy"),
    "zero_weight": Defect(
        "error", "chat", "All answers have weight 0", "give one answer weight 1 or delete the row; nothing is learned"
    ),
    "undeclared_tool": Defect(
        "error", "chat", "Call of a function that is not declared", "declare it in `tools`, or repair its name"
    ),
    "tool_arguments_not_json": Defect(
        "error", "chat", "Arguments of a call are not a JSON object", "repair the JSON of the arguments"
    ),
    "tool_arguments_break_schema": Defect(
        "error", "chat", "Arguments of a call break their schema", "add what is required, drop what is not declared"
    ),
    "tool_result_without_call": Defect(
        "error", "chat", "Result of a tool that nobody called", "add the call before it or delete the turn"
    ),
    # --- text ---
    "empty_prompt": Defect("error", "text", "Empty prompt", "fill in the prompt or delete the row"),
    "empty_completion": Defect(
        "error", "text", "Empty completion", "fill in the answer or delete the row; it teaches silence"
    ),
    "empty_rejected": Defect("warning", "text", "Empty rejected side", "write what was worse, or delete the pair"),
    "trailing_whitespace": Defect(
        "note", "text", "Completion ends in white space", "strip it; the model learns to write it"
    ),
    "prompt_echoed": Defect("warning", "text", "Completion repeats its prompt", "cut the prompt off the completion"),
    "loop": Defect("warning", "text", "Words or sentences in a loop", "delete the row or cut the loop"),
    "placeholder": Defect("warning", "text", "Placeholder that nobody filled in", "fill it in or delete the row"),
    "special_token": Defect(
        "error",
        "text",
        "Special token inside the text",
        "take it out; the template adds it and a tokenizer reads it as control",
    ),
    "double_bos": Defect(
        "error", "template", "Two beginning-of-text tokens", "let either the template or the tokenizer add it, not both"
    ),
    "mixed_templates": Defect(
        "error",
        "text",
        "Several prompt templates are mixed",
        "write all prompts in one template, the one used when serving",
    ),
    "unclosed_fence": Defect(
        "warning", "text", "Code fence is not closed", "close the ``` fence; the text may be cut off"
    ),
    # --- encoding ---
    "mojibake": Defect(
        "error", "encoding", "Text was decoded with the wrong encoding", "read the source again as UTF-8"
    ),
    "replacement_character": Defect(
        "error", "encoding", "Replacement character U+FFFD", "read the source again; the character is lost"
    ),
    "control_character": Defect("warning", "encoding", "Control character", "delete it"),
    "byte_order_mark": Defect("warning", "encoding", "Byte-order mark", "save the file as UTF-8 without BOM"),
    "invisible_character": Defect(
        "warning", "encoding", "Invisible or private-use character", "delete it; it splits words for the tokenizer"
    ),
    "html_entities": Defect(
        "warning", "encoding", "HTML entities or tags that were not decoded", "unescape the HTML and strip its tags"
    ),
    "escaped_text": Defect(
        "warning", "encoding", "Escapes such as \\n or \\u00e9 written out", "decode the text once more"
    ),
    # --- length ---
    "too_long": Defect(
        "error", "length", "Row is longer than the limit", "split or shorten it, or raise --max-characters"
    ),
    "length_outlier": Defect(
        "warning", "length", "Far longer than the other rows", "look whether several rows were run together"
    ),
    "too_short": Defect("note", "length", "Completion far shorter than the others", "look whether the answer was lost"),
    "looks_cut_off": Defect(
        "warning",
        "length",
        "Completion breaks off in mid-sentence",
        "take the whole answer; raise the length limit of its source",
    ),
    # --- language ---
    "language_mix": Defect(
        "warning",
        "language",
        "Row in another language than the rest",
        "move it to a set of its own, or say that several are meant",
    ),
    "language_switch": Defect(
        "warning",
        "language",
        "Completion in another language than its prompt",
        "answer in the language of the question",
    ),
    # --- privacy ---
    "email_address": Defect("warning", "privacy", "E-mail address", "replace it by a placeholder of its kind"),
    "phone_number": Defect("warning", "privacy", "Phone number", "replace it by a placeholder of its kind"),
    "card_number": Defect(
        "error", "privacy", "Payment card number (valid checksum)", "delete it, and ask how it came here"
    ),
    "iban": Defect("error", "privacy", "IBAN (valid checksum)", "delete it, and ask how it came here"),
    "social_security_number": Defect(
        "error", "privacy", "US social security number", "delete it, and ask how it came here"
    ),
    "ip_address": Defect("note", "privacy", "Public IP address", "replace it by one from 192.0.2.0/24"),
    "secret": Defect("error", "privacy", "Secret: an access key, token or password", "revoke it now, then delete it"),
    # --- content ---
    "refusal": Defect(
        "warning", "content", "Completion refuses", "keep it only where refusing is what shall be learned"
    ),
    "assistant_boilerplate": Defect(
        "note", "content", "Phrase of another assistant", "delete the phrase; the model learns to write it"
    ),
    "unsafe_content": Defect(
        "warning", "content", "Unsafe content (word list: a floor)", "review these rows; keep them only in a safety set"
    ),
    "constant_completion": Defect(
        "warning",
        "content",
        "One completion makes up most of the set",
        "balance the set; a constant answer scores well here",
    ),
    "boilerplate": Defect(
        "note", "content", "Many completions share their opening or end", "vary or cut it, unless it is wanted"
    ),
    "repeated_row": Defect("warning", "repeats", "Row stands more than once", "keep one of them, before the split"),
    "template_made": Defect(
        "warning",
        "frames",
        "Most rows are made from templates",
        "collect other wordings; a split cannot keep such rows apart, unless --group names a column of the template",
    ),
    # --- labels ---
    "conflicting_labels": Defect(
        "error", "labels", "Same text, different labels", "decide on one label, or delete the rows"
    ),
    "label_spelling": Defect("error", "labels", "One label in several spellings", "use one spelling"),
    "rare_class": Defect(
        "warning", "labels", "Class with fewer than 5 rows", "collect more rows of it, or merge it into another"
    ),
    "class_imbalance": Defect(
        "note", "labels", "Classes are of very different size", "watch the small classes as slices; weight or add rows"
    ),
    "probable_label_error": Defect(
        "warning", "labels", "Label is probably wrong", "have a person look at these rows first"
    ),
    # --- targets ---
    "target_not_json": Defect("error", "targets", "Target is not JSON", "repair the JSON"),
    "target_breaks_schema": Defect(
        "error", "targets", "Target breaks its JSON Schema", "repair the target or the schema"
    ),
    "target_keys": Defect(
        "warning", "targets", "JSON target with other keys than the rest", "write the same keys in all targets"
    ),
    "sql_does_not_parse": Defect("error", "targets", "SQL target is not SQLite's SQL", "repair the query"),
    "sql_does_not_run": Defect(
        "error", "targets", "SQL target does not run on the database", "repair the query or the database"
    ),
    "ungrounded_answer": Defect(
        "note", "targets", "Answer shares no word with its contexts", "look whether the contexts belong to the question"
    ),
    "empty_contexts": Defect(
        "warning", "targets", "No context to answer from", "add the passages, or make it a row that must abstain"
    ),
    # --- preference pairs ---
    "same_sides": Defect("error", "pairs", "Chosen and rejected are the same", "delete the pair; it has no direction"),
    "near_same_sides": Defect(
        "warning",
        "pairs",
        "Chosen and rejected are nearly the same",
        "delete the pair, unless the small difference is the point",
    ),
    "reversed_pair": Defect(
        "error", "pairs", "The same pair stands both ways round", "decide which side is better, or delete both"
    ),
    "prompts_differ": Defect(
        "error", "pairs", "The two sides answer different prompts", "pair answers to the same prompt"
    ),
    "length_bias": Defect(
        "warning",
        "pairs",
        "The chosen side is nearly always the longer (or shorter) one",
        "balance lengths; a model learns length instead of quality",
    ),
    "thumb_imbalance": Defect(
        "warning",
        "pairs",
        "Far more of one thumb than of the other",
        "weight the rare side (KTO: 1:1 to 4:3 after weights)",
    ),
    # --- template and tokenizer ---
    "template_fails": Defect(
        "error", "template", "Chat template refuses the row", "bring the turns into the order that the template asks"
    ),
    "missing_eos": Defect(
        "error", "template", "No stop token after the completion", "add it to the template; the model would never stop"
    ),
    "stop_token_masked": Defect(
        "error",
        "template",
        "Stop token lies outside the loss",
        "let the loss cover it (generation block, or a pad token of its own)",
    ),
    "pad_is_stop_token": Defect(
        "warning",
        "template",
        "Padding token is the stop token",
        "give padding a token of its own; a collator that masks padding masks the stop",
    ),
    "template_drift": Defect(
        "error", "template", "Prompt in training differs from the prompt in serving", "use one template for both"
    ),
    "truncated": Defect(
        "error", "template", "Longer than the trainer keeps", "raise --max-length, shorten, or drop the row"
    ),
    "round_trip": Defect(
        "warning",
        "template",
        "Tokenizer cannot give the text back",
        "normalise these characters, or extend the tokenizer",
    ),
    "unknown_token": Defect(
        "warning", "template", "Characters the tokenizer does not know", "replace them, or extend the tokenizer"
    ),
    # --- the set as a whole ---
    "too_few_rows": Defect(
        "warning", "set", "Fewer rows than this goal needs", "collect more before a GPU hour is spent"
    ),
    "too_many_rows": Defect(
        "note", "set", "More rows than this goal needs", "spend the effort on quality before volume"
    ),
    "unlike_production": Defect(
        "warning",
        "set",
        "Does not look like production inputs",
        "sample prompts from production; synthetic sets miss its wording",
    ),
}
GROUPS: tuple[str, ...] = tuple(dict.fromkeys(defect.group for defect in CATALOGUE.values()))
