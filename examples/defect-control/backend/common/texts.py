"""Kinds of text that people type, checked at the edge."""

import unicodedata
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

PROSE_CONTROLS = "\n\r\t"


def without_controls(value: str) -> str:
    """One line: no control characters, nothing that a database or a log could choke on."""
    return _checked(value, allowed="")


def prose(value: str) -> str:
    """Some paragraphs."""
    return _checked(value, allowed=PROSE_CONTROLS)


def _checked(value: str, allowed: str) -> str:
    if any(unicodedata.category(sign) in {"Cc", "Cs"} and sign not in allowed for sign in value):
        raise PydanticCustomError("control_characters", "control characters")
    return value


Line = Annotated[str, AfterValidator(without_controls)]
Prose = Annotated[str, AfterValidator(prose)]


class Body(BaseModel):
    """What a client sends: unknown fields are mistakes, spaces around words are not meant."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class Changes(Body):
    """What a PATCH sends: at least one field. `absent()` marks fields that may be left out but may not be null."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    @model_validator(mode="after")
    def something_is_given(self) -> Self:
        if not self.model_fields_set:
            raise PydanticCustomError("nothing_given", "nothing to change")
        return self

    def given(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.model_fields_set}


def absent(**limits: Any) -> Any:
    return Field(default_factory=lambda: None, **limits)
