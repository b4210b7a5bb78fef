"""The script for bash."""

from __future__ import annotations

from shlex import quote

from izba.cli.completion import model

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from izba.cli.options.flags import Flag

_SCRIPT = """\
# bash completion for izba. To use it in all shells:
#     izba completion bash >/etc/bash_completion.d/izba
# or in your own:
#     izba completion bash >~/.local/share/bash-completion/completions/izba

# What there is to know of the command $1: its flags, those that take a value, and what its arguments are.
__izba_command() {
    flags= valued= kind= names_one=
    case "$1" in
%(commands)s
    esac
}

# The words that may follow $1.
__izba_words() {
    case "$1" in
%(words)s
    esac
}

__izba_names() {
    case "$1" in
%(names)s
    esac
}

_izba() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
    local flags valued kind names_one path= word words after=0 skip= i
    COMPREPLY=()
    __izba_command ""
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if [[ $skip ]]; then
            skip=
        elif [[ " $valued " == *" $word "* ]]; then
            skip=1
        elif [[ $word == -* ]]; then
            :
        elif [[ " $(__izba_words "$path") " == *" $word "* ]]; then
            path=${path:+$path }$word
            __izba_command "$path"
        elif [[ $word != [:=] && ${COMP_WORDS[i-1]} != [:=] ]]; then
            after=$((after + 1))
        fi
    done
    if [[ $skip || ( $names_one && $after -gt 0 ) ]]; then
        compopt -o default 2>/dev/null
        return
    fi
    if [[ $current == -* ]]; then
        COMPREPLY=($(compgen -W "$flags" -- "$current"))
        return
    fi
    words=$(__izba_words "$path")
    if [[ $words ]]; then
        COMPREPLY=($(compgen -W "$words" -- "$current"))
        return
    fi
    if [[ $kind == file ]]; then
        compopt -o default 2>/dev/null
        return
    fi
    # Bash takes `name:tag` for three words; what is completed is the last one.
    if [[ $current == : ]]; then
        COMPREPLY=($(compgen -W "$(__izba_names "$kind")" -- "$previous:"))
        COMPREPLY=("${COMPREPLY[@]#"$previous:"}")
    elif [[ $previous == : ]]; then
        previous=${COMP_WORDS[COMP_CWORD-2]}
        COMPREPLY=($(compgen -W "$(__izba_names "$kind")" -- "$previous:$current"))
        COMPREPLY=("${COMPREPLY[@]#"$previous:"}")
    else
        COMPREPLY=($(compgen -W "$(__izba_names "$kind")" -- "$current"))
    fi
}

complete -F _izba izba
"""


def script() -> str:
    """What `izba completion bash` prints."""
    rows = [_row(("",), model.global_flags(), "", names_one=False)]
    rows += [_row(each.paths, each.flags, each.kind, names_one=each.names_one) for each in model.commands()]
    words = [_words("", model.top()), *(_words(group, known) for group, known in model.groups().items())]
    names = [f"        {kind}) {command} 2>/dev/null ;;" for kind, command in model.NAMES.items()]
    return _SCRIPT % {"commands": "\n".join(rows), "words": "\n".join(words), "names": "\n".join(names)}


def _row(paths: tuple[str, ...], flags: tuple[Flag, ...], kind: str, *, names_one: bool) -> str:
    patterns = " | ".join(quote(path) for path in paths)
    spelled = " ".join(spelling for flag in flags for spelling in model.spellings(flag))
    return (
        f"        {patterns})\n"
        f"            flags={quote(spelled)}\n"
        f"            valued={quote(' '.join(model.valued(flags)))}\n"
        f"            kind={kind} names_one={'1' if names_one else ''} ;;"
    )


def _words(path: str, words: Iterable[str]) -> str:
    return f"        {quote(path)}) echo {quote(' '.join(words))} ;;"
