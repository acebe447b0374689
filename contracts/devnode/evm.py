"""The Ethereum virtual machine (py-evm, Prague rules) over a key-value store.

Knows blocks, transactions and state; no SQL, HTTP, pool or clock.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import rlp
from eth._utils.address import generate_contract_address
from eth.consensus.context import ConsensusContext
from eth.db.atomic import AtomicDB
from eth.db.backends.base import BaseDB
from eth.db.chain import ChainDB
from eth.db.trie import make_trie_root_and_nodes
from eth.rlp.headers import BlockHeader
from eth.vm.chain_context import ChainContext
from eth.vm.forks.prague import PragueVM
from eth.vm.header import HeaderSedes
from eth_typing import Address
from eth_utils.exceptions import ValidationError

CHAIN_ID = 31337
BLOCK_GAS_LIMIT = 30_000_000


@dataclass(frozen=True, slots=True)
class Executed:
    """One transaction of a block and what it did; `created` is a new contract's address or None."""

    transaction: Any
    receipt: Any
    gas_used: int
    created: bytes | None


@dataclass(frozen=True, slots=True)
class BuiltBlock:
    """A block ready to be saved, and the transactions left out of it, each with the reason."""

    header: Any
    executed: tuple[Executed, ...]
    refused: tuple[tuple[Any, str], ...]


class PoisonousTransactionError(Exception):
    """Executing `transaction` broke the virtual machine itself; leave it out and build again."""

    def __init__(self, transaction: Any) -> None:
        super().__init__(f"executing {transaction.hash.hex()} failed inside the virtual machine")
        self.transaction = transaction


class Evm:
    """Builds blocks on a parent and gives the state at any block."""

    def __init__(self, store: BaseDB) -> None:
        self._db = AtomicDB(store)
        self._chaindb = ChainDB(self._db)
        self._consensus = ConsensusContext(self._db)
        self._context = ChainContext(CHAIN_ID)

    def make_genesis(self, balances: dict[bytes, int], timestamp: int) -> Any:
        """Write the genesis state and return block 0's header."""
        blank = BlockHeader(difficulty=0, block_number=-1, gas_limit=0)
        state = PragueVM.build_state(self._db, blank, self._context)
        for address, balance in balances.items():
            state.set_balance(Address(address), balance)
        state.persist()
        header = PragueVM.create_genesis_header(
            difficulty=0,
            nonce=bytes(8),
            gas_limit=BLOCK_GAS_LIMIT,
            timestamp=timestamp,
            state_root=state.state_root,
        )
        self._save_header(header)
        return header

    def header(self, block_hash: bytes) -> Any:
        """Header of a saved block; KeyError if there is none."""
        return rlp.decode(self._db[block_hash], sedes=HeaderSedes)

    def _save_header(self, header: Any) -> None:
        self._db[header.hash] = rlp.encode(header)

    @staticmethod
    def next_header(parent: Any, timestamp: int) -> Any:
        """Empty header of the block after `parent`, with its EIP-1559 base fee."""
        return PragueVM.create_header_from_parent(parent, gas_limit=BLOCK_GAS_LIMIT, timestamp=timestamp)

    def build(self, parent: Any, timestamp: int, transactions: Sequence[Any]) -> BuiltBlock:
        """Execute `transactions` in order on top of `parent` and write the new state.

        Raises:
            PoisonousTransactionError: One of them broke the virtual machine; nothing may be saved.
        """
        vm = self._vm(self.next_header(parent, timestamp))
        header, executed, refused = self._apply_all(vm, transactions)
        vm.state.persist()
        header = header.copy(
            state_root=vm.state.state_root,
            transaction_root=make_trie_root_and_nodes([e.transaction for e in executed])[0],
            receipt_root=make_trie_root_and_nodes([e.receipt for e in executed])[0],
        )
        self._save_header(header)
        return BuiltBlock(header, tuple(executed), tuple(refused))

    def _apply_all(
        self, vm: PragueVM, transactions: Iterable[Any]
    ) -> tuple[Any, list[Executed], list[tuple[Any, str]]]:
        header, executed, refused = vm.get_header(), [], []
        for transaction in transactions:
            try:
                receipt, _ = vm.apply_transaction(header, transaction)
            except ValidationError as error:  # raised before any state changes
                refused.append((transaction, str(error)))
                continue
            except Exception as error:
                raise PoisonousTransactionError(transaction) from error
            gas_used = receipt.gas_used - header.gas_used
            header = vm.add_receipt_to_header(header, receipt)
            executed.append(Executed(transaction, receipt, gas_used, _created_address(transaction)))
        return header, executed, refused

    def _vm(self, header: Any) -> PragueVM:
        return PragueVM(
            header=header,
            chaindb=self._chaindb,
            chain_context=self._context,
            consensus_context=self._consensus,
        )

    def state_after(self, header: Any) -> Any:
        """State after a saved block, with that block as the environment of a call."""
        return self._free_state(header, PragueVM.get_prev_hashes(header.parent_hash, self._chaindb))

    def state_pending(self, head: Any, timestamp: int) -> Any:
        """State after `head`, with the block to come as the environment of a call."""
        following = self.next_header(head, timestamp)
        hashes = chain((head.hash,), PragueVM.get_prev_hashes(head.parent_hash, self._chaindb) or ())
        return self._free_state(following, hashes)

    def _free_state(self, header: Any, previous_hashes: Any) -> Any:
        # A call pays nothing, so its environment has no base fee, as in geth and anvil.
        return PragueVM.build_state(
            self._db, header.copy(base_fee_per_gas=0), self._context, previous_hashes or ()
        )


def decode_transaction(raw: bytes) -> Any:
    """Parse a signed transaction's EIP-2718 bytes; raises py-evm's or rlp's own errors."""
    return PragueVM.get_transaction_builder().decode(raw)


def make_message(*, nonce: int, gas: int, gas_price: int, to: bytes, value: int, data: bytes) -> Any:
    """An unsigned transaction for a call or an estimate; empty `to` creates a contract."""
    return PragueVM.create_unsigned_transaction(
        nonce=nonce, gas_price=gas_price, gas=gas, to=Address(to), value=value, data=data
    )


def _created_address(transaction: Any) -> bytes | None:
    if transaction.to:
        return None
    return bytes(generate_contract_address(transaction.sender, transaction.nonce))
