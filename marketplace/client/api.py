"""The API, typed: a token or a session, retries that double nothing, lists as iterators, problems as exceptions."""

import time
from collections.abc import Iterator
from typing import Any, TypeVar
from urllib.parse import urljoin
from uuid import uuid4

import msgspec
import requests

from marketplace.client import shapes
from marketplace.client.errors import ProblemError, UnreachableError

T = TypeVar("T")
ROOT = "/api/v1/"
SAFE = ("GET", "HEAD")
TIMEOUT_S = 60
TRIES = 4
AGAIN = {429, 502, 503, 504}
OK_END = 300


class Client:
    """One person at one site. With `token`, by that; else call `sign_in` or `sign_up`."""

    def __init__(self, url: str, *, token: str = "") -> None:
        self.url = url.rstrip("/")
        self.http = requests.Session()
        if token:
            self.http.headers["Authorization"] = f"Bearer {token}"

    def close(self) -> None:
        """Let connections go."""
        self.http.close()

    def sign_in(self, email: str, password: str) -> None:
        """Begin a session.

        Raises:
            PermissionError: The site knows no such account, or asks for a second factor.
        """
        self._form("/accounts/login/", login=email, password=password)

    def sign_up(self, email: str, password: str) -> None:
        """Make an account, and begin a session.

        Raises:
            PermissionError: The site refuses the address or the password.
        """
        self._form("/accounts/signup/", email=email, password1=password, password2=password)

    def confirm(self, password: str) -> None:
        """Type the password once more: for five minutes tokens can be made then.

        Raises:
            PermissionError: It is wrong.
        """
        self._form("/accounts/reauthenticate/", password=password)

    def _form(self, path: str, **fields: str) -> None:
        self.http.get(self.url + path, timeout=TIMEOUT_S).raise_for_status()
        head = {"X-CSRFToken": self.http.cookies["csrftoken"] or "", "Referer": self.url + path}
        answer = self.http.post(
            self.url + path, fields, headers=head, allow_redirects=False, timeout=TIMEOUT_S
        )
        if answer.status_code != requests.codes.found or "sessionid" not in self.http.cookies:
            raise PermissionError(f"{path} did not begin a session: {answer.status_code}")

    def call(self, method: str, path: str, body: dict[str, Any] | None = None, *, key: str = "") -> bytes:
        """Ask for anything below /api/v1/. What writes carries an idempotency key, and is asked again where it got lost.

        Raises:
            ProblemError: The site refuses.
            UnreachableError: It can't be reached, also after several tries.
        """
        head = {} if method in SAFE else {"Idempotency-Key": key or str(uuid4())}
        fault: ProblemError | None = None
        for attempt in range(TRIES):
            try:
                answer = self._ask(method, path, body, head)
            except requests.ConnectionError:
                time.sleep(0.2 * 2**attempt)
                continue
            if answer.status_code < OK_END:
                return answer.content
            fault = _problem(answer)
            if answer.status_code not in AGAIN and fault.code != "idempotency_in_progress":
                raise fault
            time.sleep(fault.retry_after_s or 0.2 * 2**attempt)
        raise fault or UnreachableError(f"{method} {path}: {self.url} can't be reached")

    def _ask(
        self, method: str, path: str, body: dict[str, Any] | None, head: dict[str, str]
    ) -> requests.Response:
        csrf = self.http.cookies.get("csrftoken")
        own = {"X-CSRFToken": csrf, "Referer": self.url + "/"} if csrf and method not in SAFE else {}
        address = urljoin(self.url + ROOT, path)
        return self.http.request(method, address, json=body, headers={**head, **own}, timeout=TIMEOUT_S)

    def get(self, path: str, kind: type[T]) -> T:
        """One thing, typed."""
        return msgspec.json.decode(self.call("GET", path), type=kind, strict=False)

    def post(self, path: str, kind: type[T], body: dict[str, Any] | None = None, *, key: str = "") -> T:
        """Make or move something."""
        return msgspec.json.decode(self.call("POST", path, body or {}, key=key), type=kind, strict=False)

    def listed(self, path: str, kind: type[T]) -> Iterator[T]:
        """All of a list, page by page, each once: newest-first pages shift while they are read."""
        seen: set[str] = set()
        address: str | None = path
        while address:
            page = msgspec.json.decode(self.call("GET", address))
            for row in page["results"]:
                name = str(row.get("id") or row.get("serial") or row.get("slug") or row)
                if name not in seen:
                    seen.add(name)
                    yield msgspec.convert(row, kind, strict=False)
            address = page["next"]

    def me(self) -> shapes.Me:
        """Who I am."""
        return self.get("me/", shapes.Me)

    def market(self) -> shapes.Market:
        """Open slots and tariff."""
        return self.get("market/", shapes.Market)

    def ledger(self) -> shapes.Ledger:
        """Chain and contracts."""
        return self.get("ledger/", shapes.Ledger)

    def listings(self, **filters: str | int) -> Iterator[shapes.Listing]:
        """Open listings; `side`, `slot_start`, `mine`."""
        return self.listed(
            "listings/?" + "&".join(f"{name}={value}" for name, value in filters.items()), shapes.Listing
        )

    def trades(self) -> Iterator[shapes.Trade]:
        """My trades, the newest first."""
        return self.listed("trades/", shapes.Trade)

    def channels(self) -> Iterator[shapes.Channel]:
        """My channels."""
        return self.listed("channels/", shapes.Channel)

    def agreements(self) -> Iterator[shapes.Agreement]:
        """My credit agreements."""
        return self.listed("agreements/", shapes.Agreement)

    def notes(self) -> Iterator[shapes.Note]:
        """My credit notes."""
        return self.listed("notes/", shapes.Note)

    def list_energy(
        self, *, side: str, slot_start: int, quantity_wh: int, price_per_kwh: int, key: str = ""
    ) -> shapes.Listing:
        """List a surplus (`sells`) or a need (`buys`)."""
        wish = {
            "side": side,
            "slot_start": slot_start,
            "quantity_wh": quantity_wh,
            "price_per_kwh": str(price_per_kwh),
        }
        return self.post("listings/", shapes.Listing, wish, key=key)

    def add_webhook(self, url: str, events: list[str]) -> shapes.MadeWebhook:
        """Hear of things."""
        return self.post("webhooks/", shapes.MadeWebhook, {"url": url, "events": events})


def _problem(answer: requests.Response) -> ProblemError:
    wait = answer.headers.get("Retry-After", "")
    try:
        content = answer.json()
    except requests.JSONDecodeError:
        content = {"status": answer.status_code, "code": "no_problem", "detail": answer.text[:200]}
    return ProblemError(content, retry_after_s=float(wait) if wait.isdecimal() else 0)
