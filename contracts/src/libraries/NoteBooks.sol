// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title What an opening and a closing channel change in a merchant's two words: the note's and the treasury's
/// @notice The same words as `Packing`'s NoteAccount and Treasury, changed as they lie: these two steps are in
/// every channel's life, and unpacking costs more than the arithmetic.
library NoteBooks {
    uint256 private constant WORD = type(uint64).max;
    uint256 private constant CLOCKS = uint256(type(uint32).max) << 192; // a note's `validUntil`
    uint256 private constant COLLATERAL = WORD << 192;

    /// @notice A member would not fit its 64 bits: more money than the token may have.
    error BooksOverflow();

    function available(uint256 note) internal pure returns (uint256) {
        return note & WORD;
    }

    /// @notice Earned less spent less withdrawn.
    function position(uint256 note) internal pure returns (int256 value) {
        // casting to 'int64' is safe because these are the 64 bits that hold it
        // forge-lint: disable-next-line(unsafe-typecast)
        return int64(uint64(note >> 128));
    }

    function validUntil(uint256 note) internal pure returns (uint256) {
        return note >> 192 & type(uint32).max;
    }

    function free(uint256 books) internal pure returns (uint256) {
        return books & WORD;
    }

    /// @notice Moves `amount` from the first member to the second one: `available` or `free` to `reserved`.
    /// @dev The caller has checked that the first one holds it; the sum of both never exceeds 64 bits.
    function reserve(uint256 word, uint256 amount) internal pure returns (uint256) {
        unchecked {
            uint256 reserved = (word >> 64 & WORD) + amount;
            if (reserved > WORD) revert BooksOverflow();
            return word - amount + (amount << 64);
        }
    }

    // All that goes in is below 2^97, so that nothing wraps twice: what falls below zero is far above 64 bits.

    /// @notice What of a note's debt a channel paid back (below zero: added to it), the position going from
    /// `before` to `after_`. The rest of its gain are earnings.
    function repaid(int256 before, int256 after_) internal pure returns (int256) {
        unchecked {
            return _least(after_) - _least(before);
        }
    }

    /// @notice The note after a channel: `released` is bound no more, the position becomes `after_`.
    function settled(uint256 note, uint256 released, int256 repaid_, int256 after_, uint256 time)
        internal
        pure
        returns (uint256)
    {
        unchecked {
            uint256 reserved = (note >> 64 & WORD) - released;
            uint256 rest = (note & WORD) + released + uint256(repaid_);
            // casting to 'int64' is safe because it is compared with the uncast value
            // forge-lint: disable-next-line(unsafe-typecast)
            if ((reserved | rest) > WORD || int64(after_) != after_) revert BooksOverflow();
            uint256 place = uint256(after_) & WORD;
            return rest | reserved << 64 | place << 128 | note & CLOCKS | time << 224;
        }
    }

    /// @notice The treasury after the same: free and earnings together change by `released` and the gain.
    function settled(uint256 books, uint256 released, int256 repaid_, int256 gain)
        internal
        pure
        returns (uint256)
    {
        unchecked {
            uint256 reserved = (books >> 64 & WORD) - released;
            uint256 rest = (books & WORD) + released + uint256(repaid_);
            uint256 earnings = (books >> 128 & WORD) + uint256(gain - repaid_);
            if ((reserved | rest | earnings) > WORD) revert BooksOverflow();
            return rest | reserved << 64 | earnings << 128 | books & COLLATERAL;
        }
    }

    /// @dev `value` or zero, whichever is less. (The sign, shifted through, is a mask: cheaper than a branch.)
    function _least(int256 value) private pure returns (int256) {
        return value & (value >> 255);
    }
}
