"""The API's description: every operation says what it does and for whom, with examples that fit their own schemas."""

import copy
from typing import Any

import jsonschema
import pytest
from drf_spectacular.generators import SchemaGenerator

METHODS = ("get", "post", "put", "patch", "delete")
DESCRIPTION: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
OPERATIONS = {
    f"{method} {path}": operation
    for path, item in DESCRIPTION["paths"].items()
    for method, operation in item.items()
    if method in METHODS
}


def plain(schema: Any) -> Any:
    """OpenAPI 3.0 as JSON Schema: `nullable` becomes a type."""
    if isinstance(schema, list):
        return [plain(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    made = {
        key: plain(part) for key, part in schema.items() if key not in ("nullable", "readOnly", "example")
    }
    return {"anyOf": [made, {"type": "null"}]} if schema.get("nullable") else made


COMPONENTS = {"components": plain(copy.deepcopy(DESCRIPTION["components"]))}


def bodies(operation: dict[str, Any]) -> list[dict[str, Any]]:
    found = [operation.get("requestBody", {}), *operation["responses"].values()]
    return [content for body in found for content in body.get("content", {}).values()]


@pytest.mark.parametrize("name", OPERATIONS)
def test_each_operation_tells_and_shows(name: str) -> None:
    operation = OPERATIONS[name]
    words, _, scope = operation["description"].rpartition("\n\n")
    assert words, f"{name} says nothing: give the view's method a docstring"
    assert scope
    assert operation["x-scope"]
    for content in bodies(operation):
        if content["schema"].get("format") == "binary":
            continue
        examples = [one["value"] for one in content.get("examples", {}).values()] or [content["example"]]
        schema = {**plain(content["schema"]), **COMPONENTS}
        for example in examples:
            jsonschema.validate(example, schema)


def test_what_writes_takes_a_key() -> None:
    for name, operation in OPERATIONS.items():
        takes = any("IdempotencyKey" in one.get("$ref", "") for one in operation.get("parameters", []))
        assert takes == (not name.startswith("get")), name


def test_codes_and_shapes_that_are_wrong_would_be_found() -> None:
    operation = OPERATIONS["post /api/v1/listings/"]
    content = operation["requestBody"]["content"]["application/json"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(
            {**content["example"], "quantity_wh": "1500"}, {**plain(content["schema"]), **COMPONENTS}
        )
