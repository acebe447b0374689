"""Finds the checks of a Solidity file and makes one program that holds all its mutants.

A mutant sleeps until the block's coinbase is its number: a guard `if (late) revert Late();` becomes
`if ((late) && !<asleep 7>) revert Late();`. So the contracts are compiled once, and a run of the tests chooses a
mutant by setting the coinbase, on which no contract of ours depends.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from tests.mutation.mutant import Mutant, collapsed, counted

FIRST_COINBASE = 0x1000  # above all precompiled contracts
CHECK = re.compile(r"(?<![\w.])(?:\w+\.)?_?(?:require[A-Z]\w*|useNonce|useCheckedNonce)\s*\(")
FUNCTION = re.compile(r"\b(?:function\s+(\w+)|modifier\s+(\w+)|(constructor)\b)")
GUARD_MODIFIERS = re.compile(r"\b(nonReentrant|only[A-Z]\w*)\b")
CAST = re.compile(r"\.to(Uint|Int)(\d+)\(\)")
ORDER = re.compile(r"(?<![<>=])(<=|>=|<|>)(?![<>=])")
# Modifiers of OpenZeppelin's contracts, with a condition under which they are left out.
INHERITED = {
    "ReentrancyGuardTransient": """
    modifier nonReentrantUnless(bool off) {
        if (off) {
            _;
        } else {
            if (_reentrancyGuardEntered()) revert ReentrancyGuardReentrantCall();
            bytes32 slot = _reentrancyGuardStorageSlot();
            assembly { tstore(slot, 1) }
            _;
            assembly { tstore(slot, 0) }
        }
    }
""",
    "Ownable": "modifier onlyOwnerUnless(bool off) { if (!off) _checkOwner(); _; }",
}
OPENING, CLOSING = "([{", ")]}"
Wrap = Callable[[str, str, str], str]


@dataclass(frozen=True)
class Instrumented:
    """A file with all its mutants asleep in it."""

    text: str
    mutants: dict[Mutant, int]


def blanked(text: str) -> str:
    """The text with comments, strings and assembly blanked out, of the same length."""
    pattern = re.compile(r"//[^\n]*|/\*.*?\*/|\"(?:[^\"\\\n]|\\.)*\"", re.DOTALL)
    text = pattern.sub(lambda found: re.sub(r"[^\n]", " ", found.group()), text)
    for found in re.finditer(r"\bassembly\b[^{;]*\{", text):
        start, stop = found.end(), closing(text, found.end() - 1)
        text = text[:start] + re.sub(r"[^\n]", " ", text[start:stop]) + text[stop:]
    return text


def closing(text: str, start: int) -> int:
    """Where the bracket that opens at `start` is closed."""
    depth = 0
    for position in range(start, len(text)):
        depth += (text[position] in OPENING) - (text[position] in CLOSING)
        if depth == 0:
            return position
    raise ValueError(f"No end of the bracket at {start}.")


def top_level(text: str, operator: str) -> list[tuple[int, int]]:
    """Parts between `operator` outside all brackets, as spans."""
    depth, begin, spans = 0, 0, []
    for position, letter in enumerate(text):
        depth += (letter in OPENING) - (letter in CLOSING)
        if depth == 0 and text.startswith(operator, position):
            spans.append((begin, position))
            begin = position + len(operator)
    return [*spans, (begin, len(text))]


class Writer:
    """Rewrites one file; each mutant gets the next number."""

    def __init__(self, path: str, text: str, numbers: Iterator[int]) -> None:
        self._path, self._text, self._numbers = path, text, numbers
        self._plain = blanked(text)
        self._scopes = list(scopes(self._plain))
        self.found: list[tuple[Mutant, int]] = []

    def asleep(self, kind: str, text: str, position: int) -> str:
        """Takes note of a mutant, and gives the condition under which it is awake."""
        scope = next((name for name, start, end in self._scopes if start <= position < end), "")
        line = self._text.count("\n", 0, position) + 1
        number = next(self._numbers)
        self.found.append((Mutant(self._path, scope, kind, collapsed(text), line), number))
        return f"(uint160(address(block.coinbase)) == {number})"

    def rewritten(self) -> str:
        """The whole file."""
        edits = sorted(
            [*self._conditions(), *self._values(), *self._statements(), *self._casts()],
            key=lambda edit: edit[0],
        )
        text, end = "", 0
        for start, stop, new in edits:
            if start < end:
                raise ValueError(f"Two mutants overlap in {self._path}: {collapsed(self._text[start:stop])}")
            text += self._text[end:start] + new
            end = stop
        return with_modifiers(viewed(text + self._text[end:]))

    def _conditions(self) -> Iterator[tuple[int, int, str]]:
        """Each condition of an `if`: off as a whole, and in its parts."""
        for found in re.finditer(r"\bif\s*\(", self._plain):
            start = found.end()
            stop = closing(self._plain, start - 1)
            source = self._text[start:stop]
            off = self.asleep("guard", source, start)
            yield start, stop, f"!{off} && ({self.condition(start, stop)})"

    def _values(self) -> Iterator[tuple[int, int, str]]:
        """Conditions that are assigned, returned, or choose between two values."""
        for found in re.finditer(r"(?<![=<>!|&+*/%^-])=(?![=>])|\breturn\b", self._plain):
            start = found.end()
            stop = self._plain.find(";", start)
            if not any(name and begin <= start < end for name, begin, end in self._scopes):
                continue
            question = self._question(start, stop)
            if question is not None:
                off = self.asleep("guard", self._text[start:question], start)
                yield start, question, f" !{off} && ({self.condition(start, question)}) "
            elif re.search(r"&&|\|\|", self._plain[start:stop]) or ORDER.search(self._plain[start:stop]):
                yield start, stop, self.condition(start, stop)

    def _question(self, start: int, stop: int) -> int | None:
        spans = top_level(self._plain[start:stop], "?")
        return start + spans[0][1] if len(spans) > 1 else None

    def condition(self, start: int, stop: int) -> str:
        """A condition whose operands can be left out and whose boundaries can be moved."""
        for operator in ("||", "&&"):
            spans = [(start + a, start + b) for a, b in top_level(self._plain[start:stop], operator)]
            if len(spans) > 1:
                return f" {operator} ".join(self._operand(a, b, operator) for a, b in spans)
        plain = self._plain[start:stop]
        opens, end = start + len(plain) - len(plain.lstrip(" \n!")), start + len(plain.rstrip()) - 1
        if self._plain[opens] == "(" and closing(self._plain, opens) == end:
            return f"{self._text[start : opens + 1]}{self.condition(opens + 1, end)})"
        return self._compared(start, stop)

    def _operand(self, start: int, stop: int, operator: str) -> str:
        off = self.asleep("operand", self._text[start:stop], start)
        inner = self.condition(start, stop)
        return f"(!{off} && ({inner}))" if operator == "||" else f"({off} || ({inner}))"

    def _compared(self, start: int, stop: int) -> str:
        source, depth = self._text[start:stop], 0
        for found in ORDER.finditer(self._plain[start:stop]):
            before = self._plain[start : start + found.start()]
            depth = sum(before.count(letter) for letter in OPENING) - sum(before.count(x) for x in CLOSING)
            if depth == 0:
                left, right, sign = source[: found.start()], source[found.end() :], found.group()
                other = sign[0] if len(sign) > 1 else f"{sign}="
                moved = self.asleep("boundary", source, start)
                return f"({moved} ? {left}{other}{right} : {left}{sign}{right})"
        return source

    def _statements(self) -> Iterator[tuple[int, int, str]]:
        """Calls of checks, bare reverts and modifiers, each left out."""
        for found in CHECK.finditer(self._plain):
            if self._begins_statement(found.start()):
                yield self._left_out("check", found.start())
        for found in re.finditer(r"\brevert\b", self._plain):
            if self._begins_statement(found.start()) and not self._guarded(found.start()):
                yield self._left_out("revert", found.start())
        for header in re.finditer(r"\bfunction\s+\w+[^{;]*", self._plain):
            for found in GUARD_MODIFIERS.finditer(self._plain, *header.span()):
                off = self.asleep("modifier", found.group(), found.start())
                yield *found.span(), f"{found.group()}Unless({off})"

    def _left_out(self, kind: str, start: int) -> tuple[int, int, str]:
        stop = self._plain.index(";", start) + 1
        source = self._text[start:stop]
        return start, stop, f"if (!{self.asleep(kind, source, start)}) {{ {source} }}"

    def _begins_statement(self, start: int) -> bool:
        return self._plain[:start].rstrip()[-1:] in (";", "{", "}", ")")

    def _guarded(self, start: int) -> bool:
        """Whether a revert is the whole body of an `if`, which is broken as a condition already."""
        before = self._plain[:start].rstrip()
        if before.endswith("{"):
            before = before[:-1].rstrip()
        return before.endswith(")") and not before.endswith("()")

    def _casts(self) -> Iterator[tuple[int, int, str]]:
        """Checked conversions of numbers, each made to cut off what does not fit."""
        for found in re.finditer(r"\breturn\b([^;]*)\.to(?:Uint|Int)\d+\(\);", self._plain):
            start, stop = found.start(1), found.end() - 1
            yield start, stop, " " + self._cast(self._text[start:stop].strip(), start)

    def _cast(self, source: str, position: int) -> str:
        last = list(CAST.finditer(source))[-1:]
        if not last or last[0].end() != len(source):
            return source
        receiver = source[: last[0].start()]
        inner = self._cast(receiver, position)
        kind = f"{last[0].group(1).lower()}{last[0].group(2)}"
        off = self.asleep("cast", source, position)
        return f"({off} ? {kind}({inner}) : ({inner}){last[0].group()})"


def scopes(plain: str) -> Iterator[tuple[str, int, int]]:
    """Functions and modifiers with their spans."""
    for found in FUNCTION.finditer(plain):
        body = re.compile(r"[{;]").search(plain, found.end())
        if body is not None:
            end = closing(plain, body.start()) if body.group() == "{" else body.start()
            yield found.group(1) or found.group(2) or found.group(3), found.start(), end


def with_modifiers(text: str) -> str:
    """The contract with a form of each modifier that a mutant can leave out."""
    for base, code in INHERITED.items():
        text = re.sub(rf"(\bcontract\s+\w+\s+is\b[^{{]*\b{base}\b[^{{]*\{{)", rf"\1\n{code}", text)
    for found in reversed(list(re.finditer(r"\bmodifier\s+(only\w+)\(\)\s*\{", text))):
        start, stop = found.end(), closing(text, found.end() - 1)
        body = text[start:stop].replace("_;", "")
        code = f" modifier {found.group(1)}Unless(bool off) {{ if (!off) {{ {body} }} _; }}"
        text = text[: stop + 1] + code + text[stop + 1 :]
    return text


def viewed(text: str, *, overriding: bool = False) -> str:
    """Functions that a mutant makes read the coinbase are no longer pure.

    What overrides a function of a library must stay pure as that is; tests override only each other.
    """
    kept = "" if overriding else r"(?!\s+override)"
    return re.sub(rf"\b(internal|private|public|external)(\s+)pure\b{kept}", r"\1\2view", text)


def instrumented(path: Path, root: Path, numbers: Iterator[int] | None = None) -> Instrumented:
    """The file with its mutants, numbered from `numbers`."""
    writer = Writer(str(path.relative_to(root)), path.read_text(), numbers or count(FIRST_COINBASE))
    text = writer.rewritten()
    mutants = counted(mutant for mutant, _ in writer.found)
    return Instrumented(text, dict(zip(mutants, (number for _, number in writer.found), strict=True)))
