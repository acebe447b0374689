"""What meters say, and what is made of it. Registers and energy in Wh, times in epoch seconds UTC."""

from dataclasses import dataclass
from enum import StrEnum

from grid.words import Words


class Quality(StrEnum):
    """Where a slot's energy comes from."""

    MEASURED = "measured"
    """The difference of two readings, one slot apart."""
    ESTIMATED = "estimated"
    """A reading is missing: what was expected, or a share of the difference across the gap."""
    CORRECTED = "corrected"
    """Measured or shared out anew after the slot was settled."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a connection drew and fed in during a slot, Wh, as settlement takes it."""

    connection: int
    slot_start: int
    import_wh: int
    export_wh: int
    quality: Quality = Quality.MEASURED


@dataclass(frozen=True, slots=True)
class Report:
    """One reading as a meter sends it: its two registers at the slot's end, and the how-manieth reading it is.

    The signed form is `MeterReading` (docs/protocol.md). Nothing here is checked yet.
    """

    slot_start: int
    slot_end: int
    import_wh: int
    export_wh: int
    sequence: int


@dataclass(frozen=True, slots=True)
class Mark:
    """A valid reading: what the registers showed at `slot_end`."""

    slot_end: int
    import_wh: int
    export_wh: int
    sequence: int

    @property
    def registers(self) -> tuple[int, int]:
        """Import and export."""
        return self.import_wh, self.export_wh


@dataclass(frozen=True, slots=True)
class Device:
    """What is known of a meter before it says anything.

    Attributes:
        name: what its owner calls it.
        digits: of each register, whole Wh; after 99...9 comes 0.
        max_wh: most that its connection's fuse lets through in one slot, either way.
    """

    name: str
    digits: int
    max_wh: int

    @property
    def modulus(self) -> int:
        """At which the registers begin anew."""
        return int(10**self.digits)


class FaultCode(StrEnum):
    """What can be wrong with a reading, or be noted about it."""

    MISSING = "missing"
    LATE = "late"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    SEQUENCE = "out_of_order"
    FUTURE = "future"
    OFF_GRID = "off_grid"
    NEGATIVE = "negative"
    OVERFLOW = "too_many_digits"
    BACKWARDS = "backwards"
    IMPLAUSIBLE = "implausible"
    TOO_OLD = "too_old"
    RESET = "reset"
    ROLLOVER = "rollover"
    SIGNATURE = "wrong_signature"
    UNKNOWN_METER = "unknown_meter"
    REMOVED = "removed"


REMEDIES = {
    FaultCode.MISSING: Words("read the meter again; the slot is estimated until then, and corrected after"),
    FaultCode.LATE: Words("nothing, the slot is corrected; look at the line if it happens often"),
    FaultCode.DUPLICATE: Words("nothing, it counts once"),
    FaultCode.CONFLICT: Words("find out which of the two is true; the first one counts"),
    FaultCode.SEQUENCE: Words("number readings upwards in the order of their slots"),
    FaultCode.FUTURE: Words("set the meter's clock"),
    FaultCode.OFF_GRID: Words("read at full quarter-hours, one slot of 900 s a reading"),
    FaultCode.NEGATIVE: Words("registers only count up: put export into the export register"),
    FaultCode.OVERFLOW: Words("correct the digits that the meter is registered with"),
    FaultCode.BACKWARDS: Words("register the meter's exchange if there was one, else check the meter"),
    FaultCode.IMPLAUSIBLE: Words("check the meter's factor and the connection's rating"),
    FaultCode.TOO_OLD: Words("nothing before the meter's first reading, or closed for good, can change"),
    FaultCode.RESET: Words("enter the last value before the reset if it is known"),
    FaultCode.ROLLOVER: Words("nothing, the registers began anew after their last digit"),
    FaultCode.SIGNATURE: Words("sign with the key that the meter is registered with"),
    FaultCode.REMOVED: Words("send the readings of the meter that took its place"),
    FaultCode.UNKNOWN_METER: Words("have the metering operator register the meter"),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that an operator should know about one reading: which meter, which slot, what, and what to do."""

    code: FaultCode
    meter: str
    slot_start: int
    words: Words

    @property
    def remedy(self) -> Words:
        """What to do about it."""
        return REMEDIES[self.code]

    def as_dict(self) -> dict[str, str | int]:
        """For JSON."""
        return {
            "code": self.code.value,
            "meter": self.meter,
            "slot_start": self.slot_start,
            "words": str(self.words),  # plain texts: msgspec writes no subclass of str
            "remedy": str(self.remedy),
        }
