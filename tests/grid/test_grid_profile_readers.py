"""Profile files as people have them: every reading keeps the energy, every fault has its line and remedy."""

import gzip
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from grid.profiles import Bounds, Options, ProfileFaultError, Profiles, read_profiles, write_profiles
from grid.profiles.faults import MOST_FAULTS

START = datetime(2026, 3, 1, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(content: str | bytes, name: str = "meter.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return written


def rows(
    count: int, minutes: int, value: Callable[[int], str], start: datetime = START, sign: str = ","
) -> str:
    return "".join(
        f"{(start + timedelta(minutes=minutes * i)).isoformat()}{sign}{value(i)}\n" for i in range(count)
    )


def faults_of(path: Path, options: Options | None = None) -> list[str]:
    with pytest.raises(ProfileFaultError) as caught:
        read_profiles(path, options)
    assert all(fault.file == path.name for fault in caught.value.faults)
    return [f"{fault.line}: {fault.words}" for fault in caught.value.faults]


@pytest.mark.parametrize("minutes", [1, 5, 10, 12, 15, 20, 30, 60])
@pytest.mark.parametrize("unit", ["kWh", "Wh", "kW", "W"])
def test_every_resolution_keeps_its_energy(write: Write, minutes: int, unit: str) -> None:
    count = 240 // minutes
    values = [7919 * (i + 1) % 4001 for i in range(count)]
    per_kwh = {"kWh": 1.0, "Wh": 1e-3, "kW": minutes / 60, "W": minutes / 60e3}[unit]
    profiles = read_profiles(write(f"time,house_{unit}\n" + rows(count, minutes, lambda i: str(values[i]))))
    assert len(profiles.slot_start) == 16
    assert profiles.start == int(START.timestamp())
    assert profiles.resolution_s == minutes * 60
    assert profiles.energy_kwh("house") == pytest.approx(sum(values) * per_kwh, rel=1e-12)
    assert profiles.units == {"house": unit}


def test_minutes_are_averaged_and_hours_spread(write: Write) -> None:
    fine = read_profiles(write("time,a_kW\n" + rows(30, 1, str)))
    assert fine.absolute["a"].tolist() == [7.0, 22.0]
    coarse = read_profiles(write("time,a_kWh\n" + rows(2, 60, lambda i: str(4 * i + 4))))
    assert coarse.absolute["a"].tolist() == [4.0] * 4 + [8.0] * 4


@pytest.mark.parametrize(("day", "slots"), [((2026, 3, 29), 92), ((2026, 10, 25), 100), ((2026, 6, 1), 96)])
@pytest.mark.parametrize("stamps", ["start", "end"])
@pytest.mark.parametrize("minutes", [15, 60])
def test_days_of_92_and_100_slots_in_a_named_zone(
    write: Write, day: tuple[int, int, int], slots: int, stamps: Any, minutes: int
) -> None:
    first = datetime(*day, tzinfo=BERLIN)
    end = (first + timedelta(days=1)).replace(tzinfo=BERLIN).timestamp()
    moments = np.arange(first.timestamp(), end, 60 * minutes) + (60 * minutes if stamps == "end" else 0)
    naive = [datetime.fromtimestamp(moment, BERLIN).strftime("%d.%m.%Y %H:%M") for moment in moments]
    text = "Zeit;Haus [kWh]\n" + "".join(f"{moment};1,5\n" for moment in naive)
    profiles = read_profiles(write(text), Options(zone="Europe/Berlin", stamps=stamps))
    assert len(profiles.slot_start) == slots
    assert profiles.start == first.timestamp()
    assert profiles.energy_kwh("Haus") == pytest.approx(1.5 * len(moments))


@pytest.mark.parametrize(
    "text",
    [
        "time;a_kW;b\n" + rows(4, 15, lambda _: "1,25;0,5", sign=";"),
        "\ufefftime,a (kW),b\r\n" + rows(4, 15, lambda _: "1.25,.5").replace("\n", "\r\n"),
        '"time","a [kW]","b"\n' + rows(4, 15, lambda _: '"1.25","0.5"'),
        "time\ta kW\tb\n" + rows(4, 15, lambda _: "1,25\t0,5", sign="\t"),
        "time;a_W;b\n\n" + rows(4, 15, lambda _: "1250;5e-1", sign=";") + "\n;;\n",
        "# unit = relative\n# stamps = start\n" + "time,a_KW,b\n" + rows(4, 15, lambda _: "1.25,0.5"),
    ],
    ids=["semicolon", "bom", "quoted", "tab", "watts", "comments"],
)
def test_dialects(write: Write, text: str) -> None:
    for path in (write(text), write(gzip.compress(text.encode()), "meter.csv.gz")):
        profiles = read_profiles(path, Options(unit="relative"))
        assert profiles.absolute["a"].tolist() == [1.25] * 4
        assert profiles.columns["b"].tolist() == [0.5] * 4


@pytest.mark.parametrize(
    "stamp",
    [
        lambda at: at.isoformat().replace("+00:00", "Z"),
        lambda at: at.astimezone(BERLIN).isoformat(),
        lambda at: str(int(at.timestamp())),
        lambda at: at.astimezone(BERLIN).strftime("%Y-%m-%d %H:%M:%S"),
        lambda at: at.astimezone(BERLIN).strftime("%d.%m.%Y %H:%M"),
    ],
    ids=["Z", "offset", "epoch", "naive", "german"],
)
def test_stamps(write: Write, stamp: Callable[[datetime], str]) -> None:
    text = "when,a_kW\n" + "".join(f"{stamp(START + timedelta(minutes=15 * i))},1\n" for i in range(4))
    assert read_profiles(write(text), Options(zone="Europe/Berlin")).start == START.timestamp()


def test_absolute_columns_are_written_and_read_again(tmp_path: Path) -> None:
    given_ = Profiles(np.arange(900, 4500, 900), {"PV1": np.ones(4)}, {"house": np.array([0.5, 1, 2, 4])})
    write_profiles(tmp_path / "own.csv.gz", given_)
    back = read_profiles(tmp_path / "own.csv.gz")
    assert back.absolute["house"].tolist() == [0.5, 1, 2, 4]
    assert back.columns["PV1"].tolist() == [1.0] * 4


GOOD = rows(4, 15, lambda _: "1")
BROKEN = {
    "empty": ("", ["None: is empty"]),
    "no header": (GOOD, ["1: begins with data; the first line must be a header"]),
    "one column": ("time\n2026-03-01T00:00Z\n", ["1: has a single column; it needs the time and at least one"]),
    "no unit": ("time,house\n" + GOOD, ["1: column 'house' has no unit; name it like house_kW"]),
    "milliwatt": ("time,house [mW]\n" + GOOD, ["1: column 'house [mW]' has no unit"]),
    "name twice": ("time,a_kW,a_kWh\n" + rows(4, 15, lambda _: "1,1"), ["1: column 'a' stands there twice; rename"]),
    "no name": ("time,a_kW,\n" + rows(4, 15, lambda _: "1,1"), ["1: column 3 has no name; name it, or delete"]),
    "no zone": (
        "time,a_kW\n2026-03-01 00:00,1\n2026-03-01 00:15,1\n",
        ["2: 2026-03-01 00:00 has no offset; write it like 2026-03-01T00:00:00+01:00, or name the zone"],
    ),
    "no time": ("time,a_kW\nyesterday,1\ntoday,1\n", ["2: 'yesterday' is no time; write it like", "3: 'today' is no time"]),
    "american": ("time,a_kW\n3/1/2026 0:00,1\n3/1/2026 0:15,1\n", ["2: '3/1/2026 0:00' may mean two dates", "3: "]),
    "day alone": ("Datum;a_kW\n01.03.2026;1\n02.03.2026;1\n", ["2: '01.03.2026' has no time of day; write date", "3: "]),
    "24:00": ("time;a_kW\n01.03.2026 23:45;1\n01.03.2026 24:00;1\n", ["2: 01.03.2026 23:45 has no", "3: '01.03.2026 24:00': write"]),
    "milliseconds": (
        "time,a_kW\n1772323200000,1\n1772324100000,1\n",
        ["2: '1772323200000' looks like milliseconds; times as numbers are epoch seconds: divide by 1000", "3: "],
    ),
    "text": ("time,a_kW\n" + GOOD.replace("1\n", "abc\n"), [f"{n}: column 'a_kW': 'abc' is no number" for n in range(2, 6)]),
    "unit in field": ("time,a_kW\n" + rows(2, 15, lambda i: ["1", "1 kW"][i]), ["3: column 'a_kW': '1 kW' is no number"]),
    "missing": ("time,a_kW\n" + rows(2, 15, lambda i: ["1", ""][i]), ["3: column 'a_kW': is empty; estimate the missing"]),
    "NaN": ("time,a_kW\n" + rows(2, 15, lambda i: ["NaN", "1"][i]), ["2: column 'a_kW': holds 'NaN'; estimate"]),
    "thousands": (
        "time;a_W\n" + rows(2, 15, lambda _: "1.234,5", sign=";"),
        ["2: column 'a_W': '1.234,5' has thousands separators; write it without", "3: "],
    ),
    "doubtful": (
        "time;a_W\n" + rows(2, 15, lambda _: "1.234", sign=";"),
        ["2: column 'a_W': '1.234' may be a thousand or a decimal number", "3: "],
    ),
    "two decimals": (
        "time;a_kW\n" + rows(2, 15, lambda i: ["0,5", "0.5"][i], sign=";"),
        ["3: column 'a_kW': '0.5' has another decimal separator than the rest of the file"],
    ),
    "fields": ("time,a_kW\n" + GOOD + "2026-03-01T01:00:00+00:00\n", ["6: has 1 fields instead of 2; mend the line"]),
    "gap": (
        "time,a_kW\n" + rows(4, 15, lambda _: "1") + rows(4, 15, lambda _: "1", START + timedelta(hours=2)),
        ["6: 4 values are missing between 2026-03-01T00:45Z and 2026-03-01T02:00Z; estimate and fill the gap"],
    ),
    "twice": ("time,a_kW\n" + GOOD + GOOD.splitlines()[3], ["6: 2026-03-01T00:45Z comes twice; delete one of the two"]),
    "not sorted": (
        "time,a_kW\n" + GOOD + "2026-03-01T00:15Z,1\n",
        ["6: 2026-03-01T00:15Z is earlier than the line above; sort the lines by time"],
    ),
    "off the grid": (
        "time,a_kW\n" + rows(4, 15, lambda _: "1", START + timedelta(minutes=5)),
        ["2: the first interval starts at 2026-03-01T00:05Z, not on a quarter-hour; cut the file, or say"],
    ),
    "mixed": (
        "time,a_kW\n" + GOOD + "2026-03-01T00:50Z,1\n",
        ["6: 2026-03-01T00:50Z follows 2026-03-01T00:45Z by 5 min instead of 15 min; bring the values to one"],
    ),
    "half a slot": ("time,a_kW\n" + rows(20, 1, str), ["21: the last quarter-hour is not complete; cut the file at"]),
    "too coarse": ("time,a_kW\n" + rows(4, 120, str), ["None: has a value every 120 min; intervals from 1 minute"]),
    "too fine": ("time,a_kW\n" + "".join(f"2026-03-01T00:00:{s:02}Z,1\n" for s in range(9)), ["None: has a value every 1 s"]),
    "negative": ("time,a_kW\n" + rows(2, 15, lambda i: str(1 - 2 * i)), ["3: column 'a': -1 kW is negative; consumption"]),
    "too much": ("time,a_MW\n" + rows(2, 15, lambda i: str(10**5 * i)), ["3: column 'a': 100000 MW can't be; is the unit"]),
    "register": (
        "time,a_kWh\n" + rows(40, 15, lambda i: str(5000 + i)),
        ["None: column 'a' only ever grows, as a meter's register does; give the energy of each interval"],
    ),
    "one row": ("time,a_kW\n2026-03-01T00:00Z,1\n", ["None: holds fewer than two rows of data"]),
    "quote": ('time,a_kW\n"2026-03-01,1\n', ["None: is no CSV (unexpected end of data); is a quotation mark missing?"]),
    "latin": ("time,Küche_kW\n".encode("latin-1"), ["None: is not UTF-8; save it as “CSV UTF-8”"]),
    "utf-16": ("time,a_kW\n".encode("utf-16"), ["None: is UTF-16; save it as “CSV UTF-8”"]),
    "excel": (b"PK\x03\x04rest", ["None: is a ZIP archive or an Excel workbook; unpack it, or save the sheet"]),
    "torn gzip": (gzip.compress(b"time,a_kW\n" * 99)[:-9], ["None: is damaged gzip; pack it again"]),
    "unknown unit": ("# unit = horses\ntime,a\n" + GOOD, ["1: # unit = horses: is unknown; choose one of W kW", "2: col"]),
    "unknown zone": ("# zone = Europe/Bonn\ntime,a_kW\n" + GOOD, ["None: zone 'Europe/Bonn' is unknown; name it as"]),
    "several": (
        "time,a_kW,b\n2026-03-01T00:00Z,1,x\n2026-03-01T00:15Z,-1,2\n2026-03-01T01:00Z,1\n",
        ["1: column 'b' has no unit", "2: column 'b': 'x' is no number", "3: column 'a': -1", "4: has 2 fields", "4: 2 values are missing"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_faults_have_line_and_remedy(write: Write, name: str) -> None:
    content, expected = BROKEN[name]
    found = faults_of(write(content))
    assert len(found) == len(expected), found
    for words, beginning in zip(found, expected, strict=True):
        assert words.startswith(beginning), found


def test_the_hour_that_clocks_skip_is_named(write: Write) -> None:
    text = "time,a_kW\n" + "".join(f"2026-03-29 {h:02}:{m:02},1\n" for h in (1, 2) for m in (0, 15, 30, 45))
    found = faults_of(write(text), Options(zone="Europe/Berlin"))
    assert found[0].startswith("6: 2026-03-29 02:00 does not exist in Europe/Berlin (clocks go forward)")
    assert len(found) == 4


def test_gaps_are_told_in_the_owners_time(write: Write) -> None:
    text = "time,a_kW\n2026-03-01 00:00,1\n2026-03-01 00:15,1\n2026-03-01 00:45,1\n"
    found = faults_of(write(text), Options(zone="Europe/Berlin"))
    assert found == [
        "4: 1 value is missing between 2026-03-01T00:15+01:00 and 2026-03-01T00:45+01:00; estimate and fill the gap"
    ]


def test_a_decimal_separator_that_is_said_settles_doubt(write: Write) -> None:
    text = "time;a_W\n" + rows(2, 15, lambda _: "1.234", sign=";")
    assert read_profiles(write(text), Options(decimal=".")).absolute["a"][0] == pytest.approx(0.001234)


def test_no_more_faults_are_told_than_can_be_read(write: Write) -> None:
    found = faults_of(write("time,a_kW\n" + rows(300, 15, lambda _: "x")))
    assert len(found) == MOST_FAULTS + 1
    assert (
        found[-1] == f"None: {300 - MOST_FAULTS} more faults are not listed; mend these first and check again"
    )


def test_bombs_and_masses_are_stopped(write: Write) -> None:
    bomb = gzip.compress(b"time,a_kW\n" + b"2026-03-01T00:00Z,1\n" * 200_000)
    found = faults_of(write(bomb, "bomb.csv.gz"), Options(bounds=Bounds(bytes=1024 * 1024)))
    assert found == ["None: is larger than 1 MiB unpacked; cut it to fewer days or columns, or to 15 minutes"]
    many = faults_of(write("time,a_kW\n" + rows(99, 15, str)), Options(bounds=Bounds(cells=10)))
    assert many == ["13: has more than 10 numbers or 1100000 rows; cut it to fewer days or columns"]
    long = faults_of(write("time,a_kW\n" + rows(99, 15, str)), Options(bounds=Bounds(rows=20)))
    assert long[0].startswith("22: has more than 24000000 numbers or 20 rows")
    endless = faults_of(write("time,a_kW\n" + "x,y\n" * 20_000))
    assert endless[-1] == "None: 10000 more faults are not listed; mend these first and check again"
    assert faults_of(write(b"slot_start," + b"a," * 600_000))[0].startswith(
        "None: is no CSV (a line has more than"
    )


def table(path: Path, **columns: Any) -> Path:
    parquet.write_table(pa.table(columns), path)
    return path


def stamps(count: int = 8, zone: str | None = "UTC", unit: str = "us") -> Any:
    moments = [START.replace(tzinfo=None) + timedelta(minutes=15 * i) for i in range(count)]
    return pa.array(moments, pa.timestamp(unit)).cast(pa.timestamp(unit, zone)) if zone else pa.array(moments)


def test_parquet_with_and_without_a_zone(tmp_path: Path) -> None:
    whole = table(
        tmp_path / "a.parquet", a_kWh=[0.25] * 8, at=stamps(unit="ns"), b_relative=pa.array([1] * 8)
    )
    profiles = read_profiles(whole)
    assert profiles.start == START.timestamp()
    assert profiles.energy_kwh("a") == 2.0
    assert profiles.columns["b"].tolist() == [1.0] * 8
    naive = table(tmp_path / "b.parquet", at=stamps(zone=None), a_kW=[1.0] * 8)
    assert read_profiles(naive, Options(zone="Europe/Berlin")).start == START.timestamp() - 3600
    assert faults_of(naive)[0].startswith("1: the time of row 1 has no offset; write it like")


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        (
            {"at": stamps(3), "a_kW": [1.0, None, 2.0]},
            "2: column 'a' holds NaN or infinity; estimate the missing",
        ),
        (
            {"at": stamps(2), "a_kW": ["1", "2"]},
            "None: column 'a_kW' is string, no number; convert or drop it",
        ),
        (
            {"at": ["x", "y"], "a_kW": [1.0, 2.0]},
            "None: column 'at' is string, no time; store times with a type",
        ),
        ({"at": stamps(2), "a": [1.0, 2.0]}, "None: column 'a' has no unit; name it like"),
        (
            {"at": [1772323200000, 1772324100000], "a_kW": [1, 2]},
            "1: time 1772323200000 is not within 1970 to 2199",
        ),
        ({"at": stamps(0), "a_kW": pa.array([], pa.float64())}, "None: has no data; it needs a time column"),
    ],
)
def test_parquet_faults_have_row_and_remedy(tmp_path: Path, columns: dict[str, Any], expected: str) -> None:
    assert faults_of(table(tmp_path / "x.parquet", **columns))[0].startswith(expected)


def test_torn_parquet_is_refused(write: Write, tmp_path: Path) -> None:
    whole = table(tmp_path / "a.parquet", at=stamps(), a_kW=[1.0] * 8).read_bytes()
    for torn in (whole[:-30], whole[:50] + b"\xff" * 60 + whole[110:], b"PAR1"):
        assert faults_of(write(torn, "torn.parquet"))[0].startswith("None: is damaged Parquet (")


KIND = """<entry><link rel="self" href="RT/{n}"/><content><ReadingType><flowDirection>{flow}</flowDirection>
<powerOfTenMultiplier>{power}</powerOfTenMultiplier><uom>{uom}</uom></ReadingType></content></entry>"""
METER = """<entry><link rel="self" href="MR/{n}"/><link rel="related" href="MR/{n}/IB"/>
<link rel="related" href="RT/{n}"/><content><MeterReading/></content></entry>"""
BLOCK = """<entry><link rel="self" href="MR/{n}/IB/1"/><content><IntervalBlock><interval><duration>3600</duration>
<start>0</start></interval>{readings}</IntervalBlock></content></entry>"""
READING = """<IntervalReading><timePeriod><duration>900</duration><start>{start}</start></timePeriod>
<value>{value}</value></IntervalReading>"""


def feed(*series: tuple[str, str, str, list[str]], links: bool = True) -> str:
    parts = []
    for n, (flow, power, uom, values) in enumerate(series, 1):
        readings = [
            READING.format(start=int(START.timestamp()) + 900 * i, value=value)
            for i, value in enumerate(values)
        ]
        parts += [
            KIND.format(n=n, flow=flow, power=power, uom=uom),
            BLOCK.format(n=n, readings="".join(readings)),
        ]
        parts += [METER.format(n=n)] if links else []
    return (
        '<?xml version="1.0"?>\n<feed xmlns="http://www.w3.org/2005/Atom">\n'
        + "\n".join(parts)
        + "\n</feed>\n"
    )


def test_green_button_of_both_directions(write: Write) -> None:
    text = feed(("1", "0", "72", ["250", "500"]), ("19", "-3", "72", ["1000000", "0"]))
    for path in (write(text, "house.xml"), write(gzip.compress(text.encode()), "house.xml.gz")):
        profiles = read_profiles(path)
        assert profiles.absolute["house_import"].tolist() == [1.0, 2.0]
        assert profiles.absolute["house_export"].tolist() == [4.0, 0.0]
    power = read_profiles(write(feed(("1", "3", "38", ["2", "4"]), links=False), "one.xml"))
    assert power.absolute["one_import"].tolist() == [2.0, 4.0]


LAUGHS = '<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]><feed>&b;</feed>'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (feed(("1", "0", "132", ["1", "2"])), "3: ReadingType: unit '132' can't be used; export energy (uom 72, Wh)"),
        (feed(("1", "99", "72", ["1", "2"])), "3: ReadingType: powerOfTenMultiplier '99' can't be"),
        (feed(("1", "0", "72", ["1", "x"])), "7: IntervalReading: value 'x' is no whole number; export the file again"),
        (feed(("1", "0", "72", ["1", "-2"])), "7: column 'm_import': -2 Wh is negative"),
        (feed(("1", "0", "72", ["1", "2"]), ("19", "0", "72", ["1"])), "14: m_export and m_import have other intervals"),
        (feed(("1", "0", "72", ["1", "2"]), ("1", "0", "72", ["1", "2"])), "14: has several meters; export each"),
        (feed(("1", "0", "72", []), links=False), "None: holds no IntervalReading; export the interval data"),
        (feed(("1", "0", "72", ["1"]), ("1", "0", "72", ["1"]), links=False), "5: IntervalBlock: its ReadingType can't"),
        (feed(("1", "0", "72", ["1", "2"])).replace("900<", "901<", 1), "7: IntervalReading: lasts 900 s, the first one 901 s"),
        (LAUGHS, "None: declares a document type or entities, which no meter data need"),
        ('<!DOCTYPE f SYSTEM "file:///etc/passwd"><feed/>', "None: declares a document type or entities"),
        ("<feed><entry></feed>", "1: is no well-formed XML; export the file again"),
        ("<feed>" + "<entry/>" * 20_001 + "</feed>", "1: has more than 20000 entries; export fewer days"),
        ("<a>" * 50, "1: is nested too deeply for meter data; export the file again"),
        ('<?xml version="1.0" encoding="klingon"?><feed/>', "None: has an unknown encoding"),
    ],
)  # fmt: skip
def test_green_button_faults_have_line_and_remedy(write: Write, text: str, expected: str) -> None:
    assert faults_of(write(text, "m.xml"))[0].startswith(expected), faults_of(write(text, "m.xml"))


SEEDS = [
    b"time,a_kW\n" + GOOD.encode(),
    b"time;a [kWh]\n" + GOOD.replace(",", ";").encode(),
    b"slot_start,PV1\n900,1\n1800,0.5\n",
    feed(("1", "0", "72", ["1", "2"])).encode(),
    gzip.compress(b"time,a_kW\n" + GOOD.encode()),
]


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(SEEDS), st.integers(0, 600), st.integers(0, 40), st.binary(max_size=24))
def test_damaged_files_give_faults_and_never_a_traceback(
    write: Write, seed: bytes, position: int, cut: int, noise: bytes
) -> None:
    position %= len(seed)
    path = write(seed[:position] + noise + seed[position + cut :])
    try:
        profiles = read_profiles(path)
    except ProfileFaultError as error:
        assert all(fault.words for fault in error.faults)  # noqa: PT017  either outcome is right
    else:
        assert len(profiles.slot_start)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode)),
    st.sampled_from([b"", b"PAR1", b"<"]),
)
def test_rubbish_gives_faults_and_never_a_traceback(write: Write, content: bytes, magic: bytes) -> None:
    with pytest.raises(ProfileFaultError):
        read_profiles(write(magic + content))
