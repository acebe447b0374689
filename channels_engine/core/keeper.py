"""What the holder of a session key remembers beside the key, and asks before each signature.

A machine may be somewhere else than the key: a browser signs, a server applies. A signature that the server
refused may have been kept all the same. So the holder itself sees to it that no version is signed twice
(invariant 2) and that nothing follows a final state but the same payout (invariant 11).
"""

import msgspec

from channels_engine.core.errors import LocalProtocolError
from channels_engine.core.rules import same_payout
from channels_engine.core.types import ChannelState


class Keeper(msgspec.Struct, frozen=True):
    """Memory of one session key in one channel; keep it as durably as the key.

    `highest` is given to `negotiation` as `above`, `farewell` is the final state that was signed.
    """

    highest: int = 0
    farewell: ChannelState | None = None

    def after(self, state: ChannelState) -> "Keeper":
        """The memory to store before `state` is signed.

        Raises:
            LocalProtocolError: It must not be signed.
        """
        if state.version <= self.highest:
            raise LocalProtocolError(
                "version_used", f"This key has signed version {self.highest}; take a higher one."
            )
        if self.farewell is not None and not (state.is_final and same_payout(state, self.farewell)):
            raise LocalProtocolError(
                "closing_down", "This key has signed a final state; only the same one may follow."
            )
        return Keeper(state.version, state if state.is_final else self.farewell)
