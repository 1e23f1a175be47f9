"""A promptfoo configuration without outputs: providers become endpoints, tests rows, assertions a metric.

What Shipworthy has no likeness of (scripts, graders by a model, filters in templates, files elsewhere) is listed, not
imitated.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shipworthy.cli._from import Asked, Taken, head, key, lines, pair, scalar
from shipworthy.data import _files
from shipworthy.errors import BadInput

_VARIABLE = re.compile(r"\{\{\s*([A-Za-z_]\w*)\s*\}\}")
_PROVIDERS: Mapping[str, tuple[str, str | None]] = {
    "openai": ("https://api.openai.com/v1", "OPENAI_API_KEY"),
    "openrouter": ("https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"),
    "groq": ("https://api.groq.com/openai/v1", "GROQ_API_KEY"),
    "mistral": ("https://api.mistral.ai/v1", "MISTRAL_API_KEY"),
    "deepseek": ("https://api.deepseek.com/v1", "DEEPSEEK_API_KEY"),
    "togetherai": ("https://api.together.xyz/v1", "TOGETHER_API_KEY"),
    "ollama": ("http://127.0.0.1:11434/v1", None),
}
"""Providers with an OpenAI-compatible endpoint: its root, and where promptfoo looks for the key."""
_SAMPLING = ("temperature", "max_tokens", "top_p", "stop", "seed", "presence_penalty", "frequency_penalty")


def is_configuration(path: Path) -> bool:
    """A YAML file with `providers` (or `targets`) and `prompts` at its top."""
    if not path.is_file():
        return False
    start = _files.head(path)
    names = set(re.findall(rb"^(providers|targets|prompts):", start, re.MULTILINE))
    return b"prompts" in names and len(names) > 1


@dataclass(slots=True)
class _Seen:
    """What could not be carried over, with counts."""

    left: Counter[str] = field(default_factory=Counter)

    def told(self) -> tuple[str, ...]:
        return tuple(what if count == 1 else f"{what} ({count} times)" for what, count in self.left.items())


def take(asked: Asked) -> Taken:
    """Raises: BadInput: no provider, prompt or test could be carried over, or who would ship is not clear."""
    path, seen = asked.paths[0], _Seen()
    configuration = _yaml(path)
    models = dict(_models(configuration.get("providers") or configuration.get("targets"), seen))
    if not models:
        raise BadInput(f"none of its providers has an OpenAI-compatible endpoint ({_said(seen)})", where=str(path))
    prompt, system = _prompt(configuration.get("prompts"), seen)
    rows = list(_rows(configuration, seen))
    if not rows:
        raise BadInput(f"none of its tests could be carried over ({_said(seen)})", where=str(path))
    missing = {name for name in _columns(prompt) if any(name not in row for row in rows)}
    if missing:
        raise BadInput(f"its prompt asks for {', '.join(sorted(missing))}, which some tests lack", where=str(path))
    if len(models) > 1:
        candidate, baseline, guess = pair(list(models), asked)
    else:
        candidate, baseline, guess = next(iter(models)), None, "the only provider is the candidate, so a limit gates it"
    seen.left.update(
        f"provider {name!r}: neither candidate nor baseline" for name in models if name not in (candidate, baseline)
    )
    guesses = [*filter(None, [guess]), "an answer is right when all its assertions hold", "the margin, or the limit"]
    keys = sorted({str(one["api_key_env"]) for one in models.values() if "api_key_env" in one})
    taken = Taken(
        files={},
        taken=(
            f"promptfoo configuration {path.name}: {len(rows)} tests, one prompt",
            f"keys are read from the environment: {', '.join(keys) or 'none needed'}",
        ),
        guessed=tuple(guesses),
        left=seen.told(),
    )
    chosen = {name: models[name] for name in (candidate, baseline) if name is not None}
    text = head(asked, taken) + _protocol(chosen, candidate, baseline, (prompt, system))
    files = {"shipworthy.yaml": text, "data/tests.jsonl": lines(rows)}
    return Taken(files=files, taken=taken.taken, guessed=taken.guessed, left=taken.left)


def _yaml(path: Path) -> Mapping[str, Any]:
    import yaml

    try:
        found = yaml.safe_load(_files.text(path))
    except (yaml.YAMLError, RecursionError) as error:
        raise BadInput(f"this is not YAML ({str(error).splitlines()[0]})", where=str(path)) from None
    return found if isinstance(found, Mapping) else {}


def _said(seen: _Seen) -> str:
    return "; ".join(seen.told()) or "there are none"


# --- providers -------------------------------------------------------------------------------------------------------


def _models(given: Any, seen: _Seen) -> Iterable[tuple[str, dict[str, Any]]]:
    for one in given if isinstance(given, list) else [given]:
        if isinstance(one, Mapping) and "id" not in one and len(one) == 1:
            name, options = next(iter(one.items()))
            one = {"id": name, **(options if isinstance(options, Mapping) else {})}
        described: Mapping[str, Any] = one if isinstance(one, Mapping) else {"id": one}
        provider = str(described.get("id"))
        made = _endpoint(provider, described.get("config") or {}, seen)
        if made is None:
            seen.left[f"provider {provider!r}: it has no OpenAI-compatible endpoint that is known"] += 1
        else:
            yield str(described.get("label") or provider), made


def _endpoint(provider: str, options: Mapping[str, Any], seen: _Seen) -> dict[str, Any] | None:
    kind, _, rest = provider.partition(":")
    base = options.get("apiBaseUrl") or (f"https://{options['apiHost']}/v1" if options.get("apiHost") else None)
    if kind not in _PROVIDERS or not rest or rest.startswith(("embedding", "image", "moderation", "realtime")):
        return None
    root, variable = _PROVIDERS[kind]
    model = rest.removeprefix("chat:").removeprefix("responses:")
    if rest.startswith(("completion:", "assistant:")):
        return None
    made: dict[str, Any] = {"backend": "openai", "base_url": base or root, "model": model}
    if named := options.get("apiKeyEnvar") or variable:
        made["api_key_env"] = str(named)
    made["sampling"] = {name: options[name] for name in _SAMPLING if name in options}
    known = {*_SAMPLING, "apiBaseUrl", "apiHost", "apiKeyEnvar"}
    for name in options:
        if name not in known:
            seen.left[f"option {name!r} of provider {provider!r}"] += 1
    return made


# --- prompts ---------------------------------------------------------------------------------------------------------


def _prompt(given: Any, seen: _Seen) -> tuple[str, str | None]:
    """The first prompt that is text, and the system turn before it. Raises: BadInput: there is none."""
    found: tuple[str, str | None] | None = None
    for one in given if isinstance(given, list) else [given]:
        text = one.get("raw") if isinstance(one, Mapping) else one
        if not isinstance(text, str) or text.startswith("file://") or re.search(r"\.(txt|json|js|py|ya?ml|csv)$", text):
            seen.left[f"prompt {str(text)[:60]!r}: it stands in a file or in code"] += 1
        elif "{%" in text or len(_VARIABLE.findall(text)) != text.count("{{") or text.lstrip().startswith("["):
            seen.left[f"prompt {text[:60]!r}: it is more than text with variables"] += 1
        elif found is not None:
            seen.left[f"prompt {text[:60]!r}: one protocol asks with one prompt"] += 1
        else:
            found = (text, None)
    if found is None:
        raise BadInput(f"none of its prompts could be carried over ({_said(seen)})")
    return found


def _columns(prompt: str) -> list[str]:
    return _VARIABLE.findall(prompt)


def _template(prompt: str) -> str:
    """promptfoo's {{name}} -> {name}; other braces are doubled."""
    parts = _VARIABLE.split(prompt)
    return "".join(
        "{" + part + "}" if at % 2 else part.replace("{", "{{").replace("}", "}}") for at, part in enumerate(parts)
    )


# --- tests -----------------------------------------------------------------------------------------------------------


def _rows(configuration: Mapping[str, Any], seen: _Seen) -> Iterable[dict[str, Any]]:
    tests, shared = configuration.get("tests"), configuration.get("defaultTest") or {}
    if not isinstance(tests, list) or not isinstance(shared, Mapping):
        seen.left["tests or a default test that stand in a file or in code"] += 1
        return
    for at, test in enumerate(tests, start=1):
        if not isinstance(test, Mapping):
            seen.left[f"test {at}: it stands in a file"] += 1
            continue
        variables = {**(shared.get("vars") or {}), **(test.get("vars") or {})}
        if any(isinstance(value, list) or str(value).startswith("file://") for value in variables.values()):
            seen.left[f"test {at}: a variable is a list or a file"] += 1
            continue
        asserted = _asserted([*(shared.get("assert") or ()), *(test.get("assert") or ())], variables, seen)
        if asserted:
            yield {
                **variables,
                "id": str(at),
                "input": " ".join(map(str, variables.values())) or str(at),
                "assert": asserted,
            }
        else:
            seen.left["tests without an assertion that could be carried over"] += 1


def _folded(text: str) -> str:
    return f"(?i){re.escape(text)}"


_LIKE: Mapping[str, tuple[str, Callable[[str], str]]] = {
    "contains": ("contains", str),
    "not-contains": ("not_contains", str),
    "icontains": ("regex", _folded),
    "not-icontains": ("not_regex", _folded),
    "regex": ("regex", str),
    "not-regex": ("not_regex", str),
}
_ALL = {"contains-all": "contains", "icontains-all": "icontains"}


def _asserted(given: Iterable[Any], variables: Mapping[str, Any], seen: _Seen) -> dict[str, Any]:
    """Assertions as the metric `assertions` reads them."""
    made: dict[str, Any] = {}
    for one in given:
        kind, value = (
            (one.get("type"), _filled(one.get("value"), variables)) if isinstance(one, Mapping) else (None, None)
        )
        if kind in _ALL and isinstance(value, list):
            for part in value:
                field_, form = _LIKE[_ALL[str(kind)]]
                made.setdefault(field_, []).append(form(part))
        elif kind in _LIKE and isinstance(value, str):
            field_, form = _LIKE[str(kind)]
            made.setdefault(field_, []).append(form(value))
        elif kind in ("equals", "starts-with") and isinstance(value, str) and kind.replace("-", "_") not in made:
            made["starts_with" if kind == "starts-with" else "equals"] = value
        elif kind == "contains-any" and isinstance(value, list) and "contains_any" not in made:
            made["contains_any"] = value
        elif kind == "is-json" and value is None:
            made["is_json"] = True
        else:
            seen.left[f"assertion {kind!r}"] += 1
    return made


def _filled(value: Any, variables: Mapping[str, Any]) -> Any:
    """Texts with the test's variables in them; None where a file or code is named."""
    if isinstance(value, list):
        filled = [_filled(one, variables) for one in value]
        return None if any(not isinstance(one, str) for one in filled) else filled
    if isinstance(value, bool) or value is None or isinstance(value, Mapping):
        return value
    text = _VARIABLE.sub(lambda found: str(variables.get(found[1], found[0])), str(value))
    return None if text.startswith("file://") or "{{" in text else text


# --- protocol --------------------------------------------------------------------------------------------------------


def _protocol(
    models: Mapping[str, Mapping[str, Any]], candidate: str, baseline: str | None, prompt: tuple[str, str | None]
) -> str:
    names: dict[str, str] = {}
    for name in models:
        names[name] = key(name, names.values())
    text = [
        "",
        "datasets:",
        "  tests:",
        "    path: data/tests.jsonl",
        "    role: golden",
        "    reference: null",
        "    prompt: asked",
    ]
    text += ["", "prompts:", "  asked:", f"    template: {scalar(_template(prompt[0]))}", "", "models:"]
    for name, spec in models.items():
        text += [f"  {scalar(names[name])}:", f"    role: {'candidate' if name == candidate else 'production'}"]
        text += [f"    {field_}: {scalar(value)}" for field_, value in spec.items() if value]
    text += [
        "",
        "metrics:",
        "  assertions: {dataset: tests}     # all assertions of a row hold, or the answer is wrong",
    ]
    text += ["", "gates:", "  - metric: assertions"]
    if baseline is None:
        text += ["    at_least: 0.9                  # no baseline: a limit on the candidate alone"]
    else:
        text += [
            f"    baseline: {scalar(names[baseline])}",
            "    margin: 0.02                   # may lose at most this much",
        ]
    return "\n".join([*text, ""])
