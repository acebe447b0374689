"""Who takes part in a replay: a household at each connection, their supplier and the metering operator.

All keys of a run derive from one secret that is not in the database, so that a run can be resumed after a
crash and a stolen database signs nothing.
"""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from uuid import UUID

from django.conf import settings

from channels_engine.core.signing import LocalSigner, derive_session_key
from grid.market.matching import match_partners
from grid.simulation import Simulation


def _bytes32(*parts: object) -> bytes:
    return hashlib.sha256("/".join(map(str, parts)).encode()).digest()


@dataclass(frozen=True)
class Household:
    """One connection of the feeder with an agent that trades for it."""

    index: int
    name: str
    owner: str
    secret: bytes

    @cached_property
    def root(self) -> LocalSigner:
        """The household's root key."""
        return LocalSigner(self.secret)

    @property
    def title(self) -> str:
        """What it is called where everybody looks: no name of the grid's own data."""
        return house_title(self.index)

    def session_secret(self, label: str) -> bytes:
        """Key of the household's side of one entity contract."""
        return derive_session_key(self.secret, label.encode())


@dataclass(frozen=True)
class Couple:
    """Two households that keep a channel; `a` is the one with something to sell."""

    a: Household
    b: Household
    nonce: bytes
    serials: tuple[bytes, bytes]

    @property
    def label(self) -> str:
        """What their session keys derive from."""
        return f"{self.a.owner}/{self.b.owner}"

    @cached_property
    def signers(self) -> tuple[LocalSigner, LocalSigner]:
        """Session keys of both sides."""
        return LocalSigner(self.a.session_secret(self.label)), LocalSigner(self.b.session_secret(self.label))


@dataclass(frozen=True)
class Cast:
    """Everyone in one run."""

    population: UUID
    households: tuple[Household, ...]
    couples: tuple[Couple, ...]
    supplier: LocalSigner
    metering: LocalSigner

    def by_owner(self) -> dict[str, Household]:
        """Households by the id that the engine knows."""
        return {household.owner: household for household in self.households}


def house_title(connection: int) -> str:
    """Public name of whoever trades at a connection."""
    return f"House {connection + 1}"


def owner_id(population: UUID, connection: int) -> str:
    """The engine's id of a household."""
    return f"{owner_prefix(population)}{connection:04d}"


def owner_prefix(population: UUID) -> str:
    """What the ids of all households of a population begin with."""
    return f"h-{population.hex}-"


def metering_signer() -> LocalSigner:
    """The metering operator of this site: one key for all of its runs."""
    return LocalSigner(derive_session_key(_site_secret(), b"metering"))


def _site_secret() -> bytes:
    return hashlib.sha256(settings.KEYSTORE_PASSPHRASE.encode()).digest()


def _secret(population: UUID, role: str) -> bytes:
    return derive_session_key(_site_secret(), f"{population}/{role}".encode())


def cast_of(run: UUID, population: UUID, simulation: Simulation) -> Cast:
    """The same people with the same keys, whenever it is asked.

    Args:
        run: Whose channels and notes these are.
        population: Whose households, keys and contracts: runs that follow each other in the live market share
            it, so that people meet the same neighbours again.
        simulation: Their feeder.
    """
    households = tuple(
        Household(i, connection.name, owner_id(population, i), _secret(population, f"household/{i}"))
        for i, connection in enumerate(simulation.feeder.connections)
    )
    pairs = match_partners(simulation.feeder, simulation.scenario.market.partners)
    return Cast(
        population,
        households,
        tuple(_couple(run, population, households[pair.seller], households[pair.buyer]) for pair in pairs),
        supplier=LocalSigner(_secret(population, "supplier")),
        metering=metering_signer(),
    )


def _couple(run: UUID, population: UUID, a: Household, b: Household) -> Couple:
    pair = (a.index, b.index)
    return Couple(
        a,
        b,
        nonce=_bytes32(population, "contract", *pair),
        serials=(_bytes32(run, "note", *pair, "a"), _bytes32(run, "note", *pair, "b")),
    )
