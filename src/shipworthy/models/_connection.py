"""How an endpoint is reached besides its address: headers, query, certificates. Secrets come from the environment."""

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from shipworthy.errors import BadInput
from shipworthy.records import Record

_SECRET_NAME = re.compile(r"auth|key|token|secret|passw|cookie|credential|^sig$|signature|^code$", re.IGNORECASE)
_SECRET_VALUE = re.compile(r"^(Bearer|Basic)\s|^(sk|pk|hf|gsk|xai|ghp|glpat)[-_]", re.IGNORECASE)
_OURS = ("accept", "content-length", "content-type", "host", "transfer-encoding")
HIDDEN = "***"


class FromEnvironment(Record):
    """A value that an environment variable holds: `{env: NAME}`."""

    env: str


Values = Mapping[str, str | FromEnvironment]


@dataclass(frozen=True, slots=True)
class Sent:
    """Names and values as they are sent; `secrets` may be written nowhere; `named` is what the identity says."""

    values: dict[str, str]
    secrets: tuple[str, ...]
    named: dict[str, str]


def sent(name: str, option: str, given: Values, environ: Mapping[str, str]) -> Sent:
    """The headers or the query (`option`) of model `name`.

    Raises: BadInput: a secret is written out, a variable is not set, or a value cannot be sent.
    """
    values: dict[str, str] = {}
    secrets = []
    for key, value in given.items():
        where = f"model {name!r}: options.{option}.{key}"
        if isinstance(value, str):
            if _SECRET_NAME.search(key) or _SECRET_VALUE.search(value):
                raise BadInput(
                    f"{where} looks like a secret, which no protocol may hold; put it into an environment variable and "
                    f"write {key}: {{env: NAME}}"
                )
            values[key] = value
        else:
            values[key] = environ.get(value.env, "").strip()
            secrets.append(values[key])
            if not values[key]:
                raise BadInput(f"{where}: the variable {value.env} is not set; export the value under this name")
        if option == "headers":
            _refuse_header(where, key, values[key])
    named = {key: value if isinstance(value, str) else f"env {value.env}" for key, value in given.items()}
    identity = {option: msgspec.json.encode(named, order="sorted").decode()} if named else {}
    return Sent(values, tuple(secrets), identity)


def _refuse_header(where: str, key: str, value: str) -> None:
    if key.lower() in _OURS:
        raise BadInput(f"{where}: Shipworthy sets this header; remove it there")
    if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", key) or not value.isascii() or not value.isprintable():
        raise BadInput(f"{where} holds characters that no HTTP header may carry")


def hidden(text: str, secrets: tuple[str, ...]) -> str:
    """The text without the secrets that a server may have quoted in it."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text


def certificates(environ: Mapping[str, str]) -> ssl.SSLContext | None:
    """The authorities that the system trusts and those in SSL_CERT_FILE; None: the variable is not set.

    Raises: BadInput: the file holds no certificates.
    """
    path = environ.get("SSL_CERT_FILE")
    if not path:
        return None
    context = ssl.create_default_context()
    try:
        context.load_verify_locations(cafile=path)
    except (OSError, ssl.SSLError) as error:
        why = "no certificates" if isinstance(error, ssl.SSLError) else (error.strerror or str(error)).lower()
        raise BadInput(f"SSL_CERT_FILE cannot be read ({why}); give a PEM file of certificates", where=path) from error
    return context
