"""The calls API as an OpenAPI 3.1 document, made from its operations and from the signatures of the commands."""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Literal, get_args, get_origin, get_type_hints

from hookline import commands
from hookline.api import examples
from hookline.api.arguments import OF_A_FLOW, action_names
from hookline.api.problem import PROBLEMS
from hookline.api.query import DIRECTIONS, STATUSES

TEXT = {"type": "string"}
CURSOR = {"type": "string", "minLength": 1, "description": "As the API has answered it."}
_SIMPLE: Mapping[object, Mapping[str, Any]] = {
    str: TEXT,
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    type(None): {"type": "null"},
}

QUERIES: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "listCalls": {
        "day": {"type": "string", "format": "date"},
        "number": {"type": "string", "minLength": 1},
        "direction": {"enum": list(DIRECTIONS)},
        "status": {"enum": list(STATUSES)},
        "flow": {"type": "string", "pattern": "^[A-Za-z0-9_]{1,64}$"},
        "trouble": {"enum": ["true", "false"]},
        "limit": {"type": "integer", "minimum": 1, "maximum": 50, "default": 20},
        "cursor": CURSOR,
    },
    "showTimeline": {"after": CURSOR, "limit": {"type": "integer", "minimum": 1, "maximum": 200, "default": 100}},
    "showTranscript": {"after": CURSOR, "limit": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 500}},
}
"""The parameters of the query, by operation."""

SUMMARIES: Mapping[str, str] = {
    "listCalls": "List calls, newest first",
    "showCall": "Show the state of a call and what runs on it",
    "showTimeline": "Show the events of a call with the commands that answered them",
    "showTranscript": "Show the transcript of a call",
    "showDay": "Count the calls of a day, and what became of them",
    "listRecordings": "List the recordings of a call",
    "openRecording": "Make a link to the audio of a recording",
    "showPeaks": "Show the peaks of a recording",
    "placeCall": "Place a call",
    "steerCall": "Command a live call",
    "describeApi": "Describe this API",
}
_MEDIA = {"showTranscript": ("application/json", "text/plain", "text/vtt")}


def document(operations: Mapping[str, tuple[str, str]]) -> dict[str, Any]:
    """The document. operations: by route, its operationId and its scope."""
    paths: dict[str, dict[str, Any]] = {}
    for route, (name, scope) in operations.items():
        method, path = route.split(" ")
        paths.setdefault(path, {})[method.lower()] = _operation(name, scope, path)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Hookline calls API", "version": "1", "description": "docs/api.md describes it in words."},
        "paths": paths,
        "components": {"schemas": _schemas()},
    }


def as_text(value: Mapping[str, Any]) -> str:
    """A document as it is committed."""
    return json.dumps(value, indent=1, sort_keys=True) + "\n"


def _operation(name: str, scope: str, path: str) -> dict[str, Any]:
    schemas_in_path = {"day": {"type": "string", "format": "date"}, "id": TEXT, "action": TEXT}
    parameters = [_parameter(one, "path", schema) for one, schema in schemas_in_path.items() if f"{{{one}}}" in path]
    if "{action}" in path:
        parameters[-1]["schema"] = {"enum": action_names()}
    parameters += [_parameter(one, "query", schema) for one, schema in QUERIES.get(name, {}).items()]
    found: dict[str, Any] = {
        "operationId": name,
        "summary": SUMMARIES[name],
        "description": f"Scope: {scope}.",
        "responses": _responses(name),
    }
    if name in ("placeCall", "steerCall"):
        parameters.append(_parameter("idempotency-key", "header", {"type": "string", "minLength": 1, "maxLength": 200}))
        names = ["dial"] if name == "placeCall" else action_names()
        schemas = [{"$ref": f"#/components/schemas/{one}"} for one in names]
        schema = schemas[0] if len(schemas) == 1 else {"anyOf": schemas}
        shown = {one: {"value": dict(value)} for one, value in examples.BODIES[name].items()}
        content = {"application/json": {"schema": schema, "examples": shown}}
        found["requestBody"] = {"required": name == "placeCall", "content": content}
    for parameter in parameters:
        if parameter["name"] in examples.PARAMETERS.get(name, {}):
            parameter["example"] = examples.PARAMETERS[name][parameter["name"]]
    return found | ({"parameters": parameters} if parameters else {})


def _parameter(name: str, place: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": place, "required": place == "path", "schema": dict(schema)}


def _responses(name: str) -> dict[str, Any]:
    problem = {"$ref": "#/components/schemas/Problem"}
    failed = {"description": "A problem (RFC 9457)", "content": {"application/problem+json": {"schema": problem}}}
    if name == "openRecording":
        return {"302": {"description": "A link that lives for 5 minutes, in Location"}, "default": failed}
    schemas = {"application/json": {"type": "object"}}
    content = {media: {"schema": schemas.get(media, TEXT)} for media in _MEDIA.get(name, ("application/json",))}
    found: dict[str, Any] = {"200": {"description": "Done", "content": content}, "default": failed}
    if name == "steerCall":
        found["202"] = {"description": "The command is queued", "content": content}
    elif name != "placeCall":
        found["304"] = {"description": "Unchanged"}
    return found


def _schemas() -> dict[str, Any]:
    fault = {"type": "object", "properties": {"pointer": TEXT, "detail": TEXT}, "required": ["pointer", "detail"]}
    types = [f"urn:hookline:problem:{code.replace('_', '-')}" for code in PROBLEMS]
    properties = {"type": {"enum": types}, "title": TEXT, "status": {"type": "integer"}, "advice": TEXT, "detail": TEXT}
    problem = {
        "type": "object",
        "properties": {**properties, "errors": {"type": "array", "items": fault}, "telnyx_code": TEXT},
        "required": ["type", "title", "status", "advice"],
    }
    return {"Problem": problem, **{name: body_schema(name) for name in ("dial", *action_names())}}


@cache
def body_schema(action: str) -> dict[str, Any]:
    """The body of an action, by the signature of its command."""
    function = getattr(commands, action)
    hints = {name: hint for name, hint in get_type_hints(function).items() if name not in {"return", *OF_A_FLOW}}
    defaults = function.__kwdefaults__ or {}
    found: dict[str, Any] = {
        "type": "object",
        "properties": {name.rstrip("_"): _schema(hint) for name, hint in hints.items()},
        "additionalProperties": False,
    }
    required = [name.rstrip("_") for name in hints if name not in defaults]
    return found | ({"required": required} if required else {})


def _schema(hint: Any) -> dict[str, Any]:
    """The schema of a type; {} for any value."""
    if hint in _SIMPLE:
        return dict(_SIMPLE[hint])
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return {"enum": list(arguments)}
    if arguments and type(None) in arguments:
        found = [_schema(one) for one in arguments if one is not type(None)]
        return found[0] if len(found) == 1 else {"anyOf": found}
    if origin is not None and issubclass(origin, Mapping):
        return {"type": "object"}
    if origin is not None and issubclass(origin, Sequence):
        return {"type": "array", "items": _schema(arguments[0])}
    if arguments:
        return {"anyOf": [_schema(one) for one in arguments]}
    return {}
