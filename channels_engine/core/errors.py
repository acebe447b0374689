"""Refusals of the core: each names who erred."""


class ProtocolError(Exception):
    """A refused input; the channel's state is untouched.

    Args:
        code: Stable machine-readable word, such as `offer_expired`.
        message: What was wrong and what to do about it.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class LocalProtocolError(ProtocolError):
    """Our own user asked for something that the protocol forbids."""


class RemoteProtocolError(ProtocolError):
    """The peer broke the protocol."""


class LedgerProtocolError(ProtocolError):
    """The ledger reported something that can't follow from what we know."""


class Violation(ProtocolError):  # noqa: N818  not an error by itself: who erred is told by the input
    """A broken rule. `transition.apply` raises it as the error of whoever caused the input."""


class SignatureError(ProtocolError):
    """A signature has the wrong form, is malleable, or is somebody else's."""


class InvariantError(Exception):
    """Conservation or non-negativity broke: a bug of ours. Nothing may be stored after it."""
