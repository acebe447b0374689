"""Chance in assets: a number or a stream that depends on the scenario's seed and its place only, never on the order."""

import zlib

import numpy as np


def stream(seed: int, what: str, *place: int) -> np.random.Generator:
    """Random numbers for one purpose at one place; the same on any machine and after a resume."""
    return np.random.default_rng([seed, zlib.crc32(what.encode()), *place])
