"""Append-only Merkle tree of a channel's trades, whose root is signed in every state.

The shape is that of RFC 6962 (left subtrees perfect), so that an endpoint keeps only the roots of the
perfect subtrees (`TradesTree.peaks`) and appends in O(log n). Unlike RFC 6962: Keccak-256, an empty
root of zero, and leaves that are hashed by their maker.

A leaf is `keccak(trade id, seller)`: 33 bytes, a node `keccak(left, right)`: 64 bytes. The lengths
differ, so that no node can pass for a leaf or a leaf for a node (second preimages).
The trade id is the struct hash of the signed offer, which commits to channel, base version, quantity,
price, imbalance price and slot; with the seller's side it commits to the whole trade.
"""

from collections.abc import Sequence

from channels_engine.core.keccak import keccak256
from channels_engine.core.state import TradesTree
from channels_engine.core.types import ZERO_HASH, Side

EMPTY = TradesTree()


def leaf_of(trade_id: bytes, seller: Side) -> bytes:
    """32-byte leaf of a trade: keccak(trade id, one byte 0 for seller A or 1 for seller B)."""
    return keccak256(trade_id + bytes((seller,)))


def _node(left: bytes, right: bytes) -> bytes:
    return keccak256(left + right)


def append(tree: TradesTree, leaf: bytes) -> TradesTree:
    """The tree with one more leaf; equal perfect subtrees at its right edge merge, as in binary counting."""
    peaks, size = list(tree.peaks), tree.size
    while size & 1:
        leaf = _node(peaks.pop(), leaf)
        size >>= 1
    return TradesTree(tree.size + 1, (*peaks, leaf))


def root_of(tree: TradesTree) -> bytes:
    """32-byte root; zero for the empty tree."""
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
