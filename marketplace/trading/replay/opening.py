"""The terms and openings of a run's channels: the same whenever they are computed."""

from collections.abc import Mapping

from channels_engine.core.typed_data import struct_hash
from channels_engine.core.types import ChannelOpen, EntityContract, Side
from channels_engine.drivers import Opening, Pairing
from marketplace.trading.replay.cast import Cast, Couple
from marketplace.trading.replay.purse import Purse

CHALLENGE_PERIOD_S = 3600
DISPUTE_LIMIT = 4


def terms_of_couple(couple: Couple, metering: bytes) -> EntityContract:
    """Terms between two households' session keys."""
    first, second = couple.signers
    return EntityContract(
        first.address, second.address, metering, CHALLENGE_PERIOD_S, DISPUTE_LIMIT, 0, couple.nonce
    )


def opening_of_couple(couple: Couple, purse: Purse, deadlines: Mapping[str, int]) -> ChannelOpen:
    """The couple's channel; `deadlines` holds the run's `open_by` and `expiry`, epoch seconds."""
    amount, source = purse.channel_funding, purse.source()
    return ChannelOpen(
        scid=struct_hash(terms_of_couple(couple, purse.metering)),
        index=0,
        funding_a=amount,
        funding_b=amount,
        source_a=source,
        note_a=purse.serial(couple, Side.A),
        source_b=source,
        note_b=purse.serial(couple, Side.B),
        open_by=deadlines["open_by"],
        expiry=deadlines["expiry"],
    )


def channel_of_couple(couple: Couple, purse: Purse, deadlines: Mapping[str, int]) -> bytes:
    """Channel id of a couple."""
    return struct_hash(opening_of_couple(couple, purse, deadlines))


def pairings(cast: Cast) -> list[Pairing]:
    """The entity contracts that a run needs."""
    metering = cast.metering.address
    return [
        Pairing(couple.a.owner, couple.b.owner, terms_of_couple(couple, metering)) for couple in cast.couples
    ]


def openings(cast: Cast, purse: Purse, deadlines: Mapping[str, int]) -> list[Opening]:
    """The channels that a run needs, each side with its proof of funding."""
    return [
        Opening(
            opening_of_couple(couple, purse, deadlines),
            couple.a.owner,
            couple.b.owner,
            terms_of_couple(couple, purse.metering),
            purse.funding(couple, Side.A),
            purse.funding(couple, Side.B),
        )
        for couple in cast.couples
    ]
