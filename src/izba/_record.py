"""Frozen, slotted, keyword-only records that cost nothing to import."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, ClassVar, Self, dataclass_transform
else:

    def dataclass_transform(**_):
        return lambda cls: cls


@dataclass_transform(frozen_default=True, kw_only_default=True)
class RecordType(type):
    """Reads a class body's annotations as its fields; a field may have a default."""

    def __new__(cls, name: str, bases: tuple[type, ...], body: dict[str, Any]) -> RecordType:
        own = tuple(body.get("__annotations__", {}))
        defaults = {field: body.pop(field) for field in own if field in body}
        parent = bases[0] if bases else None
        body["__slots__"] = own
        body["__fields__"] = (*getattr(parent, "__fields__", ()), *own)
        body["__defaults__"] = getattr(parent, "__defaults__", {}) | defaults
        return super().__new__(cls, name, bases, body)


class Record(metaclass=RecordType):
    if TYPE_CHECKING:
        __fields__: ClassVar[tuple[str, ...]]
        __defaults__: ClassVar[dict[str, Any]]
    else:

        def __init__(self, **values):
            values = self.__defaults__ | values
            if values.keys() != set(self.__fields__):
                raise TypeError(f"{type(self).__name__}({', '.join(self.__fields__)}): got {', '.join(values)}")
            for field, value in values.items():
                object.__setattr__(self, field, value)

        def __setattr__(self, name, value):
            raise AttributeError(f"{type(self).__name__} is frozen: cannot set {name!r}")

    def replace(self, **changes: Any) -> Self:
        return type(self)(**{field: getattr(self, field) for field in self.__fields__} | changes)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and all(
            getattr(self, field) == getattr(other, field) for field in self.__fields__
        )

    def __hash__(self) -> int:
        return hash((type(self), *(getattr(self, field) for field in self.__fields__)))

    def __repr__(self) -> str:
        fields = ", ".join(f"{field}={getattr(self, field)!r}" for field in self.__fields__)
        return f"{type(self).__name__}({fields})"
