"""The paper's table in docs/protocol.md: every figure is there, and every test that it names exists."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
SECTION = (
    (ROOT / "docs/protocol.md").read_text().split("## The paper, step by step", 1)[1].split("\n## ", 1)[0]
)
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in SECTION.splitlines()
    if line.startswith("|") and line[2:3].isdigit()
]
TEST = re.compile(r"`([\w/]+\.py)(?:::(\w+))?`")


def test_every_figure_has_its_rows() -> None:
    figures = {
        int(number) for row in ROWS for number in re.findall(r"\b\d+\b", re.sub(r"\(.*?\)", "", row[0]))
    }
    assert figures == {*range(4, 10), *range(11, 17)}


def test_every_row_says_what_it_is_here_and_which_test_shows_it() -> None:
    for figure, step, here, tests in ROWS:
        assert step, figure
        assert here, step
        assert TEST.findall(tests), step


def test_every_named_test_exists() -> None:
    missing = []
    for row in ROWS:
        for name, function in TEST.findall(row[3]):
            path = ROOT / "tests" / name
            defined = (
                {
                    node.name
                    for node in ast.walk(ast.parse(path.read_text()))
                    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
                }
                if path.is_file()
                else set()
            )
            if not any(each.startswith("test_") for each in defined) or (
                function and function not in defined
            ):
                missing.append(f"{name}::{function}")
    assert not missing
