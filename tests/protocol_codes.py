"""The codes with which the protocol and the households' agents refuse, found in the sources."""

import ast
from collections.abc import Iterator
from pathlib import Path

RAISED = {
    "Violation",
    "RemoteProtocolError",
    "LocalProtocolError",
    "SignatureError",
    "FrameError",
    "Refused",
    "Decline",
    "Reject",
}
BESIDE = ("marketplace/trading/live/gate.py", "marketplace/trading/live/desk.py", "grid/market/bilateral.py")


def refusals() -> Iterator[str]:
    """Codes that the code names where it refuses."""
    root = Path(__file__).parents[1]
    for path in [*(root / "channels_engine").rglob("*.py"), *(root / name for name in BESIDE)]:
        for node in ast.walk(ast.parse(path.read_text())):
            is_refusal = isinstance(node, ast.Call) and getattr(node.func, "id", "") in RAISED
            if is_refusal and node.args:
                yield from _constants(node.args[0])


def _constants(code: ast.expr) -> Iterator[str]:
    """A code, or either of two."""
    for part in (code.body, code.orelse) if isinstance(code, ast.IfExp) else (code,):
        if isinstance(part, ast.Constant):
            yield str(part.value)
