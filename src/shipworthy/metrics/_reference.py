"""docs/reference/metrics.md, generated from the metrics themselves."""

import json
from typing import Any

from shipworthy.metrics._catalogue import BUILT_IN, Description, describe

_HEAD = """# Metrics

Generated from the code by `shipworthy.metrics.reference()`; a test compares this page with it.

Name a kind under `metrics:` in the protocol (the key itself, or `metric: KIND` under a key of your own), give its
`dataset` and its `options`. *Interval* says which statistics judge it: `binary` Tango, `mean` cluster-robust t,
`corpus` and `rank` cluster bootstrap, `quantile` order statistics. An answer that errored or never came counts against
its model. A metric of your own is a few lines: see [your own metric](../guides/your-own-metric.md). What these give on
public data, beside the published numbers: [metric parity](metric-parity.md). Metrics that ask a model or run a process
stand in [judges](../guides/judges.md) and [sandbox](../guides/sandbox.md).

**References.** Metrics that compare texts read a text, a number, true or false, a list of these (any of them is right),
and SQuAD's `{text: [...], answer_start: [...]}`; an empty list asks for no answer. Metrics that compare labels read one
text, number, true or false. Anything else (null, null in a list, another object) is refused with file and line before a
model is asked; what JSON, tool-call, retrieval and assertion metrics read stands with them.

| kind | measures | unit | better | interval |
|---|---|---|---|---|
"""


def reference() -> str:
    """The reference page of every built-in metric, as Markdown."""
    known = [describe(kind) for kind in sorted(BUILT_IN)]
    rows = [f"| [{d.kind}](#{d.kind}) | {d.summary} | {d.unit} | {d.better} | {d.interval} |\n" for d in known]
    return _HEAD + "".join(rows) + "".join(_section(d) for d in known)


def _section(d: Description) -> str:
    needs = f" · needs {', '.join(d.requires)}" if d.requires else ""
    facts = f"Unit {d.unit}, {d.better} is better, interval `{d.interval}`, default margin {d.margin:g}"
    details = f"\n{d.details}\n" if d.details else ""
    head = f"\n## {d.kind}\n\n{d.summary}\n{details}"
    return f"{head}\n{facts} · version {d.version}{needs}.\n\nSource: {d.source}.\n{_options(d)}"


def _options(d: Description) -> str:
    if not d.options:
        return "\nNo options.\n"
    head = "\n| option | type | default | meaning |\n|---|---|---|---|\n"
    rows = [
        f"| `{o.name}` | {_cell(o.type)} | {_default(o.required, o.default)} | {_cell(o.meaning)} |\n"
        for o in d.options
    ]
    return head + "".join(rows)


def _default(required: bool, value: Any) -> str:  # noqa: FBT001  two columns of one table row
    return "required" if required else f"`{json.dumps(value, ensure_ascii=False)}`".replace("|", "\\|")


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
