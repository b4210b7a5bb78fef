"""The request that this code works for: its id, in every log line, and the language of its people."""

from contextvars import ContextVar

request_id: ContextVar[str] = ContextVar("request_id", default="-")
language: ContextVar[str] = ContextVar("language", default="ru")

LANGUAGES = ("ru", "en")


def preferred_language(header: str) -> str:
    """The best of `Accept-Language` that we speak; Russian when there is none."""
    best, weight = "ru", 0.0
    for part in header.split(","):
        tag, _, parameter = part.strip().partition(";")
        name = tag.strip().lower().split("-")[0]
        try:
            quality = float(parameter.strip().removeprefix("q=")) if parameter else 1.0
        except ValueError:
            continue
        if name in LANGUAGES and quality > weight:
            best, weight = name, quality
    return best
