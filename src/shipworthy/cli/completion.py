"""Print what bash, zsh or fish needs to complete every command, action, option and choice.

bash: `source <(shipworthy completion bash)` in ~/.bashrc
zsh:  `source <(shipworthy completion zsh)` in ~/.zshrc, after `compinit`
fish: `shipworthy completion fish > ~/.config/fish/completions/shipworthy.fish`
"""

import argparse
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shipworthy.cli._tree import Node

HELP = "print what a shell needs to complete commands and options"
SHELLS = ("bash", "zsh", "fish")


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=SHELLS, help="the shell that will read it")


def run(args: argparse.Namespace) -> int:
    from shipworthy.cli._tree import nodes

    found = list(nodes())
    text = {"bash": _bash, "zsh": _zsh, "fish": _fish}[args.shell](found)
    print(json.dumps({"shell": args.shell, "script": text}) if args.json else text)
    return 0


def _flags(node: "Node") -> list[str]:
    return [flag for option in node.options for flag in option.option_strings if flag.startswith("--")]


def _choices(node: "Node") -> dict[str, list[str]]:
    """What may follow an option, or stand alone (key: empty), where that is a fixed set of words."""
    return {
        flag: [str(one) for one in option.choices]
        for option in node.options
        if option.choices
        for flag in (option.option_strings or [""])
    }


def _valued(node: "Node") -> list[str]:
    return [flag for option in node.options if option.nargs != 0 for flag in option.option_strings]


def _cases(nodes: "Iterable[Node]") -> str:
    """A `case` of POSIX shells: at each path the words that may come next, and what may follow an option."""
    lines = []
    for node in nodes:
        path, words = " ".join(node.words), [*(action.words[-1] for action in node.actions), *_flags(node)]
        alone = _choices(node).get("", [])
        lines += [
            f'    "{path} {flag}") words="{" ".join(some)}"; return ;;' for flag, some in _choices(node).items() if flag
        ]
        lines += [f'    "{path} {flag}") words=""; return ;;' for flag in _valued(node) if flag not in _choices(node)]
        lines.append(f'    "{path} ") words="{" ".join([*alone, *words])}" ;;')
    return "\n".join(lines)


def _script(nodes: "list[Node]") -> str:
    """What bash and zsh share: `_shipworthy_words WORD…` sets `words` from the words before the one that is typed."""
    first = " ".join(node.words[0] for node in nodes if len(node.words) == 1)
    pairs = " ".join(f'"{" ".join(node.words)}"' for node in nodes if len(node.words) > 1)
    return f"""_shipworthy_words() {{
  local route="" last="" word pair
  for word in "$@"; do
    last="$word"
    case "$word" in -*) continue ;; esac
    if [ -z "$route" ]; then route="$word"; continue; fi
    for pair in {pairs}; do
      if [ "$pair" = "$route $word" ]; then route="$pair"; break; fi
    done
  done
  if [ -z "$route" ]; then words="{first} --help --version"; return; fi
  case "$last" in -*) ;; *) last="" ;; esac
  _shipworthy_case "$route $last"
  if [ -z "$words" ] && [ -n "$last" ] && [ "$known" = no ]; then _shipworthy_case "$route "; fi
}}
_shipworthy_case() {{
  known=yes; words=""
  case "$1" in
{_cases(nodes)}
    *) known=no ;;
  esac
}}
"""


def _bash(nodes: "list[Node]") -> str:
    return f"""# Completion of shipworthy for bash; made by `shipworthy completion bash`.
{_script(nodes)}_shipworthy() {{
  local words="" known=no
  _shipworthy_words "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"
  COMPREPLY=($(compgen -W "$words" -- "${{COMP_WORDS[COMP_CWORD]}}"))
}}
complete -o default -o bashdefault -F _shipworthy shipworthy"""


def _zsh(nodes: "list[Node]") -> str:
    return f"""#compdef shipworthy
# Completion of shipworthy for zsh; made by `shipworthy completion zsh`.
{_script(nodes)}_shipworthy() {{
  local typed=("${{(@)words[2,CURRENT-1]}}")
  local words="" known=no
  _shipworthy_words "${{typed[@]}}"
  compadd -- ${{=words}}
  _files
}}
compdef _shipworthy shipworthy"""


def _fish(nodes: "list[Node]") -> str:
    lines = ["# Completion of shipworthy for fish; made by `shipworthy completion fish`."]
    for node in nodes:
        if len(node.words) == 1:
            lines.append(_fish_word("__fish_use_subcommand", node))
        seen = " ; and ".join(f"__fish_seen_subcommand_from {word}" for word in node.words)
        others = " ".join(action.words[-1] for action in node.actions)
        if others:
            told = f"{seen} ; and not __fish_seen_subcommand_from {others}"
            lines += [_fish_word(_quoted(told), action) for action in node.actions]
        lines += [_fish_option(option, seen) for option in node.options]
    return "\n".join(filter(None, lines))


def _fish_word(condition: str, node: "Node") -> str:
    return f"complete -c shipworthy -n {condition} -f -a {node.words[-1]} -d {_quoted(node.help)}"


def _fish_option(option: argparse.Action, seen: str) -> str:
    words = f" -a {_quoted(' '.join(map(str, option.choices)))}" if option.choices else ""
    told = _quoted((option.help or "").replace("%%", "%"))
    flags = "".join(f" -l {f[2:]}" if f.startswith("--") else f" -s {f[1:]}" for f in option.option_strings)
    if not flags:
        return f"complete -c shipworthy -n {_quoted(seen)}{words} -d {told}" if words else ""
    takes = " -x" if words else " -r" if option.nargs != 0 else ""
    return f"complete -c shipworthy -n {_quoted(seen)}{flags}{takes}{words} -d {told}"


def _quoted(text: str) -> str:
    """A word of fish: within single quotes only backslash and the quote itself are special."""
    return "'" + " ".join(text.split()).replace("\\", "\\\\").replace("'", "\\'") + "'"
