"""What only POSIX systems have: locks on files, limits on processes. Elsewhere the import says what to do instead."""

from shipworthy.errors import UNSUPPORTED, UnsupportedSystem

try:
    import fcntl
    import resource
except ModuleNotFoundError:
    raise UnsupportedSystem(UNSUPPORTED) from None

__all__ = ["fcntl", "resource"]
