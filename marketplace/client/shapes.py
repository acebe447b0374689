"""What the API answers, typed. Money and prices are micro-units, energy Wh, times epoch seconds; unknown fields are left out."""

import msgspec


class Me(msgspec.Struct, frozen=True):
    """Who is signed in."""

    email: str
    owner: str
    display_name: str
    wallet: str | None
    merchants: list[str]
    agreement: str | None


class Prosumer(msgspec.Struct, frozen=True):
    """Somebody to trade with."""

    slug: str
    owner: str
    display_name: str
    is_agent: bool


class Listing(msgspec.Struct, frozen=True):
    """A surplus or need in one slot."""

    id: int
    prosumer: Prosumer
    side: str
    slot_start: int
    slot_end: int
    quantity_wh: int
    price_per_kwh: int
    state: str
    is_mine: bool


class Partner(msgspec.Struct, frozen=True):
    """The other side of a channel."""

    owner: str
    display_name: str
    slug: str | None


class Trade(msgspec.Struct, frozen=True):
    """A co-signed trade."""

    id: str
    channel: str
    role: str
    partner: Partner
    quantity_wh: int
    price_per_kwh: int
    amount: int
    slot_start: int
    slot_end: int
    delivered_wh: int | None
    agreed_at: int


class Channel(msgspec.Struct, frozen=True):
    """A channel of mine."""

    id: str
    scid: str
    phase: str
    side: str
    partner: Partner
    version: int
    balance_mine: int
    balance_theirs: int
    energy_to_me: int
    energy_to_them: int
    funding: str
    expiry: int


class Merchant(msgspec.Struct, frozen=True):
    """Who gives credit."""

    slug: str
    name: str
    msc: str


class Agreement(msgspec.Struct, frozen=True):
    """A credit agreement."""

    id: str
    merchant: Merchant
    sid: str
    state: str
    credit_limit: int
    collateral: int
    outstanding: int
    available: int


class Note(msgspec.Struct, frozen=True):
    """A credit note."""

    serial: str
    agreement: str
    holder: str
    amount: int
    valid_until: int


class IssuedNote(Note, frozen=True):
    """A new credit note, with its merchant's signature."""

    merchant_signature: str = ""


class Tariff(msgspec.Struct, frozen=True):
    """The supplier's prices."""

    retail_per_kwh: int
    feed_in_per_kwh: int
    imbalance_per_kwh: int


class Market(msgspec.Struct, frozen=True):
    """Which slots are open: the first and the last."""

    open: list[int]
    slot_seconds: int
    tariff: Tariff


class Token(msgspec.Struct, frozen=True):
    """The stablecoin."""

    address: str
    name: str
    version: str


class Ledger(msgspec.Struct, frozen=True):
    """Chain, contracts, usual terms."""

    chain_id: int
    registry: str
    token: Token
    metering: str | None
    challenge_period: int
    dispute_limit: int
    stale_penalty: int


class Funding(msgspec.Struct, frozen=True):
    """A side of an opening."""

    source: str
    note: str
    amount: int


class SessionKey(msgspec.Struct, frozen=True):
    """A session key of mine, as the ledger sees it."""

    nonce: str
    address: str
    balance: int
    permit_nonce: int
    in_use: bool


class Webhook(msgspec.Struct, frozen=True):
    """A webhook of mine."""

    id: str
    url: str
    events: list[str]
    disabled_at: int | None


class MadeWebhook(Webhook, frozen=True):
    """A new webhook, with its secret."""

    secret: str = ""
