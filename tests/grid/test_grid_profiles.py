"""Naive local stamps to UTC slots, and profile files with faults."""

import gzip
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from grid.profiles import ProfileFaultError, Profiles, local_to_slots, read_profiles, write_profiles


def utc(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp())


def stamps(day: str, hours: list[int]) -> list[str]:
    return [f"{day} {hour:02}:{minute:02}" for hour in hours for minute in (0, 15, 30, 45)]


def test_spring_day_has_92_slots_without_a_gap() -> None:
    hours = [hour for hour in range(24) if hour != 2]
    slots = local_to_slots(stamps("27.03.2016", hours))
    assert len(slots) == 92
    assert slots[0] == utc(2016, 3, 26, 23, 0)
    assert slots[7] == utc(2016, 3, 27, 0, 45)
    assert slots[8] == utc(2016, 3, 27, 1, 0)
    assert set(np.diff(slots)) == {900}


def test_autumn_day_has_100_slots_and_no_slot_twice() -> None:
    hours = [0, 1, 2, 2, *range(3, 24)]
    slots = local_to_slots(stamps("30.10.2016", hours))
    assert len(slots) == 100
    assert slots[8] == utc(2016, 10, 30, 0, 0)
    assert slots[12] == utc(2016, 10, 30, 1, 0)
    assert set(np.diff(slots)) == {900}


def test_the_hour_that_clocks_skip_is_refused_by_name() -> None:
    with pytest.raises(ProfileFaultError, match=r"row 9: 27\.03\.2016 02:00 does not exist in Europe/Berlin"):
        local_to_slots(stamps("27.03.2016", [0, 1, 2]))


def test_a_gap_is_refused_by_name() -> None:
    rows = stamps("01.06.2016", [0, 1])
    with pytest.raises(
        ProfileFaultError, match=r"row 6: 01\.06\.2016 01:30 does not follow 01\.06\.2016 01:00"
    ):
        local_to_slots(rows[:5] + rows[6:])


def test_a_missing_repeated_hour_is_refused() -> None:
    with pytest.raises(ProfileFaultError, match="does not follow"):
        local_to_slots(stamps("30.10.2016", [1, 2, 3]))


def test_what_is_written_is_read(tmp_path: Path) -> None:
    profiles = Profiles(np.arange(900, 4500, 900), {"PV1": np.array([0.0, 0.1, 1 / 3, 1.0])})
    write_profiles(tmp_path / "a.csv.gz", profiles)
    back = read_profiles(tmp_path / "a.csv.gz")
    assert back.slot_start.tolist() == [900, 1800, 2700, 3600]
    np.testing.assert_allclose(back.columns["PV1"], profiles.columns["PV1"], atol=1e-9)
    write_profiles(tmp_path / "b.csv.gz", back)
    assert (tmp_path / "a.csv.gz").read_bytes() == (tmp_path / "b.csv.gz").read_bytes()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("900,1\n1800,1\n", "line 1: begins with data; the first line must be a header"),
        ("slot_start,PV1\n", "holds fewer than two rows"),
        ("slot_start,PV1\n900,1\n1800\n", "line 3: has 1 fields instead of 2"),
        ("slot_start,PV1\n900,1\n1800,1,5\n", "line 3: has 3 fields instead of 2"),
        ("slot_start,PV1\n900,abc\n", "line 2: column 'PV1': 'abc' is no number"),
        ("slot_start,PV1\n900,nan\n", "line 2: column 'PV1': holds 'nan'"),
        ("slot_start,PV1\n900,1\n2700,1\n", "line 3: 1 value is missing between 1970-01-01T00:15Z and"),
        ("slot_start,PV1\n901,1\n1801,1\n", "line 2: the first interval starts at 1970-01-01T00:15:01Z"),
    ],
)
def test_faults_name_file_line_and_remedy(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "x.csv").write_text(text)
    (tmp_path / "x.csv.gz").write_bytes(gzip.compress(text.encode()))
    for name in ("x.csv", "x.csv.gz"):
        with pytest.raises(ProfileFaultError, match=complaint):
            read_profiles(tmp_path / name)


def test_missing_file_and_missing_profile_are_named(tmp_path: Path) -> None:
    with pytest.raises(ProfileFaultError, match=r"no\.csv: can't be read"):
        read_profiles(tmp_path / "no.csv")
    profiles = Profiles(np.array([0, 900]), {"PV1": np.zeros(2)})
    with pytest.raises(ProfileFaultError, match="profile 'PV9' is missing"):
        profiles.column("PV9")


@pytest.mark.parametrize(("start", "end"), [(0, 1801), (0, 2700), (-900, 900), (900, 900)])
def test_period_outside_the_file_is_refused(start: int, end: int) -> None:
    profiles = Profiles(np.array([0, 900]), {})
    with pytest.raises(ProfileFaultError, match="change the period or extract another file"):
        profiles.window(start, end)
