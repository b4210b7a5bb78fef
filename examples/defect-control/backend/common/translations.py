"""Pydantic's findings in the words of people."""

from typing import Any

WORDS: dict[str, tuple[str, str]] = {
    "missing": ("Обязательное поле", "This field is required"),
    "extra_forbidden": ("Такого поля нет", "There is no such field"),
    "string_too_short": ("Не короче {min_length} знаков", "At least {min_length} characters"),
    "string_too_long": ("Не длиннее {max_length} знаков", "At most {max_length} characters"),
    "too_long": ("Не больше {max_length}", "At most {max_length}"),
    "string_type": ("Нужен текст", "Text is expected"),
    "string_pattern_mismatch": ("Неверный вид значения", "The value has a wrong form"),
    "enum": ("Одно из: {expected}", "One of: {expected}"),
    "literal_error": ("Одно из: {expected}", "One of: {expected}"),
    "uuid_parsing": ("Неверный идентификатор", "Not a valid id"),
    "uuid_type": ("Неверный идентификатор", "Not a valid id"),
    "int_parsing": ("Нужно целое число", "A whole number is expected"),
    "int_type": ("Нужно целое число", "A whole number is expected"),
    "bool_parsing": ("Да или нет", "Yes or no"),
    "bool_type": ("Да или нет", "Yes or no"),
    "greater_than_equal": ("Не меньше {ge}", "At least {ge}"),
    "less_than_equal": ("Не больше {le}", "At most {le}"),
    "date_parsing": ("Нужна дата вида 2026-11-24", "A date such as 2026-11-24 is expected"),
    "date_type": ("Нужна дата вида 2026-11-24", "A date such as 2026-11-24 is expected"),
    "date_from_datetime_parsing": ("Нужна дата вида 2026-11-24", "A date such as 2026-11-24 is expected"),
    "date_from_datetime_inexact": ("Нужна дата без времени", "A date without a time is expected"),
    "model_attributes_type": ("Нужен объект JSON", "A JSON object is expected"),
    "dict_type": ("Нужен объект JSON", "A JSON object is expected"),
    "control_characters": ("Управляющие знаки не допускаются", "Control characters are not allowed"),
    "email": ("Неверный адрес почты", "Not a valid e-mail address"),
    "days_reversed": ("Окончание раньше начала", "It ends before it begins"),
    "period_too_long": ("Не больше {days} дней", "At most {days} days"),
    "nothing_given": ("Нечего менять", "There is nothing to change"),
}


def explain(code: str, facts: dict[str, Any], language: str) -> str:
    words = WORDS.get(code, ("Неверное значение", "Not a valid value"))[language == "en"]
    return words.format_map(facts)
