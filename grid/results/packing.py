"""Long series in few bytes for a page: 16-bit steps, little-endian, base64. The steps are far below what a meter shows."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

NOTHING = 65_535
STEPS = 65_534
"""One code is kept for "no value"."""


@dataclass(slots=True)
class Grid:
    """Rows of equal length, packed as they come with fixed steps: voltages, loadings.

    Attributes:
        offset: what code 0 stands for.
        step: what one code more adds; values beyond the last code are shown as the last one.
    """

    offset: float
    step: float
    data: bytearray = field(default_factory=bytearray)
    rows: int = 0

    def add(self, values: Sequence[float]) -> None:
        """One row more; not a number is nothing."""
        numbers = np.asarray(values, dtype=np.float64)
        codes = np.clip(np.rint((np.nan_to_num(numbers) - self.offset) / self.step), 0, STEPS)
        self.data += np.where(np.isnan(numbers), NOTHING, codes).astype("<u2").tobytes()
        self.rows += 1

    def array(self) -> npt.NDArray[np.float64]:
        """(rows, columns) as a reader will see it, not a number where there is nothing."""
        codes = self._codes()
        return np.where(codes == NOTHING, np.nan, self.offset + self.step * codes.astype(np.float64))

    def packed(self, every: int = 1) -> dict[str, Any]:
        """Every n-th row, JSON-able."""
        codes = self._codes()[::every]
        return _packed(codes, self.offset, self.step)

    def _codes(self) -> npt.NDArray[np.uint16]:
        return np.frombuffer(bytes(self.data), dtype="<u2").reshape(self.rows, -1)


def pack(values: Sequence[float | None]) -> dict[str, Any]:
    """One series with steps that span its own range; None stays nothing."""
    numbers = np.array([np.nan if value is None else value for value in values], dtype=np.float64)
    known = numbers[~np.isnan(numbers)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)
    step = (high - low) / STEPS or 1.0
    codes = np.where(np.isnan(numbers), NOTHING, np.rint((np.nan_to_num(numbers) - low) / step))
    return _packed(codes.astype("<u2").reshape(-1, 1), low, step)


def unpack(packed: dict[str, Any]) -> npt.NDArray[np.float64]:
    """(rows, columns), not a number where there is nothing; what the page's script does."""
    codes = np.frombuffer(base64.b64decode(packed["data"]), dtype="<u2").reshape(packed["shape"])
    return np.where(codes == NOTHING, np.nan, packed["offset"] + packed["step"] * codes)


def _packed(codes: npt.NDArray[np.uint16], offset: float, step: float) -> dict[str, Any]:
    data = base64.b64encode(np.ascontiguousarray(codes).tobytes()).decode()
    return {"shape": list(codes.shape), "offset": offset, "step": step, "data": data}
