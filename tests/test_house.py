"""The house rules that a machine can check: sizes, import rules, leftovers."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("channels_engine", "contracts", "grid", "marketplace")
MAX_MODULE_LINES = 400
MAX_FUNCTION_LINES = 40
FORBIDDEN_NAMES = {"utils.py", "helpers.py", "common.py"}


def _modules() -> list[Path]:
    return [
        path
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        if "node_modules" not in path.parts and "migrations" not in path.parts
    ]


@pytest.mark.parametrize("path", _modules(), ids=lambda p: str(p.relative_to(ROOT)))
def test_sizes_and_names(path: Path) -> None:
    source = path.read_text()
    assert path.name not in FORBIDDEN_NAMES
    assert source.count("\n") <= MAX_MODULE_LINES
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= MAX_FUNCTION_LINES, f"{node.name} has {length} lines"
        assert not isinstance(node, ast.Assert), f"line {node.lineno}: python -O strips assert; raise instead"


def test_import_rules() -> None:
    linter = Path(sys.executable).parent / "lint-imports"
    result = subprocess.run([linter], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_no_leftovers() -> None:
    leftover = "|".join(("TO" + "DO", "FIX" + "ME", "X" * 3, "HA" + "CK"))
    found = subprocess.run(
        [
            "git",
            "grep",
            "-nwE",
            leftover,
            "--",
            "*.py",
            "*.js",
            "*.sol",
            "*.html",
            "*.css",
            "*.md",
            ":!*/vendor/*",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.stdout == ""
