"""Who opens a websocket: a person, by the session of the site, or its program, by a token (docs/api.md).

A page of somebody else's can have a browser open a socket with our cookies: then `Origin` must name the site. It can't
have it send a token. So a handshake with a token and without cookies needs no `Origin`.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from channels.auth import AuthMiddlewareStack
from channels.db import database_sync_to_async
from channels.security.websocket import AllowedHostsOriginValidator
from django.contrib.auth.models import AnonymousUser

from marketplace.api.asker import SCHEME
from marketplace.programs.models import ProgramToken
from marketplace.programs.scopes import READ, WRITE, covers
from marketplace.programs.tokens import find_token, is_live

Scope: TypeAlias = MutableMapping[str, Any]
Application: TypeAlias = Callable[..., Awaitable[None]]
NAME = "trade"
"""The scope of what the channels' socket does: that of channels, listings and trades under HTTP."""


@dataclass(frozen=True, slots=True)
class TokenPass:
    """A token as the channel engine asks for it (`channels_engine.ports.Pass`)."""

    token: ProgramToken

    @property
    def may_read(self) -> bool:
        """Whether it reads trades."""
        return covers(self.token.scopes, name=NAME, access=READ)

    @property
    def may_say(self) -> bool:
        """Whether it trades."""
        return covers(self.token.scopes, name=NAME, access=WRITE)

    def holds(self) -> bool:
        """Whether it was neither revoked nor ran out since."""
        return is_live(self.token)


class ByToken:
    """Tells the inner application whose token the handshake shows; one that opens nothing shows nobody."""

    def __init__(self, inner: Application) -> None:
        self._inner = inner

    async def __call__(self, scope: Scope, *rest: Any) -> None:
        """Serve one socket."""
        token = await database_sync_to_async(find_token)(_bearer(scope))
        known = {"user": token.user, "pass": TokenPass(token)} if token else {"user": AnonymousUser()}
        await self._inner({**scope, **known}, *rest)


class ByTokenOrSession:
    """A token goes before a session, as under HTTP; where there are cookies, `Origin` is looked at in any case."""

    def __init__(self, inner: Application) -> None:
        self._by_token = ByToken(inner)
        self._from_browser = AllowedHostsOriginValidator(self._by_token)
        self._by_session = AllowedHostsOriginValidator(AuthMiddlewareStack(inner))

    async def __call__(self, scope: Scope, *rest: Any) -> None:
        """Serve one socket."""
        chosen = self._by_session
        if _bearer(scope):
            chosen = self._from_browser if _header(scope, b"cookie") else self._by_token
        await chosen(scope, *rest)


def _header(scope: Scope, wanted: bytes) -> str:
    found: bytes = next((value for name, value in scope["headers"] if name == wanted), b"")
    return found.decode("latin-1")


def _bearer(scope: Scope) -> str:
    """The token that the handshake shows, or nothing."""
    scheme, _, secret = _header(scope, b"authorization").partition(" ")
    return secret.strip() if scheme.lower() == SCHEME else ""
