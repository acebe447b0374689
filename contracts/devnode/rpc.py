"""JSON-RPC 2.0: a request's bytes in, a response's bytes out. Whatever comes in, something valid goes out."""

import logging
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import msgspec

from .errors import INTERNAL_ERROR, INVALID_PARAMS, INVALID_REQUEST, METHOD_NOT_FOUND, PARSE_ERROR, RpcError
from .methods import METHODS
from .node import Node
from .shapes import data

logger = logging.getLogger(__name__)

MAX_BATCH = 1_000

_NOTIFICATION = object()


def answer(node: Node, body: bytes) -> bytes:
    """Answer one request or a batch; empty bytes where only notifications came in."""
    try:
        request = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return _encode(_failure(None, RpcError(PARSE_ERROR, f"parse error: {error}"[:200])))
    if not isinstance(request, list):
        response = _begin(node, request)()
        return b"" if response is _NOTIFICATION else _encode(response)
    if not 0 < len(request) <= MAX_BATCH:
        text = f"a batch holds 1 to {MAX_BATCH} requests, not {len(request)}"
        return _encode(_failure(None, RpcError(INVALID_REQUEST, text)))
    return _answer_batch(node, request)


def _answer_batch(node: Node, requests: list[Any]) -> bytes:
    # All are begun before any is waited for: transactions of one batch share blocks.
    begun = [_begin(node, request) for request in requests]
    responses = [response for finish in begun if (response := finish()) is not _NOTIFICATION]
    return _encode(responses) if responses else b""


def _begin(node: Node, request: Any) -> Callable[[], Any]:
    """Run a request up to where it must wait; the function given back waits and makes the response."""
    identifier = request.get("id") if isinstance(request, dict) else None
    try:
        _check_envelope(request)
        result = _run(node, request)
    except RpcError as error:
        refusal = _failure(identifier if _is_identifier(identifier) else None, error)
        return lambda: refusal
    if "id" not in request:
        return lambda: _NOTIFICATION
    return lambda: _finish(identifier, result)


def _is_identifier(value: Any) -> bool:
    return value is None or (isinstance(value, str | int | float) and not isinstance(value, bool))


def _check_envelope(request: Any) -> None:
    if not isinstance(request, dict):
        raise RpcError(INVALID_REQUEST, "a request is an object")
    if request.get("jsonrpc") != "2.0":
        raise RpcError(INVALID_REQUEST, 'jsonrpc must be "2.0"')
    if not isinstance(request.get("method"), str):
        raise RpcError(INVALID_REQUEST, "method must be a string")
    if not _is_identifier(request.get("id")):
        raise RpcError(INVALID_REQUEST, "id must be a string, a number or null")
    if not isinstance(request.get("params", []), list):
        raise RpcError(INVALID_PARAMS, "params must be a list; named parameters are not supported")


def _run(node: Node, request: dict[str, Any]) -> Any:
    method = METHODS.get(request["method"])
    if method is None:
        name = request["method"][:80]
        raise RpcError(METHOD_NOT_FOUND, f"the method {name} does not exist/is not available")
    try:
        return method(node, request.get("params", []))
    except RpcError:
        raise
    except Exception as error:  # a fault of ours must not take the connection down with it
        logger.exception("%s failed", request["method"])
        raise RpcError(INTERNAL_ERROR, f"internal error: {type(error).__name__}") from error


def _finish(identifier: Any, result: Any) -> dict[str, Any]:
    if not isinstance(result, Future):
        return {"jsonrpc": "2.0", "id": identifier, "result": result}
    try:
        return {"jsonrpc": "2.0", "id": identifier, "result": data(result.result())}
    except RpcError as error:
        return _failure(identifier, error)


def _failure(identifier: Any, error: RpcError) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": identifier, "error": error.as_json()}


def _encode(response: Any) -> bytes:
    return msgspec.json.encode(response)
