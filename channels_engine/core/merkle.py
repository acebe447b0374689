"""What `tradesRoot` commits to: all trades of a channel, and which of them are still open.

The history is an append-only Merkle tree of RFC 6962's shape (left subtrees perfect), so that an endpoint
keeps only the roots of the perfect subtrees (`TradesTree.peaks`) and appends in O(log n). Unlike RFC 6962:
Keccak-256, an empty root of zero, and leaves that are hashed by their maker.

An entry is `trade id, seller`: 33 bytes; a leaf is its hash, a node `keccak(left, right)`: 64 bytes. The
lengths differ, so that no node can pass for a leaf or a leaf for a node (second preimages).
The trade id is the struct hash of the signed offer, which commits to channel, base version, quantity,
price, imbalance price and slot; with the seller's side it commits to the whole trade.

`tradesRoot` is `keccak(history root, open hash)`, and the open hash that of the entries of all unsettled
trades, one after the other. Without it the ledger could not tell a settled trade from an open one, and
would refund a shortfall twice.
"""

from collections.abc import Iterable, Sequence

from channels_engine.core.keccak import keccak256
from channels_engine.core.state import Trade, TradesTree
from channels_engine.core.types import ZERO_HASH, Side

EMPTY = TradesTree()
ENTRY_SIZE = 33
_SELLER = (b"\x00", b"\x01")


def entry_of(trade_id: bytes, seller: Side) -> bytes:
    """33 bytes that name a trade: its id, and one byte 0 for seller A or 1 for seller B."""
    return trade_id + _SELLER[seller]


def leaf_of(trade_id: bytes, seller: Side) -> bytes:
    """32-byte leaf of a trade in the history: the hash of its entry."""
    return keccak256(entry_of(trade_id, seller))


def open_list(trades: Iterable[Trade]) -> bytes:
    """Entries of open trades in the order given, 33 bytes each: what the ledger is shown of them."""
    return b"".join([trade.id + _SELLER[trade.seller] for trade in trades])


def _node(left: bytes, right: bytes) -> bytes:
    return keccak256(left + right)


def append(tree: TradesTree, leaf: bytes) -> TradesTree:
    """The tree with one more leaf; equal perfect subtrees at its right edge merge, as in binary counting."""
    peaks, size = list(tree.peaks), tree.size
    while size & 1:
        leaf = _node(peaks.pop(), leaf)
        size >>= 1
    return TradesTree(tree.size + 1, (*peaks, leaf))


def trades_root(tree: TradesTree, listed: bytes) -> bytes:
    """32 bytes that a state commits to: its history and its open trades (`open_list`); zero before any trade."""
    if not tree.peaks:
        return ZERO_HASH
    return _node(history_root(tree), open_hash(listed))


def open_hash(listed: bytes) -> bytes:
    """32-byte hash of an open list; zero where nothing is open."""
    return keccak256(listed) if listed else ZERO_HASH


def history_root(tree: TradesTree) -> bytes:
    """32-byte root of all trades; zero for the empty tree."""
    if not tree.peaks:
        return ZERO_HASH
    root = tree.peaks[-1]
    for peak in tree.peaks[-2::-1]:
        root = _node(peak, root)
    return root


def _split(size: int) -> int:
    """Greatest power of two below `size`: the leaves in the left subtree."""
    return 1 << ((size - 1).bit_length() - 1)


def _root(leaves: Sequence[bytes]) -> bytes:
    if len(leaves) == 1:
        return leaves[0]
    left = _split(len(leaves))
    return _node(_root(leaves[:left]), _root(leaves[left:]))


def prove(leaves: Sequence[bytes], index: int) -> tuple[int, tuple[bytes, ...]]:
    """Proof that `leaves[index]` is in the tree of `leaves`.

    Returns:
        `path`, whose bit i (from the lowest) is set where the i-th sibling stands on the left, and the
        siblings from the leaf upwards.

    Raises:
        IndexError: There is no such leaf.
    """
    if not 0 <= index < len(leaves):
        raise IndexError(f"The tree has {len(leaves)} leaves, none at {index}.")
    if len(leaves) == 1:
        return 0, ()
    left = _split(len(leaves))
    if index < left:
        path, siblings = prove(leaves[:left], index)
        return path, (*siblings, _root(leaves[left:]))
    path, siblings = prove(leaves[left:], index - left)
    return path | 1 << len(siblings), (*siblings, _root(leaves[:left]))


def is_proven(root: bytes, leaf: bytes, path: int, siblings: Sequence[bytes]) -> bool:
    """Whether `leaf` is in the tree with this root, by a proof of `prove`."""
    if path >> len(siblings):
        return False
    for height, sibling in enumerate(siblings):
        leaf = _node(sibling, leaf) if path >> height & 1 else _node(leaf, sibling)
    return leaf == root
