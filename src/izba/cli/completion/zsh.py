"""The script for zsh."""

from __future__ import annotations

from shlex import quote

from izba.cli.completion import model

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from izba.cli.options.flags import Flag

_SCRIPT = """\
#compdef izba
# zsh completion for izba. To use it, put it into a directory of $fpath:
#     izba completion zsh >"${fpath[1]}/_izba"

# What there is to know of the command $1: its flags, those that take a value, and what its arguments are.
__izba_command() {
    flags=() valued=() kind= names_one=
    case "$1" in
%(commands)s
    esac
}

# The words that may follow $1.
__izba_words() {
    known=()
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
    local current=${words[CURRENT]} place= word kind names_one skip=
    local -a flags valued known names
    local -i i after=0
    __izba_command ""
    __izba_words ""
    for ((i = 2; i < CURRENT; i++)); do
        word=${words[i]}
        if [[ -n $skip ]]; then
            skip=
        elif ((${valued[(Ie)$word]})); then
            skip=1
        elif [[ $word == -* ]]; then
            :
        elif ((${known[(I)${(b)word}:*]})); then
            place=${place:+$place }$word
            __izba_command "$place"
            __izba_words "$place"
        else
            after+=1
        fi
    done
    if [[ -n $skip ]] || { [[ -n $names_one ]] && ((after)) }; then
        _files
    elif [[ $current == -* ]]; then
        _describe -o flag flags
    elif ((${#known})); then
        _describe command known
    elif [[ $kind == file ]]; then
        _files
    else
        names=(${(f)"$(__izba_names "$kind")"})
        compadd -a names
    fi
}

if [[ ${funcstack[1]} == _izba ]]; then
    _izba "$@"
else
    compdef _izba izba
fi
"""


def script() -> str:
    """What `izba completion zsh` prints."""
    rows = [_row(("",), model.global_flags(), "", names_one=False)]
    rows += [_row(each.paths, each.flags, each.kind, names_one=each.names_one) for each in model.commands()]
    words = [_words("", model.top()), *(_words(group, known) for group, known in model.groups().items())]
    names = [f"        {kind}) {command} 2>/dev/null ;;" for kind, command in model.NAMES.items()]
    return _SCRIPT % {"commands": "\n".join(rows), "words": "\n".join(words), "names": "\n".join(names)}


def _row(paths: tuple[str, ...], flags: tuple[Flag, ...], kind: str, *, names_one: bool) -> str:
    patterns = " | ".join(quote(path) for path in paths)
    described = " ".join(_described(spelling, flag.help) for flag in flags for spelling in model.spellings(flag))
    return (
        f"        {patterns})\n"
        f"            flags=({described})\n"
        f"            valued=({' '.join(model.valued(flags))})\n"
        f"            kind={kind} names_one={'1' if names_one else ''} ;;"
    )


def _words(path: str, words: Mapping[str, str]) -> str:
    described = " ".join(_described(word, summary) for word, summary in words.items())
    return f"        {quote(path)}) known=({described}) ;;"


def _described(word: str, summary: str) -> str:
    return quote(f"{word}:{summary}".replace("\\", "\\\\") if summary else f"{word}: ")
