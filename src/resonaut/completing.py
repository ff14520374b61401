"""Completion of the command line, written from the parsers of all commands.

The scripts hold the words themselves, so that a key press starts no Python.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

SHELLS = ("bash", "zsh", "fish")
CONFIGURATIONS, STUDIES, FILES, NOTHING = "@configurations", "@studies", "@files", "@nothing"
"""What is completed where no fixed words are: study files, folders of results, files, nothing."""


@dataclass(frozen=True)
class Command:
    """A command with all that may follow it.

    Attributes:
        words: that lead to it: ("tag", "train"); none for `resonaut` itself.
        commands: name and help of each command below it.
        options: option -> what its value may be (words, or one of the marks above); empty for a flag.
        helps: option -> its help.
        positional: what positional arguments may be, those of all places together.
    """

    words: tuple[str, ...]
    commands: dict[str, str]
    options: dict[str, tuple[str, ...]]
    helps: dict[str, str]
    positional: tuple[str, ...]


def described(words: Sequence[str], parser: argparse.ArgumentParser) -> Iterator[Command]:
    """A parser as a command, and all parsers below it."""
    options: dict[str, tuple[str, ...]] = {}
    helps: dict[str, str] = {}
    commands: dict[str, str] = {}
    positional: list[str] = []
    below = []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            told = {choice.dest: choice.help or "" for choice in action._choices_actions}
            commands |= {name: told.get(name, "") for name in action.choices}
            below += [([*words, name], inner) for name, inner in action.choices.items()]
        elif action.option_strings:
            for option in action.option_strings:
                options[option] = () if action.nargs == 0 else _values(action, words)
                helps[option] = "" if action.help in (None, argparse.SUPPRESS) else str(action.help)
        else:
            positional += _values(action, words)
    yield Command(tuple(words), commands, options, helps, tuple(dict.fromkeys(positional)))
    for deeper, inner in below:
        yield from described(deeper, inner)


def _values(action: argparse.Action, words: Sequence[str]) -> tuple[str, ...]:
    """What the value of an argument may be."""
    if action.choices is not None:
        return tuple(map(str, action.choices))
    if action.dest in ("configfile", "configfiles") or (tuple(words), action.dest) == (("config",), "file"):
        return (CONFIGURATIONS,)
    if action.metavar == "STUDY" or action.dest == "study":
        return (STUDIES,)
    return (NOTHING,) if action.type in (int, float) else (FILES,)


def bash(commands: Sequence[Command]) -> str:
    """The script for bash (3.2 and later)."""
    return f"""# Completion of resonaut for bash: eval "$(resonaut completion bash)"
_resonaut_below() {{
    case "$1" in
{_cases((command.words, command.commands) for command in commands)}
    esac
}}
_resonaut_options() {{
    case "$1" in
{_cases((command.words, command.options) for command in commands)}
    esac
}}
_resonaut_values() {{
    case "$1" in
{_cases(_options(commands))}
    esac
}}
_resonaut_positional() {{
    case "$1" in
{_cases((command.words, command.positional) for command in commands)}
    esac
}}
{_BASH}"""


def _options(commands: Sequence[Command]) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """The words up to each option, and what its value may be."""
    for command in commands:
        for option, values in command.options.items():
            yield (*command.words, option), values


def _cases(entries: Iterator[tuple[tuple[str, ...], Sequence[str]]]) -> str:
    """Lines of a `case`: what follows the words of a key."""
    return "\n".join(
        f"        '{' '.join(words)}') echo '{' '.join(values)}' ;;"
        for words, values in entries
        if len(values)
    )


_BASH = """_resonaut_given() {
    local mark
    for mark in $1; do
        case "$mark" in
            @configurations) compgen -G "$2*.yaml"; compgen -G "config/$2*.yaml"; compgen -d -- "$2" ;;
            @studies) (cd results 2>/dev/null && compgen -d -X '_*' -- "$2") ;;
            @files) compgen -f -- "$2" ;;
            @nothing) ;;
            *) compgen -W "$mark" -- "$2" ;;
        esac
    done
}
_resonaut() {
    local current="${COMP_WORDS[COMP_CWORD]}" path="" below last="" values="" i word
    for ((i = 1; i < COMP_CWORD; i++)); do
        word="${COMP_WORDS[i]}"
        below=" $(_resonaut_below "$path") "
        if [[ "$word" == -* ]]; then
            last="$word"
        elif [[ "$below" == *" $word "* ]]; then
            path="${path:+$path }$word" last=""
        fi
    done
    [[ -n "$last" ]] && values="$(_resonaut_values "$path $last")"
    local found
    if [[ "$current" == -* ]]; then
        found="$(compgen -W "$(_resonaut_options "$path")" -- "$current")"
    elif [[ -n "$values" ]]; then
        found="$(_resonaut_given "$values" "$current")"
    else
        found="$(compgen -W "$(_resonaut_below "$path")" -- "$current")
$(_resonaut_given "$(_resonaut_positional "$path")" "$current")"
    fi
    local IFS=$'\\n'
    COMPREPLY=($(printf '%s\\n' "$found" | sort -u))
    compopt -o filenames 2>/dev/null
}
complete -F _resonaut resonaut
"""


def zsh(commands: Sequence[Command]) -> str:
    """The script for zsh: that of bash, by zsh's own emulation."""
    text = bash(commands).replace(
        '# Completion of resonaut for bash: eval "$(resonaut completion bash)"',
        '# Completion of resonaut for zsh: eval "$(resonaut completion zsh)"\n'
        "autoload -U +X compinit && compinit\nautoload -U +X bashcompinit && bashcompinit",
    )
    # Words are split in zsh only where it is asked to.
    return text.replace("_resonaut() {\n", "_resonaut() {\n    setopt localoptions shwordsplit 2>/dev/null\n")


def fish(commands: Sequence[Command]) -> str:
    """The script for fish: one line per word."""
    names = {command.words[0] for command in commands if command.words}
    lines = [
        "# Completion of resonaut for fish: resonaut completion fish | source",
        "complete -c resonaut -f",
    ]
    given = {
        CONFIGURATIONS: "(ls config/*.yaml *.yaml 2>/dev/null)",
        STUDIES: "(ls results 2>/dev/null)",
        NOTHING: "",
    }
    for command in commands:
        seen = [f"__fish_seen_subcommand_from {word}" for word in command.words]
        deeper = " ".join(sorted(command.commands or names if not command.words else command.commands))
        if deeper:
            seen.append(f"not __fish_seen_subcommand_from {deeper}")
        condition = f" -n '{'; and '.join(seen)}'" if seen else ""
        lines += [
            f"complete -c resonaut{condition} -a {name} -d {_quoted(text)}"
            for name, text in command.commands.items()
        ]
        for option, values in command.options.items():
            flag = f"-l {option[2:]}" if option.startswith("--") else f"-s {option[1:]}"
            words = " ".join(given.get(value, value) for value in values)
            taken = "" if not values else " -r -F" if values == (FILES,) else f" -x -a {_quoted(words)}"
            lines.append(f"complete -c resonaut{condition} {flag}{taken} -d {_quoted(command.helps[option])}")
        if FILES in command.positional:
            lines.append(f"complete -c resonaut{condition} -F")
        elif command.positional:
            words = " ".join(given.get(value, value) for value in command.positional)
            lines.append(f"complete -c resonaut{condition} -a {_quoted(words)}")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """A word of fish in single quotes."""
    return "'" + " ".join(text.split()).replace("\\", "\\\\").replace("'", "\\'") + "'"


def script(shell: str, commands: Sequence[Command]) -> str:
    """The script of a shell, one of `SHELLS`."""
    return {"bash": bash, "zsh": zsh, "fish": fish}[shell](commands)
