"""Why a notice did not go out."""


class LaterError(Exception):
    """The other side is away or busy: worth another try."""


class HopelessError(Exception):
    """It will never be taken."""


class GoneError(HopelessError):
    """Nobody is there any more."""
