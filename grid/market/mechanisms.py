"""The market mechanisms by name."""

from grid.market.auctions import DoubleAuction, PayAsBid, PayAsClear, PayAsOffer, Retailer
from grid.market.bilateral import Bilateral
from grid.market.mechanism import Mechanism

MECHANISMS: dict[str, Mechanism] = {
    mechanism.name: mechanism
    for mechanism in (Bilateral(), DoubleAuction(), PayAsClear(), PayAsBid(), PayAsOffer(), Retailer())
}


def mechanism_named(name: str) -> Mechanism:
    """A mechanism of the table. Raises KeyError naming the known ones."""
    try:
        return MECHANISMS[name]
    except KeyError:
        raise KeyError(
            f"mechanism {name!r} is unknown; choose one of {', '.join(sorted(MECHANISMS))}"
        ) from None
