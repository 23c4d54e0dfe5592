import json
import re
import urllib.request

import numpy as np
import pytest

from keras_ptft.serving.bundle.openapi import openapi, openapi_text
from keras_ptft.serving.signatures.signature import Signature, cases

KINDS = ["image", "named", "tags", "text", "vector"]


def faults(schema, value, schemas):
    """What a value breaks of a JSON schema: the words that are used here."""
    if "$ref" in schema:
        return faults(schemas[schema["$ref"].split("/")[-1]], value, schemas)
    if "anyOf" in schema:
        found = [faults(option, value, schemas) for option in schema["anyOf"]]
        return [] if [] in found else [f"no option: {value}"[:200]]
    if "const" in schema:
        return [] if value == schema["const"] else [f"{value} is other"]
    types = {
        "object": dict,
        "array": list,
        "string": str,
        "integer": int,
        "number": (int, float),
        "boolean": bool,
    }
    if not isinstance(value, types[schema["type"]]):
        return [f"{value} is no {schema['type']}"[:200]]
    if schema["type"] == "object":
        return _faults_of_object(schema, value, schemas)
    if schema["type"] == "array":
        return _faults_of_array(schema, value, schemas)
    low, high = schema.get("minimum"), schema.get("maximum")
    in_range = low is None or low <= value <= high
    return [] if in_range else [f"{value} is out of range"]


def _faults_of_object(schema, value, schemas):
    properties = schema.get("properties", {})
    found = [f"no {key}" for key in schema["required"] if key not in value]
    found += [f"unknown {key}" for key in value if key not in properties]
    for key in properties.keys() & value.keys():
        found += faults(properties[key], value[key], schemas)
    return found


def _faults_of_array(schema, value, schemas):
    least, most = schema.get("minItems", 0), schema.get("maxItems", 1e9)
    found = [] if least <= len(value) <= most else [f"{len(value)} items"]
    for item in value:
        found += faults(schema["items"], item, schemas)
    return found


def references(value):
    """Names of all schemas that are asked for."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key == "$ref":
                yield item.removeprefix("#/components/schemas/")
            yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


def parts_of(described):
    """The schema and the examples of requests, and those of answers."""
    post = described["paths"]["/v1/models/m:predict"]["post"]
    answers = post["responses"]["200"]
    contents = [post["requestBody"]["content"], answers["content"]]
    return [content["application/json"] for content in contents]


@pytest.mark.parametrize("name", KINDS)
def test_examples_fit_and_are_answered(name, request, url_of):
    signatures, labels, _, folder = request.getfixturevalue(name)
    described = json.loads(openapi_text(openapi("m", signatures, labels)))
    schemas = described["components"]["schemas"]
    asked, answered = parts_of(described)
    forms = {
        f"{s.name}.{form}" for s in signatures for form in ("rows", "columns")
    }
    assert asked["examples"].keys() == answered["examples"].keys() == forms
    for key, example in asked["examples"].items():
        body, wanted = example["value"], answered["examples"][key]["value"]
        assert faults(asked["schema"], body, schemas) == []
        assert faults(schemas[f"{key}.request"], body, schemas) == []
        assert faults(schemas[f"{key}.answer"], wanted, schemas) == []
        url = f"{url_of(folder)}/v1/models/m:predict"
        with urllib.request.urlopen(url, json.dumps(body).encode()) as answer:
            found = json.load(answer)
        assert faults(schemas[f"{key}.answer"], found, schemas) == []
        assert_close(found, wanted)


def assert_close(found, wanted):
    """Compares JSON, whose numbers may differ by rounding."""
    if isinstance(wanted, dict):
        assert found.keys() == wanted.keys()
        pairs = [(found[key], wanted[key]) for key in wanted]
    elif isinstance(wanted, list):
        assert len(found) == len(wanted)
        pairs = list(zip(found, wanted, strict=True))
    elif isinstance(wanted, str):
        assert found == wanted
        pairs = []
    else:
        assert found == pytest.approx(wanted, rel=1e-5, abs=1e-6)
        pairs = []
    for pair in pairs:
        assert_close(*pair)


@pytest.mark.parametrize("name", KINDS)
def test_it_is_whole(name, request):
    signatures, labels, *_ = request.getfixturevalue(name)
    described = openapi("m", signatures, labels)
    assert described["openapi"] == "3.1.0"
    assert list(described["paths"]) == [
        "/v1/models/m",
        "/v1/models/m/metadata",
        "/v1/models/m:predict",
    ]
    names = described["components"]["schemas"].keys()
    assert set(references(described)) == names
    assert all(re.fullmatch(r"[\w.-]+", name) for name in names)
    told = described["info"]["description"]
    assert all(label in told for label in labels)


def test_wrong_requests_do_not_fit(image):
    described = openapi("m", image[0], image[1])
    schemas = described["components"]["schemas"]
    schema = parts_of(described)[0]["schema"]
    row = np.zeros((8, 8, 1), int).tolist()
    assert faults(schema, {"instances": [row]}, schemas) == []
    for body in (
        {"instances": []},
        {"instances": [row[:7]]},
        {"instances": [np.full((8, 8, 1), 256).tolist()]},
        {"instances": [np.zeros((8, 8, 1)).tolist()]},
        {"signature_name": "encoded_images", "instances": ["photo.jpg"]},
        {"signature_name": "other", "instances": [row]},
        {"instances": [row], "inputs": {"image": [row]}},
    ):
        assert faults(schema, body, schemas) != []


def test_a_long_example_is_left_out_and_named(image):
    signatures, labels, *_ = image
    long = np.zeros((1, 64, 64, 3), np.uint8)
    proofs = cases({"image": long}, {"logits": np.zeros((1, 10), np.float32)})
    first = signatures[0]
    large = Signature("large", first.function, first.inputs, proofs)
    described = openapi("m", [*signatures, large], labels)
    assert (
        "No example, as it is too long: large."
        in (described["info"]["description"])
    )
    assert "large.rows" not in parts_of(described)[0]["examples"]


def test_only_white_space_is_changed():
    told = {"a": "[1,2]\n [3 ]", "b": [[1.5e-07, -2], []], "c": [True, "[\n1]"]}
    text = openapi_text(told)
    assert json.loads(text) == told
    assert '"b": [[1.5e-07, -2], []]' in text
