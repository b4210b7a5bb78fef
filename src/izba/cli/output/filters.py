"""`--filter name=value`, with Docker's rules: of a name that is given several times, any value will do."""

from __future__ import annotations

from izba.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping


class InvalidFilter(InvalidArgument):
    """A filter is no filter, or not one of this command."""


class BadFilter(InvalidFilter):
    """What was given is no filter at all; exits with 125 whatever the command, as Docker's does."""

    exit_code = 125


class Filters:
    """The filters of one command line. Raises `InvalidFilter` for a name that is not among `known`."""

    def __init__(self, given: Iterable[str], known: Collection[str]) -> None:
        self._values: dict[str, list[str]] = {}
        for text in given:
            if text:
                name, value = _parted(text)
                if name not in known:
                    raise _unknown(name, known)
                self._values.setdefault(name, []).append(value)

    def __bool__(self) -> bool:
        return bool(self._values)

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def all(self, name: str) -> tuple[str, ...]:
        """The values given for a name."""
        return tuple(self._values.get(name, ()))

    def exactly(self, name: str, value: str) -> bool:
        """Whether `value` is one of those asked for; any is, if none was asked for."""
        return name not in self._values or value in self._values[name]

    def begins(self, name: str, value: str) -> bool:
        """Whether `value` begins with one of those asked for, as ids do."""
        return name not in self._values or any(value.startswith(each) for each in self._values[name])

    def matches(self, name: str, value: str) -> bool:
        """Whether `value` is, or as a regular expression's subject holds, one of those asked for, as names do."""
        if name not in self._values or value in self._values[name]:
            return True
        import re

        for each in self._values[name]:
            try:
                if re.search(each, value):
                    return True
            except re.error:
                continue  # Docker takes what is no expression for a name
        return False

    def labels(self, labels: Mapping[str, str], *, name: str = "label") -> bool:
        """Whether `labels` have all of those asked for: `key`, or `key=value`."""
        for each in self._values.get(name, ()):
            key, equals, value = each.partition("=")
            if key not in labels or (equals and labels[key] != value):
                return False
        return True

    def flag(self, name: str) -> bool | None:
        """The truth asked for, None if it was not. Raises `InvalidFilter`."""
        values = {_truth(name, value) for value in self._values.get(name, ())}
        if len(values) > 1:
            raise InvalidFilter(f"invalid filter '{name}=[{' '.join(self._values[name])}]'")
        return values.pop() if values else None


def _parted(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise BadFilter("bad format of filter (expected name=value)", hint=f"write it as --filter {text}=…")
    return name.strip().lower(), value.strip()


def _unknown(name: str, known: Collection[str]) -> InvalidFilter:
    from izba.nearest import nearest

    meant = nearest(name, known)
    return InvalidFilter(
        f"invalid filter '{name}'",
        hint=f"did you mean {meant}?" if meant else f"the filters are {', '.join(sorted(known))}",
    )


def _truth(name: str, value: str) -> bool:
    if value.lower() in {"1", "t", "true"}:
        return True
    if value.lower() in {"0", "f", "false"}:
        return False
    raise InvalidFilter(f"invalid filter '{name}={value}'", hint="give it true or false")
