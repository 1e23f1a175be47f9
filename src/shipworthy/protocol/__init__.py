"""The protocol: one YAML file that says what is measured, on which data, against whom, and by which gates.

`parse` gives a `Source`: the protocol with the place of everything in it. `load` gives the protocol alone. Pure: text
comes in as an argument, `decode` turns a file's bytes into it.
"""

from shipworthy.protocol._source import Source, decode, digest, load, parse
from shipworthy.protocol._writing import reference, schema
from shipworthy.protocol.types import Protocol

__all__ = ["Protocol", "Source", "decode", "digest", "load", "parse", "reference", "schema"]
