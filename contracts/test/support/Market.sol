// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {TestStablecoin} from "../../src/TestStablecoin.sol";
import {IEntityContracts} from "../../src/interfaces/IEntityContracts.sol";
import {IMerchantContract, Treasury} from "../../src/interfaces/IMerchantContract.sol";
import {IMerchantFactory} from "../../src/interfaces/IMerchantFactory.sol";
import {Signature} from "../../src/libraries/Signatures.sol";
import {
    ChangeBody,
    ChannelOpen,
    EntityContract,
    OfferBody,
    StateBody,
    TypedData
} from "../../src/libraries/TypedData.sol";
import {vm} from "./Vm.sol";

/// @notice Hashes as the contracts do, for callers that hold the structures in memory.
contract Hasher {
    using TypedData for ChangeBody;
    using TypedData for ChannelOpen;
    using TypedData for EntityContract;
    using TypedData for OfferBody;
    using TypedData for StateBody;

    function terms(EntityContract calldata value) external pure returns (bytes32) {
        return value.hash();
    }

    function opening(ChannelOpen calldata value) external pure returns (bytes32) {
        return value.hash();
    }

    function offer(OfferBody calldata value, bytes32 channel) external pure returns (bytes32) {
        return value.hash(channel);
    }

    function change(ChangeBody calldata value, bytes32 channel) external pure returns (bytes32) {
        return value.hash(channel);
    }

    function state(StateBody calldata value, bytes32 channel) external pure returns (bytes32) {
        return value.hash(channel);
    }
}

/// @notice Two parties, two merchants, a funded token: what every test acts with.
abstract contract Market {
    uint256 internal constant KEY_A = 0xA11CE;
    uint256 internal constant KEY_B = 0xB0B;
    uint256 internal constant KEY_M = 0x3E7C;
    uint256 internal constant KEY_N = 0x3E7D;
    uint96 internal constant COIN = 1e6;
    uint96 internal constant RICHES = 1e12;
    uint32 internal constant CHALLENGE = 1 hours;
    bytes32 internal constant NOTE_A = keccak256("note of A");
    bytes32 internal constant NOTE_B = keccak256("note of B");

    Hasher internal immutable hasher = new Hasher();
    TestStablecoin internal token;
    IMerchantFactory internal factory;
    IEntityContracts internal registry;
    IMerchantContract[2] internal merchants;
    EntityContract internal terms;
    bytes32 internal scid;
    uint64 private _index;

    error Different(uint256 left, uint256 right);
    error NotTrue(string what);

    function setUp() public virtual {
        vm.warp(1_800_000_000);
        _deploy(_create("artifacts/TestStablecoin.json", abi.encode(address(this))));
    }

    /// @dev Creates a contract from its committed artifact.
    function _create(string memory artifact, bytes memory arguments) internal returns (address created) {
        bytes memory code = vm.parseJsonBytes(vm.readFile(artifact), ".bytecode");
        bytes memory initCode = abi.encodePacked(code, arguments);
        assembly ("memory-safe") {
            created := create(0, add(initCode, 0x20), mload(initCode))
        }
        _require(created != address(0), artifact);
    }

    function _deploy(address token_) internal {
        token = TestStablecoin(token_);
        address extension = _create("artifacts/RegistryExtension.json", abi.encode(token_));
        bytes memory arguments = abi.encode(token_, extension);
        factory = IMerchantFactory(_create("artifacts/MerchantFactory.json", arguments));
        registry = IEntityContracts(factory.registry());
        merchants[0] = IMerchantContract(factory.create(vm.addr(KEY_M)));
        merchants[1] = IMerchantContract(factory.create(vm.addr(KEY_N)));
        terms = EntityContract({
            partyA: vm.addr(KEY_A),
            partyB: vm.addr(KEY_B),
            metering: metering(),
            challengePeriod: CHALLENGE,
            disputeLimit: type(uint16).max,
            stalePenalty: 2 * COIN,
            nonce: bytes32(0)
        });
        scid = hasher.terms(terms);
        _give(vm.addr(KEY_A));
        _give(vm.addr(KEY_B));
        (Signature memory a, Signature memory b) = _both(scid);
        registry.create(terms, a, b);
    }

    /// @dev Whose word counts for deliveries.
    function metering() internal pure virtual returns (address) {
        return address(0);
    }

    function _give(address party) private {
        token.mint(party, RICHES);
        vm.prank(party);
        token.approve(address(registry), type(uint256).max);
    }

    function _fillTreasuries(uint96 amount) internal {
        token.mint(address(this), 2 * uint256(amount));
        for (uint256 i = 0; i < 2; ++i) {
            token.approve(address(merchants[i]), amount);
            merchants[i].depositTreasury(amount, "");
        }
    }

    function _opening(uint96 fundingA, uint96 fundingB, address sourceA, address sourceB)
        internal
        returns (ChannelOpen memory)
    {
        return ChannelOpen({
            scid: scid,
            index: ++_index,
            fundingA: fundingA,
            fundingB: fundingB,
            sourceA: sourceA,
            noteA: NOTE_A,
            sourceB: sourceB,
            noteB: NOTE_B,
            openBy: uint64(block.timestamp) + 10 minutes,
            expiry: uint64(block.timestamp) + 1 days
        });
    }

    function _open(ChannelOpen memory opening, bytes memory proofA, bytes memory proofB)
        internal
        returns (bytes32)
    {
        (Signature memory a, Signature memory b) = _both(hasher.opening(opening));
        return registry.openChannel(terms, opening, a, b, proofA, proofB);
    }

    function _state(ChannelOpen memory opening, uint64 version, uint96 balanceA, bool isFinal)
        internal
        pure
        returns (StateBody memory)
    {
        uint96 balanceB = opening.fundingA + opening.fundingB - balanceA;
        return
            StateBody(
                version, version == 0 ? 0 : version - 1, balanceA, balanceB, 1500, 0, bytes32(0), isFinal
            );
    }

    function _finalise(ChannelOpen memory opening, StateBody memory state) internal {
        (Signature memory a, Signature memory b) = _coSigned(opening, state);
        registry.finalise(terms, opening, state, a, b);
    }

    function _dispute(ChannelOpen memory opening, StateBody memory state, uint256 disputer) internal {
        (Signature memory a, Signature memory b) = _coSigned(opening, state);
        vm.prank(vm.addr(disputer));
        registry.dispute(terms, opening, state, a, b, "");
    }

    function _resolve(ChannelOpen memory opening, StateBody memory state) internal {
        (Signature memory a, Signature memory b) = _coSigned(opening, state);
        registry.resolve(terms, opening, state, a, b);
    }

    function _noteProof(uint256 which, uint256 merchantKey, bytes32 serial, address holder, uint96 amount)
        internal
        view
        returns (bytes memory)
    {
        uint64 validUntil = uint64(block.timestamp) + 3650 days;
        bytes32 structHash = TypedData.creditNote(serial, holder, amount, validUntil);
        Signature memory signature = _sign(merchantKey, _digest(address(merchants[which]), structHash));
        return abi.encode(amount, validUntil, signature);
    }

    function _coSigned(ChannelOpen memory opening, StateBody memory state)
        internal
        view
        returns (Signature memory, Signature memory)
    {
        return _both(hasher.state(state, hasher.opening(opening)));
    }

    function _both(bytes32 structHash) internal view returns (Signature memory a, Signature memory b) {
        bytes32 digest = _digest(address(registry), structHash);
        return (_sign(KEY_A, digest), _sign(KEY_B, digest));
    }

    function _sign(uint256 key, bytes32 digest) internal pure returns (Signature memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return Signature(r, bytes32(uint256(s) | uint256(v - 27) << 255));
    }

    /// @dev Built here by hand (EIP-712), so that it doesn't follow a mistake of the contracts.
    function _digest(address contract_, bytes32 structHash) internal view returns (bytes32) {
        bytes32 typeHash =
            keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
        bytes32 domain =
            keccak256(abi.encode(typeHash, keccak256("Wattnote"), keccak256("1"), block.chainid, contract_));
        return keccak256(abi.encodePacked(hex"1901", domain, structHash));
    }

    /// @dev The books of each merchant add up to its tokens.
    function _requireSolvent() internal view {
        for (uint256 i = 0; i < 2; ++i) {
            Treasury memory books = merchants[i].treasury();
            uint256 sum = uint256(books.free) + books.reserved + books.earnings + books.collateral;
            _requireEqual(token.balanceOf(address(merchants[i])), sum);
        }
    }

    function _requireEqual(uint256 left, uint256 right) internal pure {
        if (left != right) revert Different(left, right);
    }

    function _require(bool condition, string memory what) internal pure {
        if (!condition) revert NotTrue(what);
    }

    function _bound(uint256 value, uint256 low, uint256 high) internal pure returns (uint96) {
        // casting to 'uint96' is safe because callers give 96-bit bounds
        // forge-lint: disable-next-line(unsafe-typecast)
        return uint96(low + value % (high - low + 1));
    }
}
