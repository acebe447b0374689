"""Puts a mutant's code into the functions of this process, wherever they were imported to."""

import gc
from collections.abc import Iterator
from functools import _lru_cache_wrapper
from types import CodeType, FunctionType


def swap(old: CodeType, new: CodeType) -> int:
    """Give every living function of the module its new code; returns how many got another one.

    A function keeps its identity, so that `from module import function` elsewhere sees the mutant as well.
    Caches of pure functions are emptied: a result of the sound code must not hide the mutant.
    """
    path = old.co_filename
    changed = {_key(code): code for code in _codes(new)}
    for code in _codes(old):
        if changed.get(_key(code)) == code:
            del changed[_key(code)]
    count = 0
    for thing in gc.get_objects():
        if isinstance(thing, _lru_cache_wrapper):
            thing.cache_clear()
        elif isinstance(thing, FunctionType) and thing.__code__.co_filename == path:
            code = changed.get(_key(thing.__code__))
            if code is not None:
                thing.__code__ = code
                count += 1
    return count


def _key(code: CodeType) -> tuple[str, int]:
    return code.co_qualname, code.co_firstlineno


def _codes(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _codes(constant)
