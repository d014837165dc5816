"""The page at /docs: the API's reference in plain HTML, made from the OpenAPI document.

FastAPI's own page loads its program from a public server, which a platform that runs on closed
networks cannot. This one is a single answer without any script.
"""

from __future__ import annotations

from html import escape
from typing import Any

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
h2{font-size:1rem;margin:2rem 0 .2rem}code,h2{font-family:ui-monospace,monospace}
table{border-collapse:collapse;width:100%}td{border-top:1px solid #8884;padding:.2rem .8rem .2rem 0;
vertical-align:top}td:first-child{white-space:nowrap}p{margin:.3rem 0}
@media(prefers-color-scheme:dark){body{background:#111;color:#ddd}a{color:#8bf}}
"""


def reference_page(document: dict[str, Any]) -> str:
    """The HTML of an OpenAPI document."""
    parts = []
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            parts.append(f"<h2>{escape(method.upper())} {escape(path)}</h2>")
            parts.append(f"<p>{escape(operation.get('summary', ''))}</p>")
            if operation.get("description"):
                parts.append(f"<p>{escape(operation['description'])}</p>")
            rows = "".join(_row(parameter) for parameter in operation.get("parameters", ()))
            if rows:
                parts.append(f"<table>{rows}</table>")
    title = escape(document["info"]["title"])
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style>'
        f"<h1>{title}</h1><p>{escape(document['info'].get('description', ''))} "
        'Machine-readable: <a href="openapi.json">openapi.json</a>.</p>' + "".join(parts)
    )


def _row(parameter: dict[str, Any]) -> str:
    schema = parameter.get("schema", {})
    choices = [schema, *schema.get("anyOf", ())]
    kinds = []
    for choice in choices:
        if choice.get("enum"):
            kinds.append(" | ".join(str(value) for value in choice["enum"]))
        elif choice.get("type") not in (None, "null"):
            kinds.append(str(choice["type"]))
    notes = ["required"] if parameter.get("required") else []
    if schema.get("default") is not None:
        notes.append(f"default {schema['default']}")
    text = parameter.get("description", "")
    return (
        f"<tr><td><code>{escape(parameter['name'])}</code></td>"
        f"<td>{escape(', '.join(kinds + notes))}</td><td>{escape(text)}</td></tr>"
    )
