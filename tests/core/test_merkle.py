import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels_engine.core.keccak import keccak256
from channels_engine.core.merkle import (
    EMPTY,
    append,
    history_root,
    is_proven,
    leaf_of,
    open_list,
    prove,
    trades_root,
)
from channels_engine.core.state import Trade, TradesTree
from channels_engine.core.types import ZERO_HASH, Side
from fixtures.vectors.make_vectors import seeded

LEAVES = [seeded(seed).randbytes(32) for seed in range(71)]


def tree_of(leaves: list[bytes]) -> TradesTree:
    tree = EMPTY
    for leaf in leaves:
        tree = append(tree, leaf)
    return tree


def test_the_empty_root_is_zero() -> None:
    assert history_root(EMPTY) == ZERO_HASH


@pytest.mark.parametrize("size", range(1, 70))
def test_every_leaf_is_provable_and_memory_is_logarithmic(size: int) -> None:
    tree = tree_of(LEAVES[:size])
    assert (tree.size, len(tree.peaks)) == (size, size.bit_count())
    for index in range(size):
        path, siblings = prove(LEAVES[:size], index)
        assert is_proven(history_root(tree), LEAVES[index], path, siblings)
        assert not is_proven(history_root(tree), LEAVES[70], path, siblings)


@given(size=st.integers(1, 40), data=st.data())
def test_a_spoilt_proof_fails(size: int, data: st.DataObject) -> None:
    root = history_root(tree_of(LEAVES[:size]))
    index = data.draw(st.integers(0, size - 1))
    path, siblings = prove(LEAVES[:size], index)
    assert not is_proven(root, LEAVES[index], path, (*siblings, ZERO_HASH))
    assert not is_proven(root, LEAVES[index], path | 1 << len(siblings), siblings)
    for height in range(len(siblings)):
        assert not is_proven(root, LEAVES[index], path ^ 1 << height, siblings)
        assert not is_proven(
            root, LEAVES[index], path, (*siblings[:height], ZERO_HASH, *siblings[height + 1 :])
        )


def test_no_node_passes_for_a_leaf() -> None:
    root = history_root(tree_of(LEAVES[:2]))
    assert root != leaf_of(LEAVES[0], Side.A)
    assert not is_proven(root, LEAVES[0] + LEAVES[1], 0, ())


def test_the_order_and_the_seller_matter() -> None:
    assert history_root(tree_of(LEAVES[:2])) != history_root(tree_of(LEAVES[1::-1]))
    assert leaf_of(LEAVES[0], Side.A) != leaf_of(LEAVES[0], Side.B)


def test_there_is_no_proof_of_a_missing_leaf() -> None:
    with pytest.raises(IndexError):
        prove(LEAVES[:3], 3)


def trade_of(trade_id: bytes, seller: Side) -> Trade:
    return Trade(trade_id, seller, 1, 1, 1, 0, 900, 1)


def test_the_root_is_of_history_and_open_trades() -> None:
    tree = tree_of([leaf_of(LEAVES[0], Side.A), leaf_of(LEAVES[1], Side.B)])
    one, other = trade_of(LEAVES[0], Side.A), trade_of(LEAVES[1], Side.B)
    listed = LEAVES[0] + b"\x00" + LEAVES[1] + b"\x01"
    assert open_list([one, other]) == listed
    assert trades_root(tree, listed) == keccak256(history_root(tree) + keccak256(listed))
    assert trades_root(tree, b"") == keccak256(history_root(tree) + ZERO_HASH)
    assert trades_root(EMPTY, b"") == ZERO_HASH


def test_what_is_open_its_order_and_its_seller_change_the_root() -> None:
    tree = tree_of([leaf_of(LEAVES[0], Side.A), leaf_of(LEAVES[1], Side.B)])
    one, other = trade_of(LEAVES[0], Side.A), trade_of(LEAVES[1], Side.B)
    turned = trade_of(LEAVES[0], Side.B)
    kinds = ([], [one], [other], [one, other], [other, one], [turned, other])
    assert len({trades_root(tree, open_list(trades)) for trades in kinds}) == len(kinds)
