"""What went wrong, once for programs (a code) and once for people (their language)."""

from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from common import translations
from common.context import preferred_language, request_id


class FieldProblem(BaseModel):
    field: str
    code: str
    message: str


class ErrorFacts(BaseModel):
    code: str
    message: str
    request_id: str
    fields: list[FieldProblem] = []
    details: dict[str, Any] = {}


class ErrorBody(BaseModel):
    error: ErrorFacts


ANSWERS: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": ErrorBody, "description": "What was wrong with the request"},
    "5XX": {"model": ErrorBody, "description": "What was wrong with us"},
}


class Kind:
    """One way to fail. `KIND(…)` makes the exception; the words may name the facts it is given."""

    def __init__(self, status: int, code: str, *, ru: str, en: str) -> None:
        self.status = status
        self.code = code
        self.words = {"ru": ru, "en": en}

    def __call__(
        self, *, details: dict[str, Any] | None = None, headers: dict[str, str] | None = None, **facts: Any
    ) -> "Problem":
        return Problem(self, facts, details or {}, headers or {})


class Problem(HTTPException):
    """An HTTPException, so that it passes through the framework's parsing of bodies as it is."""

    def __init__(self, kind: Kind, facts: dict[str, Any], details: dict[str, Any], headers: dict[str, str]) -> None:
        super().__init__(kind.status, kind.code, headers)
        self.kind = kind
        self.facts = facts
        self.details = details

    def said_in(self, language: str) -> str:
        return self.kind.words[language].format_map(self.facts)


BAD_REQUEST = Kind(400, "bad_request", ru="Запрос не удалось разобрать.", en="The request could not be read.")
ROLE_FORBIDDEN = Kind(403, "role_forbidden", ru="Вашей роли это не разрешено.", en="Your role does not allow this.")
NOT_FOUND = Kind(404, "not_found", ru="Такого адреса нет.", en="There is nothing at this address.")
METHOD_NOT_ALLOWED = Kind(
    405, "method_not_allowed", ru="По этому адресу так обращаться нельзя.", en="This address does not take this method."
)
VERSION_CONFLICT = Kind(
    409,
    "version_conflict",
    ru="Пока вы правили, запись изменили: сейчас версия {current}, у вас {yours}. Сравните и сохраните снова.",
    en="It was changed while you were editing: version {current} now, {yours} yours. Compare and save again.",
)
BODY_TOO_LARGE = Kind(
    413, "body_too_large", ru="Запрос больше {limit} байт не принимается.", en="A request may not exceed {limit} bytes."
)
VALIDATION_FAILED = Kind(
    422, "validation_failed", ru="Проверьте поля: {fields}.", en="Please check these fields: {fields}."
)
IF_MATCH_MISSING = Kind(
    428,
    "if_match_missing",
    ru='Нужен заголовок If-Match с версией, которую вы видели, например "3".',
    en='An If-Match header with the version that you saw is needed, such as "3".',
)
INTERNAL = Kind(
    500,
    "internal_error",
    ru="Ошибка на нашей стороне. Назовите администратору номер запроса.",
    en="The fault is ours. Please tell the administrator the request's id.",
)
OTHER = Kind(400, "http_error", ru="Запрос отклонён: {reason}.", en="The request was refused: {reason}.")


def install(app: FastAPI) -> None:
    app.add_exception_handler(Problem, answer_problem)
    app.add_exception_handler(HTTPException, answer_http)
    app.add_exception_handler(RequestValidationError, answer_validation)
    app.add_exception_handler(Exception, answer_internal)


async def answer_problem(request: Request, problem: Exception) -> JSONResponse:
    assert isinstance(problem, Problem)
    language = preferred_language(request.headers.get("accept-language", ""))
    return body(problem.kind, problem.said_in(language), details=problem.details, headers=dict(problem.headers or {}))


async def answer_http(request: Request, error: Exception) -> JSONResponse:
    """What the framework itself raises: no such route, no such method, a body that is no JSON."""
    assert isinstance(error, HTTPException)
    known = {400: BAD_REQUEST, 404: NOT_FOUND, 405: METHOD_NOT_ALLOWED}.get(error.status_code)
    kind = known or Kind(error.status_code, OTHER.code, **OTHER.words)
    problem = kind(reason=error.detail, headers=dict(error.headers or {}))
    return await answer_problem(request, problem)


async def answer_validation(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    language = preferred_language(request.headers.get("accept-language", ""))
    fields = [
        FieldProblem(
            field=".".join(str(part) for part in fault["loc"][1:]) or str(fault["loc"][0]),
            code=fault["type"],
            message=translations.explain(fault["type"], fault.get("ctx") or {}, language),
        )
        for fault in error.errors()
    ]
    if any(field.code == "json_invalid" for field in fields):
        return await answer_problem(request, BAD_REQUEST())
    problem = VALIDATION_FAILED(fields=", ".join(dict.fromkeys(field.field for field in fields)))
    return body(problem.kind, problem.said_in(language), fields=fields)


async def answer_internal(request: Request, _error: Exception) -> JSONResponse:
    return await answer_problem(request, INTERNAL())


def body(
    kind: Kind,
    message: str,
    *,
    fields: Sequence[FieldProblem] = (),
    details: dict[str, Any] | None = None,
    headers: dict[str, str] | None = None,
) -> JSONResponse:
    facts = ErrorFacts(
        code=kind.code, message=message, request_id=request_id.get(), fields=list(fields), details=details or {}
    )
    return JSONResponse(ErrorBody(error=facts).model_dump(mode="json"), kind.status, headers=headers)
