"""`shipworthy data seal FILE --budget N`: from now on at most N runs may look at these rows, and each look is written
into the ledger. The budget belongs to the rows, not to their file: a copy under another name is the same data."""

import argparse
import os
from datetime import UTC, datetime
from pathlib import Path

from shipworthy.errors import BadInput

HELP = "seal a test set: its digest, and how often it may be looked at"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="JSONL (also .gz, .zst), JSON, CSV or Parquet")
    parser.add_argument("--budget", type=int, required=True, metavar="N", help="how many runs may look at the rows")
    parser.add_argument("--name", metavar="NAME", help="what it is called in messages; default the file's name")


def run(args: argparse.Namespace) -> int:
    from shipworthy.cli.gate import user
    from shipworthy.data import versions
    from shipworthy.store.home import home
    from shipworthy.store.ledger import Ledger
    from shipworthy.store.seals import Seal, seal

    if args.budget < 1:
        raise BadInput(f"--budget {args.budget} allows no look; give 1 or more")
    found = versions.version(args.file)
    if not found.rows:
        raise BadInput("the file has no rows; nothing can be sealed", where=str(args.file))
    one = Seal(name=args.name or args.file.name, sha256=found.sha256, budget=args.budget, path=str(args.file))
    entry = seal(Ledger(home(os.environ, Path.cwd())), one, actor=user(), now=datetime.now(UTC))
    if args.json:
        import msgspec

        document = {**msgspec.to_builtins(one), "rows": found.rows, "ledger_entry": entry.index}
        print(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())
        return 0
    print(f"{one.name} is sealed: {found.rows} rows, sha256 {one.sha256}, budget {one.budget} looks")
    print("Name the file under `datasets:` of a protocol; each finished run is one look")
    print("Next: shipworthy validate")
    return 0
