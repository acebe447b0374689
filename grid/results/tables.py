"""The tables that a run is exported as: their columns with units, and their rows slot by slot."""

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from grid.gate.limits import Breach
from grid.networks.feeder import Feeder
from grid.results.metering import METER_TABLES
from grid.results.record import HOME_FIELDS, RARE_HOME_FIELDS

Kind = Literal["int", "float", "str"]
Row = tuple[Any, ...]
SlotData = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its type, its unit ("" where it has none), and what it means."""

    name: str
    kind: Kind
    unit: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Places:
    """What indices in the slots stand for: names of connections as trades have them, buses, lines, transformers."""

    homes: Sequence[str]
    buses: Sequence[str]
    lines: Sequence[str]
    transformers: Sequence[str]

    @staticmethod
    def of(feeder: Feeder, homes: Sequence[str]) -> "Places":
        """Of a feeder, its connections under the names `homes`."""
        parts = (feeder.buses, feeder.lines, feeder.transformers)
        return Places(homes, *([part.name for part in some] for some in parts))


@dataclass(frozen=True, slots=True)
class Table:
    """A table filled slot by slot, or at the end from the summary (`rows` None)."""

    name: str
    meaning: str
    columns: tuple[Column, ...]
    rows: Callable[[SlotData, Places], Iterable[Row]] | None

    @property
    def title(self) -> str:
        """As a person reads it."""
        return self.name.replace("_", " ").capitalize()


_WHEN = (
    Column("slot_start", "int", "s", "start of the quarter-hour, epoch seconds UTC"),
    Column("utc", "str", "", "the same as ISO 8601"),
)
_SLOT_WH = {
    "import_wh": "drawn from the grid above, at the feeder's source",
    "export_wh": "fed into the grid above, at the feeder's source",
    "production_wh": "produced by all plants, after curtailment",
    "wind_wh": "the part of it that is wind",
    "consumption_wh": "consumed by all loads, vehicles and heat pumps among them",
    "ev_wh": "drawn by vehicles",
    "heat_pump_wh": "drawn by heat pumps",
    "unmet_ev_wh": "still needed by vehicles that left, at their batteries",
    "unmet_heat_wh": "heat that houses lacked to the lower edge of their band",
    "charged_wh": "into all batteries, at their terminals",
    "discharged_wh": "out of all batteries, at their terminals",
    "losses_wh": "lost in lines and transformers",
    "curtailed_wh": "could have been produced and was not",
    "unserved_wh": "asked for and not supplied, in an outage",
    "hidden_wh": "drawn and hidden by lying meters",
    "traded_wh": "sold by trades",
    "delivered_wh": "of it metered at the seller",
}
_HOME_MEANING = {
    "load_wh": "consumed",
    "pv_wh": "produced, after curtailment",
    "curtailed_wh": "could have been produced and was not",
    "charged_wh": "into the battery, at its terminals",
    "discharged_wh": "out of the battery, at its terminals",
    "soc_wh": "stored at the slot's end",
    "wind_wh": "of what was produced, by a wind turbine",
    "ev_wh": "of what was consumed, by vehicles",
    "heat_pump_wh": "of what was consumed, by a heat pump",
}
_TRADE = (
    ("id", "str", "", "of the trade"),
    ("channel", "str", "", "that carries it; empty without channels"),
    ("seller", "str", "", "connection"),
    ("buyer", "str", "", "connection"),
    ("quantity_wh", "int", "Wh", "sold"),
    ("price_per_kwh", "int", "micro-units/kWh", "agreed"),
    ("amount", "int", "micro-units", "paid: quantity times price, rounded up"),
    ("delivered_wh", "int", "Wh", "metered"),
    ("refund", "int", "micro-units", "back to the buyer for what was not delivered"),
    ("estimated", "int", "", "1 where a reading behind it was estimated, else 0"),
)


def utc(seconds: int) -> str:
    """A moment as ISO 8601 in UTC."""
    return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _when(slot: SlotData) -> Row:
    return slot["slot_start"], utc(slot["slot_start"])


def _slots(slot: SlotData, _: Places) -> Iterator[Row]:
    sums = [slot[key] for key in _SLOT_WH]
    dead = set(slot["dead_buses"])
    low, high = (
        [value for bus, value in enumerate(voltages) if bus not in dead]
        for voltages in (slot["vm_pu"], _high(slot))
    )
    unbalance = max(slot.get("unbalance_percent", ()), default=None)
    extremes = (min(low, default=None), max(high, default=None), unbalance)
    loadings = [max(slot[key], default=None) for key in ("line_loading_percent", "trafo_loading_percent")]
    said = "; ".join(Breach(**breach).words for breach in slot["breaches"])
    counts = (len(slot["trades"]), len(slot["refused"]), said)
    yield (*_when(slot), *sums, slot["price_mean"], slot["refund"], *extremes, *loadings, *counts)


def _behind(slot: SlotData, field: str) -> list[int]:
    kept: dict[str, list[int]] = slot["homes"]
    return kept[field] if field in kept else [0] * len(slot["meters"])


def _high(slot: SlotData) -> list[float]:
    voltages: list[float] = slot["vm_high_pu"] if "vm_high_pu" in slot else slot["vm_pu"]
    return voltages


def _homes(slot: SlotData, places: Places) -> Iterator[Row]:
    inside = zip(*(_behind(slot, field) for field in HOME_FIELDS + RARE_HOME_FIELDS), strict=True)
    for name, meter, behind, bill in zip(places.homes, slot["meters"], inside, slot["bills"], strict=True):
        yield (*_when(slot), name, *meter, *behind, *bill)


def _trades(slot: SlotData, _: Places) -> Iterator[Row]:
    for trade in slot["trades"]:
        yield (*_when(slot), *(trade[name] for name, *_ in _TRADE[:-1]), int(trade["estimated"]))


def _refusals(slot: SlotData, places: Places) -> Iterator[Row]:
    for verdict in slot["refused"]:
        asked, breach = verdict["nomination"], verdict["breach"] or {}
        parties = (places.homes[asked["seller"]], places.homes[asked["buyer"]])
        limit = [breach.get(key) for key in ("kind", "place", "value", "limit")]
        yield (
            *_when(slot),
            *parties,
            asked["quantity_wh"],
            verdict["max_passing_wh"],
            *limit,
            verdict["words"],
        )


def _about_meters(rows: Callable[[SlotData], Iterable[Row]]) -> Callable[[SlotData, Places], Iterator[Row]]:
    return lambda slot, _: ((*_when(slot), *row) for row in rows(slot))


def _voltages(slot: SlotData, places: Places) -> Iterator[Row]:
    high = _high(slot)
    unbalance = slot.get("unbalance_percent") or [None] * len(high)
    for row in zip(places.buses, slot["vm_pu"], high, unbalance, strict=True):
        yield (*_when(slot), *row)


def _of_elements(key: str, names: str) -> Callable[[SlotData, Places], Iterator[Row]]:
    def rows(slot: SlotData, places: Places) -> Iterator[Row]:
        for name, value in zip(getattr(places, names), slot[key], strict=True):
            yield (*_when(slot), name, value)

    return rows


def _columns(*rows: tuple[str, str, str, str]) -> tuple[Column, ...]:
    return tuple(Column(*row) for row in rows)  # type: ignore[arg-type]  # the kinds are literals above and below


TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        Table(
            "slots",
            "one row a quarter-hour: sums and extremes",
            _WHEN
            + _columns(*((key, "int", "Wh", meaning) for key, meaning in _SLOT_WH.items()))
            + _columns(
                (
                    "price_mean",
                    "int",
                    "micro-units/kWh",
                    "mean of the trades by energy; empty without trades",
                ),
                ("refund", "int", "micro-units", "back to buyers for what was not delivered"),
                ("vm_min_pu", "float", "pu", "lowest voltage of all buses with supply"),
                ("vm_max_pu", "float", "pu", "highest voltage of all buses with supply"),
                (
                    "unbalance_max_percent",
                    "float",
                    "%",
                    "most unbalanced bus; empty where not solved by phase",
                ),
                ("line_max_percent", "float", "%", "fullest line, of its rated current"),
                ("transformer_max_percent", "float", "%", "fullest transformer, of its rating"),
                ("trades", "int", "", "number of trades"),
                ("refused", "int", "", "number of refusals by the gate"),
                ("breaches", "str", "", "limits that were exceeded all the same, in words"),
            ),
            _slots,
        ),
        Table(
            "homes",
            "one row a quarter-hour and connection",
            _WHEN
            + _columns(
                ("connection", "str", "", "its name"),
                ("import_wh", "int", "Wh", "metered from the feeder"),
                ("export_wh", "int", "Wh", "metered into the feeder"),
                *((field, "int", "Wh", meaning) for field, meaning in _HOME_MEANING.items()),
                ("residual_import_wh", "int", "Wh", "settled with the supplier at the retail price"),
                ("residual_export_wh", "int", "Wh", "settled with the supplier at the feed-in price"),
                ("charge", "int", "micro-units", "owed to the supplier"),
                ("credit", "int", "micro-units", "owed by the supplier"),
            ),
            _homes,
        ),
        Table("trades", "one row a trade", _WHEN + _columns(*_TRADE), _trades),
        Table(
            "refusals",
            "one row a trade that the gate refused",
            _WHEN
            + _columns(
                ("seller", "str", "", "connection"),
                ("buyer", "str", "", "connection"),
                ("quantity_wh", "int", "Wh", "asked for"),
                ("max_passing_wh", "int", "Wh", "would have passed"),
                ("limit_kind", "str", "", "voltage, line or transformer"),
                ("place", "str", "", "bus, line or transformer at its limit"),
                ("value", "float", "pu or %", "what it would have been"),
                ("limit", "float", "pu or %", "what is allowed"),
                ("words", "str", "", "what the gate said"),
            ),
            _refusals,
        ),
        *(
            Table(name, meaning, _WHEN + _columns(*columns), _about_meters(rows))
            for name, meaning, columns, rows in METER_TABLES
        ),
        Table(
            "voltages",
            "one row a quarter-hour and bus",
            _WHEN
            + _columns(
                ("bus", "str", "", "its name"),
                ("vm_pu", "float", "pu", "voltage by its nominal one, of the lowest phase; 0 without supply"),
                ("vm_high_pu", "float", "pu", "of the highest phase; the same where not solved by phase"),
                ("unbalance_percent", "float", "%", "of voltage; empty where not solved by phase"),
            ),
            _voltages,
        ),
        Table(
            "lines",
            "one row a quarter-hour and line",
            _WHEN
            + _columns(
                ("line", "str", "", "its name"), ("loading_percent", "float", "%", "of its rated current")
            ),
            _of_elements("line_loading_percent", "lines"),
        ),
        Table(
            "transformers",
            "one row a quarter-hour and transformer",
            _WHEN
            + _columns(
                ("transformer", "str", "", "its name"), ("loading_percent", "float", "%", "of its rating")
            ),
            _of_elements("trafo_loading_percent", "transformers"),
        ),
        Table(
            "bills",
            "one row a connection, over the whole period",
            _columns(
                ("connection", "str", "", "its name"),
                ("sold_wh", "int", "Wh", "delivered to neighbours"),
                ("bought_wh", "int", "Wh", "delivered by neighbours"),
                (
                    "bill_before",
                    "int",
                    "micro-units",
                    "what its meter counted, at the supplier's prices; negative is income",
                ),
                ("bill_after", "int", "micro-units", "supplier and trades together; negative is income"),
                ("saved", "int", "micro-units", "before less after"),
            ),
            None,
        ),
        Table(
            "summary",
            "one row a figure, over the whole period",
            _columns(
                ("section", "str", "", "of the summary, such as kpis"),
                ("figure", "str", "", "its name"),
                ("value", "float", "see name", "empty where it has none, as a share of zero"),
            ),
            None,
        ),
    )
}


def closing_rows(table: str, summary: SlotData) -> list[Row]:
    """Rows of the tables that come from the summary: `bills` and `summary`."""
    if table == "bills":
        keys = ("name", "sold_wh", "bought_wh", "bill_before", "bill_after", "saved")
        return [tuple(row[key] for key in keys) for row in summary["bills"]]
    return list(_figures(summary))


def _figures(summary: SlotData) -> Iterator[Row]:
    for section, content in summary.items():
        figures = content if isinstance(content, dict) else {"": content}
        for name, value in figures.items():
            if value is None or isinstance(value, int | float):
                yield section, name, None if value is None else float(value)


def dictionary() -> dict[str, Any]:
    """What every table and column means, JSON-able; it is written beside the tables."""
    return {
        table.name: {
            "meaning": table.meaning,
            "columns": {
                c.name: {"type": c.kind, "unit": c.unit, "meaning": c.meaning} for c in table.columns
            },
        }
        for table in TABLES.values()
    }
