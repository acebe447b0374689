"""Times of blocks for events that an earlier version stored without."""

from channels_engine.codec import to_hex
from channels_engine.store.models import LedgerEvent
from contracts.indexer import BLOCKS_AT_ONCE, BlockSource


def fill(source: BlockSource) -> int:
    """Ask for what is missing, each block once and many in a request.

    A block that the chain has left stays as it is: its events are taken back when the indexer sees that.

    Returns:
        How many blocks were asked for.

    Raises:
        LedgerError: The ledger can't be reached; what was found until then is kept.
    """
    missing = LedgerEvent.objects.filter(at=None)
    numbers = sorted(set(missing.values_list("block_number", flat=True)))
    for first in range(0, len(numbers), BLOCKS_AT_ONCE):
        for header in source.headers(numbers[first : first + BLOCKS_AT_ONCE]):
            if header is not None:
                missing.filter(block_hash=to_hex(header.hash)).update(at=header.timestamp)
    return len(numbers)
