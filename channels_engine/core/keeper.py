"""What the holder of a session key remembers beside the key, and asks before each signature.

A machine may be somewhere else than the key: a browser signs, a server applies. A signature that the server
refused may have been kept all the same. So the holder itself sees to it that no version is signed twice
(invariant 2), that nothing follows a final state but the same payout (invariant 11), and that nothing is signed
beside a change of the funding that the ledger may still take (invariant 12).
"""

import msgspec

from channels_engine.core.errors import LocalProtocolError
from channels_engine.core.rules import same_payout
from channels_engine.core.types import ChannelState, FundingChange


class Keeper(msgspec.Struct, frozen=True):
    """Memory of one session key in one channel; keep it as durably as the key.

    `highest` is given to `negotiation` as `above`, `farewell` is the final state that was signed, `change` the last
    change of the funding.
    """

    highest: int = 0
    farewell: ChannelState | None = None
    change: FundingChange | None = None

    def after(self, value: ChannelState | FundingChange, ledger_time: int = 0) -> "Keeper":
        """The memory to store before `value` is signed.

        Args:
            value: What is to be signed.
            ledger_time: Time of the newest confirmed block whose events were all seen, in seconds; a change
                of the funding that has not come by then has lapsed. 0 if it isn't known.

        Raises:
            LocalProtocolError: It must not be signed.
        """
        if value.version <= self.highest:
            raise LocalProtocolError(
                "version_used", f"This key has signed version {self.highest}; take a higher one."
            )
        change = self._change_before(value, ledger_time)
        if isinstance(value, FundingChange):
            self._require_no_farewell(None, change)
            return Keeper(value.version, None, value)
        self._require_no_farewell(value, change)
        return Keeper(value.version, value if value.is_final else self.farewell, change)

    def _change_before(self, value: ChannelState | FundingChange, ledger_time: int) -> FundingChange | None:
        """The change that `value` stands on, or None."""
        change = self.change
        if change is None or (value.base < change.version and ledger_time > change.valid_until):
            return None
        if value.base < change.version:
            raise LocalProtocolError(
                "changing",
                f"This key has signed a change of the funding that the ledger takes until {change.valid_until}; "
                "wait for it, or until the ledger's time is past that.",
            )
        if value.balance_a + value.balance_b != change.funding_a + change.funding_b:
            raise LocalProtocolError(
                "not_conserved", "This does not sum to the funding that this key has signed; don't sign it."
            )
        return change

    def _require_no_farewell(self, state: ChannelState | None, change: FundingChange | None) -> None:
        farewell = self.farewell
        if farewell is None or (change is not None and change.version > farewell.version):
            return
        if state is None or not (state.is_final and same_payout(state, farewell)):
            raise LocalProtocolError(
                "closing_down", "This key has signed a final state; only the same one may follow."
            )
