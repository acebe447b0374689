"""An agent's rules: whatever the market looks like, none of its steps leaves them."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channels_engine.core.amounts import amount_of
from marketplace.trading.own_agent.dry_run import PastSlot, Prices, dry_run, summary
from marketplace.trading.own_agent.planner import Action, Channel, Moment, Quote, Slot, left_wh, plan
from marketplace.trading.own_agent.rules import Rules, faults_of, mandate_text, rules_from

ROOT = Path(__file__).parents[2]
NOON = 1_465_466_400
RULES = Rules(
    sells=True,
    sell_from=120_000,
    buys=True,
    buy_up_to=110_000,
    reserve_wh=100,
    budget=200_000,
    most_wh=1500,
    partners="all",
    from_minute=0,
    to_minute=0,
    zone="Europe/Berlin",
)
PARTNERS = ("h-1", "h-2", "h-3")
wh = st.integers(0, 4000)
prices = st.integers(0, 400_000)
minutes = st.integers(0, 1439)
days = st.integers(0, 7)


@st.composite
def rules(draw: Any) -> Rules:
    sells = draw(st.booleans())
    buy_up_to = draw(prices)
    return Rules(
        sells=sells,
        sell_from=buy_up_to + draw(prices),
        buys=draw(st.booleans()) if sells else True,
        buy_up_to=buy_up_to,
        reserve_wh=draw(st.integers(0, 500)),
        budget=draw(st.integers(1, 400_000)),
        most_wh=draw(st.integers(1, 3000)),
        partners=draw(st.sampled_from(("all", "known"))),
        from_minute=draw(minutes),
        to_minute=draw(minutes),
        zone="Europe/Berlin",
    )


@st.composite
def moments(draw: Any) -> Moment:
    starts = [NOON + i * 900 for i in range(draw(st.integers(0, 4)))]
    slots = tuple(Slot(start, *(draw(wh) for _ in range(3)), draw(wh), draw(wh)) for start in starts)
    channels = {
        name: Channel(f"0x{name}", name, known=draw(st.booleans()), mine=draw(prices), theirs=draw(prices))
        for name in draw(st.sets(st.sampled_from(PARTNERS)))
    }
    quote = st.builds(
        Quote,
        st.sampled_from(PARTNERS),
        st.booleans(),
        st.sampled_from(starts or [NOON]),
        st.integers(1, 4000),
        prices,
        offer=st.sampled_from(("", "0x01", "0x02")),
    )
    quotes = tuple(draw(st.lists(quote, max_size=8)))
    return Moment(slots, {}, channels, quotes, least_wh=draw(st.integers(1, 100)))


def _after(moment: Moment, given_rules: Rules, action: Action) -> Moment:
    """The step was taken at once: its energy and money are spoken for."""
    start, wh_ = action.quote.slot_start, action.quantity_wh
    slots = tuple(
        slot
        if slot.start != start
        else replace(slot, sold_wh=slot.sold_wh + wh_ * action.sells)
        if action.sells
        else replace(slot, bought_wh=slot.bought_wh + wh_)
        for slot in moment.slots
    )
    spent = dict(moment.spent)
    if not action.sells:
        day = given_rules.day_of(start)
        spent[day] = spent.get(day, 0) + action.amount
    step = (action.quote.partner, start, action.sells)
    answered = moment.answered | {action.quote.offer} if action.quote.offer else moment.answered
    return replace(moment, slots=slots, spent=spent, tried=moment.tried | {step}, answered=answered)


@settings(max_examples=150)
@given(rules(), moments())
def test_no_step_leaves_the_rules(given_rules: Rules, moment: Moment) -> None:
    begin = {slot.start: slot for slot in moment.slots}
    for _step in range(40):
        action = plan(given_rules, moment).action
        if action is None:
            break
        slot, channel = begin[action.quote.slot_start], moment.channels[action.quote.partner]
        assert given_rules.sells if action.sells else given_rules.buys
        assert given_rules.in_hours(slot.start)
        assert moment.least_wh <= action.quantity_wh <= min(given_rules.most_wh, action.quote.quantity_wh)
        if action.sells:
            assert action.price_per_kwh >= given_rules.sell_from
        else:
            assert action.price_per_kwh <= given_rules.buy_up_to
        assert channel.known or given_rules.partners == "all"
        assert action.amount <= (channel.theirs if action.sells else channel.mine)
        assert action.kind == "offer" or action.price_per_kwh == action.quote.price_per_kwh
        assert action.kind != "accept" or action.quantity_wh == action.quote.quantity_wh
        moment = _after(moment, given_rules, action)
    else:
        pytest.fail("it never comes to an end")
    assert all(spent <= given_rules.budget for spent in moment.spent.values())
    for slot in moment.slots:
        first = begin[slot.start]
        assert slot.bought_wh <= max(first.bought_wh, first.need_wh)
        kept = max(0, given_rules.reserve_wh - first.stored_wh)
        assert slot.sold_wh <= max(first.sold_wh, first.surplus_wh - kept)


@st.composite
def pasts(draw: Any) -> list[PastSlot]:
    found = []
    for i in range(draw(st.integers(0, 6))):
        start = NOON + i * 6 * 3600
        quotes = [
            Quote(str(n), draw(st.booleans()), start, draw(st.integers(1, 3000)), draw(prices))
            for n in range(draw(st.integers(0, 3)))
        ]
        found.append(PastSlot(Slot(start, draw(wh), draw(wh)), tuple(quotes)))
    return found


@settings(max_examples=80)
@given(rules(), pasts())
def test_a_dry_run_keeps_to_the_rules_and_its_money_adds_up(given_rules: Rules, past: list[PastSlot]) -> None:
    tariff = Prices(retail_per_kwh=320_000, feed_in_per_kwh=82_000)
    result = dry_run(given_rules, past, tariff)
    for day in result:
        assert day.spent <= given_rules.budget
        assert day.bought_wh <= day.need_wh
        assert day.sold_wh <= day.surplus_wh
        instead = day.bought_wh * tariff.retail_per_kwh - day.sold_wh * tariff.feed_in_per_kwh
        assert abs(1000 * (day.saved - day.earned + day.spent) - instead) <= 1000 * max(1, day.trades)
        assert day.earned >= amount_of(day.sold_wh, given_rules.sell_from) - day.trades
    assert summary(result)["slots"] == len(past)
    if not given_rules.buys:
        assert summary(result)["spent"] == 0
    if given_rules.sell_from >= 82_000 and given_rules.buy_up_to <= 320_000:
        assert summary(result)["saved"] >= -2 * summary(result)["trades"]


def _moment(*quotes: Quote, surplus: int = 0, need: int = 0, **more: Any) -> Moment:
    channels = {"h-1": Channel("0x01", "h-1", known=True, mine=10**7, theirs=10**7)}
    return Moment((Slot(NOON, surplus, need),), channels=channels, quotes=quotes, **more)


SELLER = Quote("h-1", True, NOON, 800, 100_000, "0x01")  # noqa: FBT003  that it sells
BUYER = Quote("h-1", False, NOON, 800, 150_000, "0x01")  # noqa: FBT003  as above


@pytest.mark.parametrize(
    ("moment", "changes", "expected"),
    [
        (_moment(SELLER, need=500), {}, ("offer", 500, 100_000)),
        (_moment(BUYER, surplus=500), {}, ("offer", 400, 150_000)),
        (_moment(replace(BUYER, offer="0xaa"), surplus=900), {}, ("accept", 800, 150_000)),
        (_moment(replace(BUYER, offer="0xaa"), surplus=500), {}, ("counter", 400, 150_000)),
        (_moment(replace(SELLER, price_per_kwh=200_000), need=500), {}, ("offer", 500, 110_000)),
        (_moment(SELLER, need=5000), {"most_wh": 300}, ("offer", 300, 100_000)),
        (_moment(SELLER, need=5000), {"budget": 20_000}, ("offer", 200, 100_000)),
    ],
)
def test_what_it_does(moment: Moment, changes: dict[str, Any], expected: tuple[str, int, int]) -> None:
    action = plan(replace(RULES, **changes), moment).action
    assert action is not None
    assert (action.kind, action.quantity_wh, action.price_per_kwh) == expected


@pytest.mark.parametrize(
    ("moment", "changes", "reason"),
    [
        (_moment(SELLER, surplus=90), {}, "covered"),
        (replace(_moment(SELLER, need=90), channels={}), {}, "no_channel"),
        (_moment(need=90), {}, "nobody"),
        (_moment(SELLER, need=90, spent={"2016-06-09": 200_000}), {}, "budget"),
        (_moment(replace(SELLER, offer="0xaa", price_per_kwh=200_000), need=90), {}, "price"),
        (_moment(SELLER, need=90, tried=frozenset({("h-1", NOON, False)})), {}, "tried"),
        (_moment(SELLER, need=90), {"from_minute": 730, "to_minute": 700}, "covered"),
        (_moment(SELLER, need=90), {"buys": False}, "covered"),
    ],
)
def test_why_it_does_nothing(moment: Moment, changes: dict[str, Any], reason: str) -> None:
    assert plan(replace(RULES, **changes), moment) == plan(replace(RULES, **changes), moment)
    found = plan(replace(RULES, **changes), moment)
    assert (found.action, found.reason) == (None, reason)


def test_strangers_are_left_alone_where_only_known_partners_may_trade() -> None:
    strange = Channel("0x01", "h-1", known=False, mine=10**7, theirs=10**7)
    moment = replace(_moment(SELLER, need=500), channels={"h-1": strange})
    assert plan(replace(RULES, partners="known"), moment).reason == "partner"


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"sells": False, "buys": False}, "sells", "idle"),
        ({"buy_up_to": 120_001}, "buy_up_to", "crossed"),
        ({"budget": 0}, "budget", "no_budget"),
        ({"most_wh": 0}, "most_wh", "range"),
        ({"reserve_wh": -1}, "reserve_wh", "range"),
        ({"to_minute": 1440}, "to_minute", "hours"),
        ({"partners": "friends"}, "partners", "partners"),
        ({"zone": "../etc/passwd"}, "zone", "zone"),
        ({"zone": "Mars/Base"}, "zone", "zone"),
    ],
)
def test_rules_that_make_no_sense(changes: dict[str, Any], field: str, code: str) -> None:
    (fault,) = faults_of(replace(RULES, **changes))
    assert (fault.field, fault.code) == (field, code)
    assert faults_of(RULES) == []


def test_hours_past_midnight_and_days_of_the_zone() -> None:
    night = replace(RULES, from_minute=22 * 60, to_minute=6 * 60)
    local = {hour: NOON - 12 * 3600 + hour * 3600 for hour in range(24)}
    assert [hour for hour, at in local.items() if night.in_hours(at)] == [*range(6), 22, 23]
    assert RULES.day_of(local[0]) == "2016-06-09"
    assert RULES.day_of(local[0] - 900) == "2016-06-08"
    assert left_wh(RULES, Slot(NOON, 500, 0, stored_wh=60), sells=True) == 460


def test_rules_survive_storage_and_the_mandate_is_the_browsers() -> None:
    shared = json.loads((ROOT / "fixtures" / "vectors" / "agent.json").read_text())["mandate"]
    given = {
        name: int(v) if name in ("sell_from", "buy_up_to", "budget") else v
        for name, v in shared["rules"].items()
    }
    assert rules_from(RULES.as_dict()) == RULES == rules_from(given)
    figures = {name: shared[name] for name in ("version", "owner", "until")}
    assert mandate_text(RULES, **figures) == shared["text"]
    never = replace(RULES, sells=False, buys=False)
    assert mandate_text(never, **figures).count("never") == 2
