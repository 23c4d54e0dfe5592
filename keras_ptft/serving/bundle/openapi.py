"""The REST API of one model, described by OpenAPI 3.1.

TensorFlow Serving answers at the same paths for every model; what a request
of this model holds is said here, with real examples.
"""

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

from keras_ptft.serving.bundle.rest_values import (
    column_answer,
    column_request,
    example_case,
    row_answer,
    row_request,
)
from keras_ptft.serving.bundle.schemas import (
    Schema,
    answer_schema,
    request_schema,
)
from keras_ptft.serving.signatures.signature import Signature

OPENAPI_FILE = "openapi.json"

_FORMS = {
    "rows": ("a value for each example", row_request, row_answer),
    "columns": ("an array for each input", column_request, column_answer),
}
_STATUS = {
    "model_version_status": [
        {
            "version": "1",
            "state": "AVAILABLE",
            "status": {"error_code": "OK", "error_message": ""},
        }
    ]
}
_ERROR = {
    "type": "object",
    "properties": {"error": {"type": "string"}},
    "required": ["error"],
}


def openapi(
    name: str, signatures: Sequence[Signature], label_names: Sequence[str]
) -> dict[str, Any]:
    """Describes the REST API of a model.

    The examples are cases of the signatures, that is examples of the test
    split; those of more than some 20,000 characters are left out.

    Args:
        name: of the model, as `names.model_name` gives it.
        signatures: what the model answers, each with its cases.
        label_names: a name for each score; empty: there are none.

    Returns:
        The description, which is written as JSON.
    """
    model = f"/v1/models/{name}"
    return {
        "openapi": "3.1.0",
        "info": {
            "title": name,
            "version": "1",
            "description": _description(signatures, label_names),
        },
        "servers": [{"url": "http://localhost:8501"}],
        "paths": {
            model: {"get": _get("status", "The versions, and their states.")},
            f"{model}/metadata": {
                "get": _get("metadata", "The signatures of the version.")
            },
            f"{model}:predict": {"post": _predict(signatures)},
        },
        "components": {"schemas": _schemas(signatures)},
    }


def openapi_text(described: dict[str, Any]) -> str:
    """Returns a description as JSON, with lists of numbers on one line.

    Args:
        described: as `openapi` returns it.

    Example:

    >>> print(openapi_text({"example": [[1, 2], [3, 4]]}), end="")
    {
      "example": [[1, 2], [3, 4]]
    }
    """
    text = json.dumps(described, indent=2, ensure_ascii=False)
    # no string holds a line end, so none is changed
    numbers = re.compile(r"\[\n[-+\d\s.,e\[\]]*\]")
    return numbers.sub(_on_one_line, text) + "\n"


def _on_one_line(found: re.Match[str]) -> str:
    return "".join(found[0].split()).replace(",", ", ")


def _description(
    signatures: Sequence[Signature], label_names: Sequence[str]
) -> str:
    lines = [
        "/versions/NUMBER or /labels/LABEL after the name of the model asks "
        "a version other than the newest."
    ]
    if label_names:
        lines.append(
            "Scores are in the order of the labels: "
            f"{', '.join(label_names[:100])}"
            f"{', ...' if len(label_names) > 100 else ''}."
        )
    long = [sig.name for sig in signatures if example_case(sig) is None]
    if long:
        lines.append(f"No example, as it is too long: {', '.join(long)}.")
    return "\n\n".join(lines)


def _get(name: str, summary: str) -> dict[str, Any]:
    content: dict[str, Any] = {"schema": {"type": "object"}}
    if name == "status":
        content["example"] = _STATUS
    return {
        "operationId": name,
        "summary": summary,
        "responses": _responses(content),
    }


def _predict(signatures: Sequence[Signature]) -> dict[str, Any]:
    requests, answers = {}, {}
    for signature in signatures:
        if (case := example_case(signature)) is None:
            continue
        for form, (_, request, answer) in _FORMS.items():
            key = f"{signature.name}.{form}"
            asked = request(signature.name, case.inputs)
            requests[key] = {"value": asked}
            answers[key] = {"value": answer(case.outputs)}
    names = _names(signatures)
    return {
        "operationId": "predict",
        "summary": "Answers of the model.",
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": _any_of(f"{name}.request" for name in names),
                    "examples": requests,
                }
            },
        },
        "responses": _responses(
            {
                "schema": _any_of(f"{name}.answer" for name in names),
                "examples": answers,
            }
        ),
    }


def _names(signatures: Sequence[Signature]) -> list[str]:
    return [f"{sig.name}.{form}" for sig in signatures for form in _FORMS]


def _schemas(signatures: Sequence[Signature]) -> dict[str, Schema]:
    schemas: dict[str, Schema] = {"Error": _ERROR}
    for sig in signatures:
        for form, (words, *_) in _FORMS.items():
            of_columns = form == "columns"
            asked = request_schema(sig, of_columns=of_columns)
            outputs = sig.cases[0].outputs
            schemas[f"{sig.name}.{form}.request"] = {
                "description": f"{sig.name}, {words}",
                **asked,
            }
            schemas[f"{sig.name}.{form}.answer"] = answer_schema(
                outputs, of_columns=of_columns
            )
    return schemas


def _any_of(names: Iterable[str]) -> Schema:
    return {"anyOf": [_reference(name) for name in names]}


def _reference(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _responses(content: dict[str, Any]) -> dict[str, Any]:
    return {
        "200": {
            "description": "OK",
            "content": {"application/json": content},
        },
        "default": {
            "description": "400: the request is wrong; 404: no such model or "
            "version; 503: too many requests wait.",
            "content": {"application/json": {"schema": _reference("Error")}},
        },
    }
