"""Values as Go shows them. Documents are dicts, lists and scalars, as JSON has them."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class NoValue:
    """What a map has for a key that it has not; false, and shown as `<no value>`."""

    def __bool__(self) -> bool:
        return False


NO_VALUE = NoValue()


class NilMap(dict[str, object]):
    """A map that was never made: as one without keys, but in JSON."""


class NilList(list[object]):
    """A slice that was never made: as one without elements, but in JSON."""


NIL_MAP, NIL_LIST = NilMap(), NilList()


def go_string(value: object) -> str:
    """What `{{value}}` shows."""
    return "<no value>" if value is None or value is NO_VALUE else shown(value)


def shown(value: object) -> str:
    """Go's `%v`."""
    match value:
        case str():
            return value
        case None | NoValue():
            return "<nil>"
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return _float(value)
        case dict():
            pairs = (f"{shown(key)}:{shown(each)}" for key, each in sorted(value.items()))
            return f"map[{' '.join(pairs)}]"
        case list() | tuple():
            return f"[{' '.join(map(shown, value))}]"
        case _:
            as_json = getattr(value, "go_json", None)
            return shown(as_json()) if as_json else str(value)


def go_json(value: Any) -> str:
    """What `{{json value}}` shows: compact, the order of keys kept, nothing but what JSON asks for escaped."""
    value = None if isinstance(value, NilMap | NilList) else value
    return "".join(_encode(value, 0)).replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def type_name(value: object) -> str:
    """The type, as Go would call it in an error."""
    match value:
        case None | NoValue():
            return "nil"
        case bool():
            return "bool"
        case str():
            return "string"
        case int():
            return "int"
        case float():
            return "float64"
        case dict():
            return "map[string]interface {}"
        case list() | tuple():
            return "[]interface {}"
        case _:
            return str(getattr(value, "go_type", type(value).__name__))


def _float(value: float) -> str:
    text = repr(value)
    if "e" not in text and "n" not in text:
        return text.removesuffix(".0")
    mantissa, _, exponent = text.partition("e")
    if not exponent:
        return {"inf": "+Inf", "-inf": "-Inf", "nan": "NaN"}[text]
    if 0 <= int(exponent) < 21:
        return str(int(value))
    return f"{mantissa.removesuffix('.0')}e{exponent[0] if exponent[0] in '+-' else '+'}{abs(int(exponent)):02d}"


def _plain(value: object) -> object:
    if value is NO_VALUE:
        return None
    as_json = getattr(value, "go_json", None)
    return as_json() if as_json else str(value)


def _encoder() -> Any:
    from _json import encode_basestring, make_encoder

    return make_encoder(None, _plain, encode_basestring, None, ":", ",", False, False, True)


_encode = _encoder()
