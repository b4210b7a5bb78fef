"""Container and exec ids: 64 lowercase hexadecimal digits, shown as the first 12; and made-up names."""

from __future__ import annotations

import os

HEX = frozenset("0123456789abcdef")


def new_id() -> str:
    """A random id. Never all digits in its first 12, so that a short id is not taken for a number."""
    while True:
        candidate = os.urandom(32).hex()
        if not candidate[:12].isdigit():
            return candidate


def short(id: str) -> str:
    """The 12 digits people see."""
    return id.removeprefix("sha256:")[:12]


def is_id_prefix(text: str) -> bool:
    """Whether `text` can be the beginning of an id."""
    return 0 < len(text) <= 64 and HEX.issuperset(text)


_LEFT = (
    "able airy bold brave bright brisk calm candid clever cosy deft eager early fair fleet frank fresh gentle glad "
    "golden grand hardy hearty honest keen kind lively loyal lucid merry mighty mild modest neat nimble noble patient "
    "placid plucky proud quick quiet ready robust serene sharp sincere snug sober solid sound spry stable steady "
    "stout sturdy sunny swift tender thrifty tidy trusty upright vivid warm willing wise witty zesty"
).split()

# Carpenters, architects and engineers of houses and bridges.
_RIGHT = (
    "aalto ando baker barragan bazhenov bernini bofill bogardus borromini bramante breuer brunel brunelleschi "
    "calatrava candela cerda chernikhov eames eiffel fazlur ginzburg gropius hadid hagia horta imhotep isozaki "
    "kahn kazakov kulibin leonidov lubetkin maillart melnikov mies mimar montferrand neutra nervi niemeyer otto "
    "palladio paxton pei pereira piano postnik prouve quarenghi rastrelli rietveld roebling rossi rossiter saarinen "
    "sant scarpa schinkel shchusev shekhtel shukhov sinan starov sullivan tange tatlin telford utzon vauban vesnin "
    "vitruvius voronikhin wagner webb wren wright zakharov zumthor"
).split()


def new_name() -> str:
    """A name for a container that was given none, such as `sturdy_shukhov`."""
    number = int.from_bytes(os.urandom(4), "little")
    return f"{_LEFT[number % len(_LEFT)]}_{_RIGHT[number // len(_LEFT) % len(_RIGHT)]}"
