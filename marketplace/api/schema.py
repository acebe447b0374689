"""What the generated OpenAPI description can't know by itself."""

from typing import Any

PROBLEM = {
    "type": "object",
    "description": "An RFC 9457 problem.",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "errors": {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "string"}}},
    },
    "required": ["type", "title", "status", "detail", "code", "errors"],
}
REFERENCE = {
    "description": "What went wrong.",
    "content": {
        "application/problem+json": {
            "schema": {"$ref": "#/components/schemas/Problem"},
            "example": {
                "type": "about:blank",
                "title": "Bad request",
                "status": 400,
                "detail": "Something in the request is wrong.",
                "code": "invalid",
                "errors": {"quantity_wh": ["A valid integer is required."]},
            },
        }
    },
}
IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "Best a fresh UUID: with the same key the request is done once, for a day.",
    "schema": {"type": "string", "pattern": "^[0-9A-Za-z_-]{1,255}$"},
    "example": "8e03978e-40d5-43dd-bc93-6894a57f9324",
}
WRITING = ("post", "put", "patch", "delete")


def describe_problems(result: dict[str, Any], **_context: Any) -> dict[str, Any]:
    """Add the one form of all errors to every operation, and the key to what writes."""
    components = result.setdefault("components", {})
    components.setdefault("schemas", {})["Problem"] = PROBLEM
    components.setdefault("parameters", {})["IdempotencyKey"] = IDEMPOTENCY_KEY
    for path in result["paths"].values():
        for method, operation in path.items():
            operation["responses"]["default"] = REFERENCE
            if method in WRITING:
                given = operation.setdefault("parameters", [])
                given.append({"$ref": "#/components/parameters/IdempotencyKey"})
    return result
