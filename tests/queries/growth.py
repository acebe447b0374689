"""More rows of everything: each row of the world gets twins, which differ only where they must be unique."""

import copy
import itertools
from typing import Any

from django.apps import apps
from django.db import models

from channels_engine.core import types
from channels_engine.core.messages import DepositFunding
from channels_engine.core.state import CoSigned, Endpoint, Phase
from channels_engine.core.typed_data import struct_hash
from tests.stored_channels import store_endpoints

APPS = {"accounts", "billing", "credit", "grid", "notifications", "programs", "studies", "trading"}
ONE_EACH = {
    *(
        "User",
        "DataKey",
        "Participant",
        "Wallet",
        "Ledger",
        "Merchant",
        "Watermark",
        "KeptAnswer",
        "MarketControl",
    ),
    "SignInNonce",
}
"""Models of which a person or the site has one."""
NUMBERS = itertools.count(1_000)


def _unique_fields(model: type[models.Model]) -> set[str]:
    """Fields to change so that a twin may stand beside its row."""
    meta = model._meta
    found = {field.name for field in meta.concrete_fields if field.unique and not field.primary_key}
    groups = [tuple(one.fields) for one in meta.constraints if isinstance(one, models.UniqueConstraint)]
    for group in [*groups, *meta.unique_together]:
        plain = [
            name for name in group if not meta.get_field(name).is_relation and not _is_choice(model, name)
        ]
        found |= set(plain[-1:])
    return found


def _is_choice(model: type[models.Model], name: str) -> bool:
    return bool(getattr(model._meta.get_field(name), "choices", None))


def _changed(field: Any, value: Any, number: int) -> Any:
    if isinstance(value, str):
        if value.startswith("0x"):
            return "0x" + f"{number:x}".rjust(len(value) - 2, "0")
        return f"{number}-{value}"[: field.max_length]
    return value + number if isinstance(value, int) else value


def _twin(row: models.Model, names: set[str]) -> models.Model:
    number, made = next(NUMBERS), copy.copy(row)
    made._state = copy.copy(row._state)
    made._state.adding = True
    key = made._meta.pk
    made.pk = key.get_default() if key is not None and key.has_default() else None
    for name in names:
        field = made._meta.get_field(name)
        setattr(made, name, _changed(field, getattr(row, name), number))
    return made


def grow(owner: str, count: int) -> None:
    """Give each row `count` twins, and the owner as many channels with a trade in each."""
    for model in apps.get_models():
        is_of_site = model._meta.app_label in APPS and not model._meta.auto_created
        if is_of_site and model.__name__ not in ONE_EACH:
            names = _unique_fields(model)
            twins = [_twin(row, names) for row in model._default_manager.all() for _ in range(count)]
            model._default_manager.bulk_create(twins, ignore_conflicts=True)
    for _ in range(count):
        _channel(owner, next(NUMBERS))


def _channel(owner: str, number: int) -> None:
    from channels_engine.store.models import TradeRecord  # noqa: PLC0415  models load after the apps

    terms = types.EntityContract(
        b"\x02" * 20, b"\x03" * 20, b"\x04" * 20, 60, 5, 0, number.to_bytes(32, "big")
    )
    none = bytes(20), bytes(32)
    opening = types.ChannelOpen(struct_hash(terms), 0, 10, 20, *none, *none, 1, 2)
    channel = struct_hash(opening)
    state = types.ChannelState(channel, 3, 2, 11, 19, 500, 0, bytes(32), is_final=False)
    funding = DepositFunding(5, b"\x06" * 65)
    endpoint = Endpoint(
        domain=types.Domain(31337, b"\x01" * 20), channel=channel, me=types.Side.A, terms=terms, opening=opening,
        phase=Phase.OPEN, fundings=(funding, funding), current=CoSigned(state, b"\x07" * 65, b"\x08" * 65),
    )  # fmt: skip
    store_endpoints(endpoint, owners=(owner, f"h-{number}"))
    TradeRecord.objects.create(
        channel="0x" + channel.hex(), trade=f"0x{number:064x}", seller=owner, buyer=f"h-{number}", quantity_wh=5,
        price_per_kwh=2, imbalance_per_kwh=3, slot_start=900, slot_end=1800, amount=1, version=3, at=number,
    )  # fmt: skip
