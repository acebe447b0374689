"""Puts a mutant's code into the functions of this process, wherever they were imported to."""

import gc
import os
from collections.abc import Iterator
from functools import _lru_cache_wrapper
from pathlib import Path
from types import CodeType, FunctionType


class Living:
    """The functions of some modules and all caches, found once: a fork that looked for them would be slow."""

    def __init__(self, folder: Path) -> None:
        prefix = str(folder) + os.sep
        objects = gc.get_objects()
        self._functions = [
            thing
            for thing in objects
            if isinstance(thing, FunctionType) and thing.__code__.co_filename.startswith(prefix)
        ]
        self._caches = [thing for thing in objects if isinstance(thing, _lru_cache_wrapper)]

    def swap(self, old: CodeType, new: CodeType) -> int:
        """Give every living function of the module its new code; returns how many got another one.

        A function keeps its identity, so that `from module import function` elsewhere sees the mutant as well.
        Caches of pure functions are emptied: a result of the sound code must not hide the mutant.
        """
        changed = {_key(code): code for code in _codes(new)}
        for code in _codes(old):
            if changed.get(_key(code)) == code:
                del changed[_key(code)]
        for cache in self._caches:
            cache.cache_clear()
        count = 0
        for function in self._functions:
            code = changed.get(_key(function.__code__))
            if code is not None and function.__code__.co_filename == old.co_filename:
                function.__code__ = code
                count += 1
        return count


def _key(code: CodeType) -> tuple[str, int]:
    return code.co_qualname, code.co_firstlineno


def _codes(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _codes(constant)
