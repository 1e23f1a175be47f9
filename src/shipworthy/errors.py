"""Every error Shipworthy raises on purpose.

```
ShipworthyError            the CLI prints it as one sentence and exits 2
├── BadInput               a file, a row or an option is not what it should be (carries where: file:line:column)
│   └── ProtocolError      the protocol file is wrong
├── UnknownName            a metric, backend or rule that nobody registered
├── MissingEvidence        a gate asks for something the run did not measure
├── BackendError           a model cannot be reached or loaded at all (one bad answer is a Response, not an error)
├── MissingExtra           a feature needs an optional package that is not installed
├── UnsupportedSystem      the operating system is neither Linux nor macOS
├── IntegrityError         a stored byte is not what was signed or hashed
└── Refused                a rule forbids the action (promoting a blocked candidate, looking past a budget)
```
One class per reaction of the caller. A message says what is wrong, where, and what to do.
"""


class ShipworthyError(Exception):
    """Base of every error raised on purpose; the CLI prints it and exits 2."""


class BadInput(ShipworthyError, ValueError):
    """Something the user gave is wrong; `where` is `file`, `file:line` or `file:line:column`."""

    def __init__(self, message: str, *, where: str | None = None) -> None:
        self.where = where
        super().__init__(f"{where}: {message}" if where else message)


class ProtocolError(BadInput):
    """The protocol is not valid."""


class UnknownName(ShipworthyError, LookupError):
    """Nothing is registered under this name; the message lists what is."""


class MissingEvidence(ShipworthyError, LookupError):
    """A gate asked for a metric, model or dataset that the run did not measure."""


class BackendError(ShipworthyError):
    """A model cannot be reached or loaded."""


class MissingExtra(ShipworthyError, ImportError):
    """A feature needs an optional package; the message names the extra to install."""


class UnsupportedSystem(ShipworthyError, ImportError):
    """The operating system lacks what Shipworthy stands on."""


UNSUPPORTED = (
    "this system lacks POSIX's locks and limits: Shipworthy runs on Linux and macOS; on Windows install and run it "
    "inside WSL"
)


class IntegrityError(ShipworthyError):
    """A stored file or record was changed after it was written."""


class Refused(ShipworthyError):
    """A rule forbids this; the message names the rule."""
