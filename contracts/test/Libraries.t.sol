// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {
    Channel,
    ChannelStatus,
    DisputeCounts,
    Disputer,
    Record
} from "../src/interfaces/IEntityContracts.sol";
import {NoteAccount, Treasury} from "../src/interfaces/IMerchantContract.sol";
import {Packing} from "../src/libraries/Packing.sol";
import {Signature, Signatures} from "../src/libraries/Signatures.sol";
import {TradeMath} from "../src/libraries/TradeMath.sol";
import {vm} from "./support/Vm.sol";

contract LibrariesTest {
    using Packing for *;

    uint256 private constant HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0;

    error Changed();

    function testFuzz_packingKeepsChannelAndRecord(
        uint96 fundingA,
        uint96 fundingB,
        uint64 version,
        uint40 deadline,
        uint8[4] memory seeds,
        bool recorded,
        bool[2] memory flags
    ) public pure {
        Channel memory channel = Channel(ChannelStatus(seeds[0] % 3), recorded, fundingA, fundingB);
        _same(abi.encode(channel), abi.encode(Packing.unpackChannel(channel.pack())));
        Record memory record = Record({
            version: version,
            balanceA: fundingA,
            deadline: deadline,
            disputer: Disputer(seeds[1] % 3),
            staleA: seeds[2],
            staleB: seeds[3],
            enforced: flags[0],
            refunded: flags[1]
        });
        _same(abi.encode(record), abi.encode(Packing.unpackRecord(record.pack())));
    }

    function testFuzz_packingKeepsCountsAndBooks(
        DisputeCounts memory counts,
        Treasury memory books,
        NoteAccount memory note
    ) public pure {
        _same(abi.encode(counts), abi.encode(Packing.unpackCounts(counts.pack())));
        _same(abi.encode(books), abi.encode(Packing.unpackTreasury(books.pack())));
        _same(abi.encode(note), abi.encode(Packing.unpackNote(note.pack())));
    }

    function test_noOpenChannelOrKnownPairIsAZeroWord() public pure {
        if (Channel(ChannelStatus.Open, false, 0, 0).pack() == 0) revert Changed();
        if (Channel(ChannelStatus.Closed, false, 0, 0).pack() == 0) revert Changed();
        if (DisputeCounts(true, 0, 0, 0, 0).pack() == 0) revert Changed();
        if (Packing.unpackRecord(0).disputer != Disputer.Nobody) revert Changed();
    }

    function testFuzz_amountIsTheCeiling(uint64 quantity, uint64 price) public pure {
        uint256 exact = uint256(quantity) * price;
        uint256 amount = TradeMath.amount(quantity, price);
        if (amount * 1000 < exact || amount * 1000 >= exact + 1000) revert Changed();
    }

    function testFuzz_aSignatureIsItsSignersAlone(uint256 key, uint256 otherKey, bytes32 digest) public {
        key = 1 + key % (2 ** 255);
        otherKey = 1 + otherKey % (2 ** 255);
        vm.assume(key != otherKey);
        Signature memory signature = _sign(key, digest);
        this.requireSigner(digest, signature, vm.addr(key));
        address other = vm.addr(otherKey);
        vm.expectRevert(abi.encodeWithSelector(Signatures.WrongSigner.selector, other, vm.addr(key)));
        this.requireSigner(digest, signature, other);
    }

    function testFuzz_aHighSIsRefused(bytes32 r, uint256 s, bool odd) public {
        s = HALF_ORDER + 1 + s % (2 ** 255 - HALF_ORDER - 1);
        bytes32 vs = bytes32(s | (odd ? 1 << 255 : 0));
        vm.expectRevert(abi.encodeWithSelector(ECDSA.ECDSAInvalidSignatureS.selector, bytes32(s)));
        this.requireSigner(keccak256("anything"), Signature(r, vs), address(0));
    }

    function test_anUnreadableSignatureIsNotTheZeroAddress() public {
        vm.expectRevert(ECDSA.ECDSAInvalidSignature.selector);
        this.requireSigner(keccak256("anything"), Signature(0, 0), address(0));
    }

    function testFuzz_onlySixtyFourBytesAreASignature(bytes memory data) public {
        if (data.length == 64) {
            this.read(data);
        } else {
            vm.expectRevert(abi.encodeWithSelector(Signatures.WrongSignatureLength.selector, data.length));
            this.read(data);
        }
    }

    function testFuzz_theThreePartFormIsTheSameSignature(uint256 key, bytes32 digest) public pure {
        key = 1 + key % (2 ** 255);
        (uint8 v, bytes32 r, bytes32 s) = Signatures.expand(_sign(key, digest));
        if (ecrecover(digest, v, r, s) != vm.addr(key)) revert Changed();
    }

    function requireSigner(bytes32 digest, Signature calldata signature, address signer) external pure {
        Signatures.requireSigner(digest, signature, signer);
    }

    function read(bytes calldata data) external pure returns (Signature memory) {
        return Signatures.read(data);
    }

    function _sign(uint256 key, bytes32 digest) private pure returns (Signature memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return Signature(r, bytes32(uint256(s) | uint256(v - 27) << 255));
    }

    function _same(bytes memory left, bytes memory right) private pure {
        if (keccak256(left) != keccak256(right)) revert Changed();
    }
}
