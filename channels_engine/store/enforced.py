"""What the ledger itself makes of trades: offers that it applied, refunds of a dispute. Rare, and told in order.

A reorganisation takes a channel's part back and tells again what still holds, maybe within one batch: so each word is
written before the next one is read.
"""

from collections.abc import Iterable, Iterator
from typing import TypeAlias

from channels_engine.codec import to_hex
from channels_engine.core import effects as fx
from channels_engine.relay import Change
from channels_engine.store import bulk, rows
from channels_engine.store.models import TradeRecord

Word: TypeAlias = fx.NotifyApplied | fx.NotifyEnforced | fx.NotifyPaidOut | fx.NotifyOverruled


def save(changes: Iterable[Change]) -> None:
    """Write what the ledger said of trades, after what both sides signed."""
    for change in changes:
        for word in _words(change):
            _write(change, word)


def _words(change: Change) -> Iterator[Word]:
    """Each once: both sides hear the same."""
    heard: list[Word] = []
    for _, effect in change.effects:
        if isinstance(effect, Word) and effect not in heard:
            heard.append(effect)
            yield effect


def _write(change: Change, word: Word) -> None:
    trades = TradeRecord.objects.filter(channel=to_hex(change.after.channel))
    match word:
        case fx.NotifyApplied():
            bulk.write(rows.APPLIED, [rows.trade_row(change, word)])
        case fx.NotifyEnforced(trade, delivered_wh, refund):
            waiting = trades.filter(trade=to_hex(trade), settled_version=None)
            waiting.update(delivered_wh=delivered_wh, refund=refund)
        case fx.NotifyPaidOut(paid, version):
            refunded = trades.filter(trade__in=[to_hex(trade) for trade in paid], settled_version=None)
            refunded.update(settled_version=version, is_refunded=True)
        case fx.NotifyOverruled():
            trades.filter(is_enforced=True).delete()
            trades.filter(is_refunded=True).update(settled_version=None, is_refunded=False)
