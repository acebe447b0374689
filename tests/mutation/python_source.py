"""Finds the checks of a Python module and breaks them one at a time, on its syntax tree."""

import ast
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import CodeType
from typing import Any, TypeAlias, TypeGuard

from tests.mutation.mutant import Mutant, collapsed, counted

CHECK_PREFIXES = ("require_", "check_", "_require_", "_check_", "_sized")
VERIFICATIONS = frozenset({"is_signed_by", "verify", "_verify", "_recovers_to", "_learn", "canonical"})
NEIGHBOURS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
}
Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Edit:
    """Replaces one node; `place` is the list or the field that holds it."""

    kind: str
    node: ast.AST
    holder: Any
    place: int | str
    new: Any

    @contextmanager
    def applied(self) -> Iterator[None]:
        """The tree, broken for a while."""
        old = self._swap(self.new)
        yield
        self._swap(old)

    def _swap(self, new: Any) -> Any:
        if isinstance(self.place, int):
            old, self.holder[self.place] = self.holder[self.place], new
        else:
            old = getattr(self.holder, self.place)
            setattr(self.holder, self.place, new)
        return old


class PythonSource:
    """One module, its mutants and their code."""

    def __init__(self, path: Path, root: Path) -> None:
        self.path = path
        self._text = path.read_text()
        self._tree = ast.parse(self._text)
        self.sound = compile(self._text, str(path), "exec")
        edits = [(scope, edit) for scope, function in _functions(self._tree) for edit in _edits(function)]
        name = str(path.relative_to(root))
        self.mutants = counted(
            Mutant(name, scope, edit.kind, collapsed(self._source(edit)), edit.node.lineno)  # type: ignore[attr-defined]  edits are of statements and expressions
            for scope, edit in edits
        )
        self._edits = dict(zip(self.mutants, (edit for _, edit in edits), strict=True))

    def _source(self, edit: Edit) -> str:
        return ast.get_source_segment(self._text, edit.node) or ast.unparse(edit.node)

    def compiled(self, mutant: Mutant) -> CodeType:
        """The module's code with this mutant in it."""
        with self._edits[mutant].applied():
            return compile(ast.fix_missing_locations(self._tree), str(self.path), "exec")


def _functions(tree: ast.AST, prefix: str = "") -> Iterator[tuple[str, Function]]:
    """Outermost functions and methods by name; nested functions belong to theirs."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, Function):
            yield prefix + node.name, node
        elif isinstance(node, ast.ClassDef):
            yield from _functions(node, f"{prefix}{node.name}.")


def _edits(function: Function) -> Iterator[Edit]:
    judged = _judged(function)
    for holder in ast.walk(function):
        for field, value in ast.iter_fields(holder):
            if isinstance(value, list):
                for index, node in enumerate(value):
                    yield from _edits_of(node, value, index, judged)
            else:
                yield from _edits_of(value, holder, field, judged)


def _edits_of(node: Any, holder: Any, place: int | str, judged: set[ast.AST]) -> Iterator[Edit]:
    if isinstance(node, ast.Raise):
        yield Edit("raise", node, holder, place, _never(node))
    elif isinstance(node, ast.Expr) and _is_check(node.value):
        yield Edit("check", node, holder, place, _never(node))
    elif isinstance(node, ast.If) and _is_refusal(node.body):
        yield Edit("ignore", node.test, node, "test", ast.Constant(value=False))
    elif isinstance(node, ast.BoolOp) and node in judged:
        yield from _without_operands(node, holder, place)
    elif isinstance(node, ast.Compare):
        yield from _boundaries(node)
        if node in judged:
            yield from _without_links(node, holder, place)
    elif isinstance(node, ast.Call):
        yield from _calls(node, holder, place)


def _judged(function: Function) -> set[ast.AST]:
    """Everything within the conditions on which a refusal hangs: of guards, of what they name, of predicates."""
    guards = [node for node in ast.walk(function) if isinstance(node, ast.If) and _refuses(node.body)]
    conditions: list[Any] = [guard.test for guard in guards]
    names = {name.id for guard in guards for name in ast.walk(guard.test) if isinstance(name, ast.Name)}
    conditions += [
        node.value
        for node in ast.walk(function)
        if _is_named(node, names) or (isinstance(node, ast.Return) and _is_predicate(function))
    ]
    return {node for condition in conditions for node in ast.walk(condition)}


def _refuses(body: list[ast.stmt]) -> bool:
    return isinstance(body[-1], ast.Raise) or _is_refusal(body)


def _is_named(node: ast.AST, names: set[str]) -> TypeGuard[ast.Assign]:
    return isinstance(node, ast.Assign) and any(
        getattr(target, "id", None) in names for target in node.targets
    )


def _is_predicate(function: Function) -> bool:
    return isinstance(function.returns, ast.Name) and function.returns.id == "bool"


def _never(statement: ast.stmt) -> ast.If:
    """The statement, never done; its names stay, so that closures keep their shape."""
    return ast.copy_location(ast.If(ast.Constant(value=False), [statement], []), statement)


def _name_of(call: ast.Call) -> str:
    called = call.func
    return called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")


def _is_check(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and _name_of(node).startswith(CHECK_PREFIXES)


def _is_refusal(body: list[ast.stmt]) -> bool:
    """Whether an `if` turns something away without a word: nothing, False, or the unchanged endpoint."""
    if len(body) != 1 or not isinstance(body[0], ast.Return):
        return False
    value = body[0].value
    if value is None or (isinstance(value, ast.Constant) and value.value in (None, False)):
        return True
    first = value.elts[0] if isinstance(value, ast.Tuple) and value.elts else value
    return isinstance(first, ast.Name) and first.id == "endpoint"


def _without_operands(node: ast.BoolOp, holder: Any, place: int | str) -> Iterator[Edit]:
    for index, operand in enumerate(node.values):
        kept = [*node.values[:index], *node.values[index + 1 :]]
        new = kept[0] if len(kept) == 1 else ast.copy_location(ast.BoolOp(node.op, kept), node)
        yield Edit("operand", operand, holder, place, new)


def _boundaries(node: ast.Compare) -> Iterator[Edit]:
    for index, operator in enumerate(node.ops):
        if type(operator) in NEIGHBOURS:
            yield Edit("boundary", node, node.ops, index, NEIGHBOURS[type(operator)]())


def _without_links(node: ast.Compare, holder: Any, place: int | str) -> Iterator[Edit]:
    if len(node.ops) > 1:
        yield Edit("operand", node, holder, place, _link(node, node.comparators[0], 1, None))
        yield Edit("operand", node, holder, place, _link(node, node.left, 0, -1))
    elif isinstance(node.left, ast.Tuple) and isinstance(node.comparators[0], ast.Tuple):
        yield from _pairs(node, holder, place)


def _link(node: ast.Compare, left: ast.expr, start: int, stop: int | None) -> ast.Compare:
    """A chained comparison with one end left out."""
    return ast.copy_location(ast.Compare(left, node.ops[start:stop], node.comparators[start:stop]), node)


def _pairs(node: ast.Compare, holder: Any, place: int | str) -> Iterator[Edit]:
    """Equality of tuples compares several things; each is left out once."""
    left, right = node.left, node.comparators[0]
    if not (isinstance(left, ast.Tuple) and isinstance(right, ast.Tuple)):
        return
    for index, part in enumerate(left.elts):
        sides = [
            ast.copy_location(ast.Tuple([*side.elts[:index], *side.elts[index + 1 :]], ast.Load()), side)
            for side in (left, right)
        ]
        new = ast.copy_location(ast.Compare(sides[0], node.ops, [sides[1]]), node)
        yield Edit("operand", part, holder, place, new)


def _calls(node: ast.Call, holder: Any, place: int | str) -> Iterator[Edit]:
    name = _name_of(node)
    if name in VERIFICATIONS and not isinstance(holder, ast.Expr):
        accepted = node.args[1] if name == "canonical" else ast.Constant(value=True)
        yield Edit("signature", node, holder, place, accepted)
    elif name in ("min", "max") and len(node.args) > 1:
        for index, argument in enumerate(node.args):
            kept = [*node.args[:index], *node.args[index + 1 :]]
            new = kept[0] if len(kept) == 1 else ast.copy_location(ast.Call(node.func, kept, []), node)
            yield Edit("operand", argument, holder, place, new)
