"""The script for fish."""

from __future__ import annotations

from izba.cli.completion import model

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.options.flags import Flag

_SCRIPT = """\
# fish completion for izba. To use it:
#     izba completion fish >~/.config/fish/completions/izba.fish

# The command that is being typed, `container ls`, and the number of arguments that it has so far.
function __izba_place
    set -l place ''
    set -l after 0
    set -l skip 0
    set -l valued %(global_valued)s
    for word in (commandline -opc)[2..]
        if test $skip = 1
            set skip 0
        else if contains -- $word $valued
            set skip 1
        else if string match -q -- '-*' $word
            continue
        else if contains -- $word (__izba_words $place)
            set place (string trim "$place $word")
            set valued (__izba_valued $place)
        else
            set after (math $after + 1)
        end
    end
    echo $place
    echo $after
end

function __izba_words
    switch "$argv"
%(words)s
    end
end

function __izba_valued
    switch "$argv"
%(valued)s
    end
end

function __izba_at
    set -l at (__izba_place)
    contains -- "$at[1]" $argv
end

function __izba_at_first
    set -l at (__izba_place)
    test "$at[2]" = 0; and contains -- "$at[1]" $argv
end

complete -c izba -f
%(rules)s
"""


def script() -> str:
    """What `izba completion fish` prints."""
    words = {"": model.top(), **model.groups()}
    commands = model.commands()
    rules = [
        f"complete -c izba -n {_quote(f'__izba_at {_quote(path)}')} -a {word} -d {_quote(summary)}"
        for path, known in words.items()
        for word, summary in known.items()
    ]
    rules += _flag_rules("__izba_at ''", model.global_flags())
    for each in commands:
        places = " ".join(_quote(path) for path in each.paths)
        rules += _flag_rules(f"__izba_at {places}", each.flags)
        if each.kind == "file":
            rules.append(f"complete -c izba -n {_quote(f'__izba_at {places}')} -F")
        elif each.kind:
            condition = f"{'__izba_at_first' if each.names_one else '__izba_at'} {places}"
            names = _quote(f"({model.NAMES[each.kind]} 2>/dev/null)")
            rules.append(f"complete -c izba -n {_quote(condition)} -a {names}")
    return _SCRIPT % {
        "global_valued": " ".join(model.valued(model.global_flags())),
        "words": "\n".join(_case((path,), list(known)) for path, known in words.items()),
        "valued": "\n".join(_case(each.paths, model.valued(each.flags)) for each in commands),
        "rules": "\n".join(rules),
    }


def _flag_rules(condition: str, flags: tuple[Flag, ...]) -> list[str]:
    rules = []
    for flag in flags:
        short = f" -s {flag.short}" if flag.short else ""
        # A flag's value may be a file; of most flags izba does not know what it may be.
        value = " -r -F" if flag.kind != "bool" else ""
        rules.append(f"complete -c izba -n {_quote(condition)} -l {flag.name}{short}{value} -d {_quote(flag.help)}")
    return rules


def _case(paths: tuple[str, ...], words: list[str]) -> str:
    patterns = " ".join(_quote(path) for path in paths)
    said = f"\n            printf '%s\\n' {' '.join(words)}" if words else ""
    return f"        case {patterns}{said}"


def _quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
