"""A process that parses answers by one grammar; whoever started it stops it when an answer takes too long.

Stand-alone: started as `python -I _grammar_worker.py SETTINGS`. Each line of standard input is a JSON text, answered by
one line: null where it parses, else where it does not.
"""

import json
import resource
import sys

import lark


def main() -> None:
    """Serve answers until standard input ends."""
    settings = json.loads(sys.argv[1])
    memory = settings["memory_mb"] << 20
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    parser = lark.Lark(settings["grammar"], parser=settings["parser"], start=settings["start"])
    sys.stdout.write('"ready"\n')
    sys.stdout.flush()
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_where_it_breaks(parser, json.loads(line))) + "\n")
        sys.stdout.flush()


def _where_it_breaks(parser: lark.Lark, text: str) -> str | None:
    try:
        parser.parse(text)
    except lark.UnexpectedInput as error:
        if error.line < 1 or (isinstance(error, lark.UnexpectedToken) and error.token.type == "$END"):
            return "it ends too early"
        return f"line {error.line} column {error.column}: {error.get_context(text, 20).splitlines()[0].strip()!r}"
    except lark.exceptions.LarkError as error:
        return str(error).partition("\n")[0]
    return None


if __name__ == "__main__":
    main()
