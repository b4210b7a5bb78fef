"""One OpenAPI document for all services, and a page of it that needs no script and nothing from elsewhere."""

import json
from collections.abc import Mapping
from html import escape
from typing import Any

from api_gateway.routing import PREFIX, route_of

METHODS = ("get", "post", "put", "patch", "delete")
STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1f24;background:#fff}
h2{margin-top:2.5rem;border-bottom:1px solid #d0d7de}summary{cursor:pointer;padding:.35rem 0}
code,pre{font:14px/1.45 ui-monospace,monospace}pre{background:#f6f8fa;padding:.75rem;overflow:auto}
.m{display:inline-block;min-width:4.5rem;font-weight:700}td,th{text-align:left;padding:.15rem 1rem .15rem 0;
vertical-align:top}
@media(prefers-color-scheme:dark){body{color:#e6edf3;background:#0d1117}pre{background:#161b22}a{color:#58a6ff}}
"""


def merged(documents: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """Of the services' documents, with only what the gateway lets through, at the gateway's paths."""
    result: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": "Defect control", "version": "1.0.0", "description": "All services behind the gateway."},
        "paths": {},
        "components": {"schemas": {}, "securitySchemes": {}},
    }
    for service, document in documents.items():
        renamed = _with_distinct_names(document, result["components"]["schemas"], service)
        components = renamed.get("components", {})
        result["components"]["schemas"] |= components.get("schemas", {})
        result["components"]["securitySchemes"] |= components.get("securitySchemes", {})
        result["paths"] |= {PREFIX + path: item for path, item in renamed["paths"].items() if _let_through(path)}
    return result


def page(document: dict[str, Any]) -> str:
    groups: dict[str, list[str]] = {}
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                operation = item[method]
                groups.setdefault(operation.get("tags", ["other"])[0], []).append(_operation(method, path, operation))
    body = "".join(f"<h2>{escape(name)}</h2>{''.join(operations)}" for name, operations in groups.items())
    schemas = "".join(
        f'<details id="{escape(name)}"><summary><code>{escape(name)}</code></summary>{_pretty(schema)}</details>'
        for name, schema in sorted(document["components"]["schemas"].items())
    )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(document['info']['title'])}: API</title><style>{STYLE}</style>"
        f"<h1>{escape(document['info']['title'])}: API</h1>"
        '<p>The document itself: <a href="/openapi.json">/openapi.json</a>. State of the services: '
        f'<a href="/health">/health</a>.</p>{body}<h2>Schemas</h2>{schemas}</html>'
    )


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    rows = "".join(
        f"<tr><td><code>{escape(parameter['name'])}</code><td>{escape(parameter['in'])}<td>{_type(parameter['schema'])}"
        f"<td>{'required' if parameter.get('required') else ''}"
        for parameter in operation.get("parameters", ())
    )
    content = operation.get("requestBody", {}).get("content", {})
    bodies = "".join(f"<p>Body: {escape(kind)} {_type(of['schema'])}" for kind, of in content.items())
    answers = "".join(
        f"<tr><td>{escape(status)}<td>{escape(answer['description'])}<td>"
        + " ".join(_type(of.get("schema", {})) for of in answer.get("content", {}).values())
        for status, answer in operation["responses"].items()
    )
    words = escape(operation.get("description") or operation.get("summary", ""))
    return (
        f'<details><summary><span class="m">{method.upper()}</span> <code>{escape(path)}</code> {words}</summary>'
        f"<table>{rows}</table>{bodies}<table>{answers}</table></details>"
    )


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#{name}">{name}</a>'
    if "anyOf" in schema:
        return " or ".join(_type(one) for one in schema["anyOf"])
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}"
    return escape(str(schema.get("format") or schema.get("type", "")))


def _pretty(schema: dict[str, Any]) -> str:
    return f"<pre>{escape(json.dumps(schema, ensure_ascii=False, indent=2))}</pre>"


def _let_through(path: str) -> bool:
    return route_of(path.replace("{", "").replace("}", "")) is not None


def _with_distinct_names(document: dict[str, Any], taken: dict[str, Any], service: str) -> dict[str, Any]:
    """Two services may call two different things `Status`; the later one becomes `reports_Status`."""
    schemas = document.get("components", {}).get("schemas", {})
    clashing = {name for name, schema in schemas.items() if name in taken and taken[name] != schema}
    if not clashing:
        return document

    def renamed(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: reference(one) if key == "$ref" else renamed(one) for key, one in value.items()}
        return [renamed(one) for one in value] if isinstance(value, list) else value

    def reference(target: str) -> str:
        head, _, name = target.rpartition("/")
        return f"{head}/{service}_{name}" if name in clashing else target

    result = renamed(document)
    result["components"]["schemas"] = {
        (f"{service}_{name}" if name in clashing else name): renamed(schema) for name, schema in schemas.items()
    }
    return result
