"""A Chromium that tells on the pages: every request, every body, every websocket frame, every console error."""

import contextlib
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import psutil
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    WebError,
    WebSocket,
    sync_playwright,
)
from playwright.sync_api import Error as PlaywrightError

from tests.system_parts import find_chromium

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
HEIGHTS = {1280: 900, 390: 844}
PATIENCE_MS = 30_000
LOCALES = {"en": "en-GB", "de": "de-DE"}
TOUR = Path(__file__).resolve().parents[2] / "docs" / "images" / "tour"
STOPS = {
    ("story-1280", "landing"): "landing",
    ("story-1280", "application"): "application",
    ("merchant-1280", "overview"): "office",
    ("merchant-1280", "review"): "review",
    ("agent-1280", "today"): "today",
    ("agent-1280", "agent-dry-run"): "agent",
    ("story-1280", "partners"): "partners",
    ("story-1280", "countered"): "negotiation",
    ("story-390", "traded"): "traded",
    ("story-1280", "proof"): "proof",
    ("operator-1280", "feeder"): "feeder",
    ("operator-1280", "compare"): "compare",
}
"""Pictures of docs/tour.md, by journey and step; `make tour` takes them."""
NETWORK = ("http", "https", "ws", "wss", "ftp")
"""Schemes that leave the browser; its own parts (data, blob, its PDF viewer) have others."""


def pictures_folder() -> Path:
    """Where pictures are kept: of a failure always, of each step where SCREENSHOTS names the folder."""
    default = Path(__file__).resolve().parents[2] / "var" / "screenshots"
    return Path(os.environ.get("SCREENSHOTS") or default)


def keep_last_pictures(context: BrowserContext, width: int) -> None:
    """What the reader of a failure looks at first."""
    test = re.sub(r"\W+", "-", os.environ.get("PYTEST_CURRENT_TEST", "").rpartition("::")[2])
    for number, page in enumerate(context.pages):
        path = pictures_folder() / "failed" / f"{test}{width}-{number}.png"
        with contextlib.suppress(PlaywrightError):
            page.screenshot(path=path, full_page=True, animations="disabled")


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """The system's Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Watch:
    """What left a browser, and what it complained about."""

    host: str
    sent: list[bytes] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    pending: set[Request] = field(default_factory=set)
    expected: tuple[str, ...] = ()

    def over(self, context: BrowserContext) -> None:
        """Watch every page of a context."""
        for event, heard in self._hearing():
            context.on(event, heard)

    def leave(self, context: BrowserContext) -> None:
        """Hear no more of a context; what its pages have said until now is kept."""
        for page in context.pages:
            page.title()  # an answer comes after all that was said before
        for event, heard in self._hearing():
            context.remove_listener(event, heard)

    def _hearing(self) -> tuple[tuple[Any, Callable[[Any], None]], ...]:
        return (
            ("request", self._request),
            ("requestfinished", self._finished),
            ("requestfailed", self._failed),
            ("console", self._console),
            ("weberror", self._uncaught),
            ("page", self._page),
        )

    def _uncaught(self, fault: WebError) -> None:
        self.complaints.append(f"uncaught: {fault.error}")

    def _page(self, page: Page) -> None:
        page.on("websocket", self._socket)

    def _finished(self, request: Request) -> None:
        self.pending.discard(request)

    def _failed(self, request: Request) -> None:
        self.pending.discard(request)
        self.failures.append(f"{request.failure}: {request.url}")

    def _request(self, request: Request) -> None:
        self.pending.add(request)
        where = urlsplit(request.url)
        if where.scheme in NETWORK and where.netloc != self.host:
            self.elsewhere.append(request.url)
        self.sent += [request.url.encode(), str(request.headers).encode(), request.post_data_buffer or b""]

    def _socket(self, socket: WebSocket) -> None:
        if urlsplit(socket.url).netloc != self.host:
            self.elsewhere.append(socket.url)
        socket.on("framesent", lambda payload: self.sent.append(_bytes(payload)))

    def _console(self, message: ConsoleMessage) -> None:
        text = f"{message.type}: {message.text} ({message.location.get('url', '')})"
        if message.type == "error" and not any(word in text for word in self.expected):
            self.complaints.append(text)

    def report(self) -> list[str]:
        """What helps to understand a failure."""
        waiting = [f"no answer yet: {request.url}" for request in self.pending]
        return [*self.complaints, *self.failures, *waiting]

    def tells(self, secret: str) -> bool:
        """Whether a secret went out, whatever the case of its letters."""
        wanted = secret.lower().encode()
        return any(wanted in content.lower() for content in self.sent)


def _bytes(payload: str | bytes) -> bytes:
    return payload.encode() if isinstance(payload, str) else payload


class Camera:
    """Keeps a numbered picture of each step, of the whole page, where SCREENSHOTS asks for them: they take a while."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._taken = folder, 0
        if "SCREENSHOTS" in os.environ:
            folder.mkdir(parents=True, exist_ok=True)
            for old in folder.glob("*.png"):
                old.unlink()

    def take(self, page: Page, step: str, *, whole: bool = True) -> None:
        """Picture of a page; an open dialog, and what is not `whole`, is shown as a reader sees it."""
        if os.environ.get("TOUR") and (stop := STOPS.get((self.folder.name, step))):
            page.screenshot(path=TOUR / f"{stop}.png", animations="disabled")
        if "SCREENSHOTS" not in os.environ:
            return
        self._taken += 1
        modal = not whole or page.locator("dialog[open]").count() > 0
        if not modal:
            page.evaluate("scrollTo(0, 0)")
        page.screenshot(
            path=self.folder / f"{self._taken:02}-{step}.png", full_page=not modal, animations="disabled"
        )


def overflow(page: Page) -> int:
    """By how many pixels a page is wider than its window."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


class Home:
    """A Chromium of its own with a profile on the disk: it can be killed, and opened again.

    Args:
        browser: Any, for its kind.
        url: The site.
        width: Of the window.
        profile: Folder of what it keeps.
    """

    def __init__(self, browser: Browser, url: str, width: int, profile: Path) -> None:
        self._kind, self._url, self._width, self._profile = browser.browser_type, url, width, profile
        self.watch = Watch(urlsplit(url).netloc)
        self._context: BrowserContext | None = None

    def open(self) -> Page:
        """Start it."""
        self._context = self._kind.launch_persistent_context(
            self._profile,
            executable_path=find_chromium(),
            args=list(FLAGS),
            base_url=self._url,
            **_as_somebody(self._width),
        )
        self._context.set_default_timeout(PATIENCE_MS)
        self.watch.over(self._context)
        return self._context.new_page()

    def kill(self) -> None:
        """As a power cut would: all its processes at once. A page that outlives its network for a moment is not heard."""
        if self._context is not None:
            self.watch.leave(self._context)
        mine = f"--user-data-dir={self._profile}"
        family = [p for p in psutil.Process().children(recursive=True) if mine in _command(p)]
        if not family:
            raise RuntimeError(f"No browser runs on {self._profile}")
        for process in [child for one in family for child in one.children(recursive=True)] + family:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(family, timeout=10)
        (self._profile / "SingletonLock").unlink(missing_ok=True)

    def close(self) -> None:
        """End it, if it still runs."""
        if self._context is not None:
            with contextlib.suppress(PlaywrightError):
                self._context.close()


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return []


def _as_somebody(width: int, language: str = "en", scheme: str = "light") -> dict[str, Any]:
    return {
        "viewport": {"width": width, "height": HEIGHTS[width]},
        "has_touch": width < 600,
        "locale": LOCALES[language],
        "color_scheme": scheme,
        "timezone_id": "Europe/Berlin",
    }


@contextlib.contextmanager
def visitor(
    browser: Browser,
    url: str,
    width: int,
    *,
    language: str = "en",
    scheme: Literal["light", "dark"] = "light",
) -> Iterator[tuple[Page, Watch]]:
    """A fresh browser profile of a width, a language and a colour scheme, watched."""
    context = browser.new_context(
        base_url=url,
        **_as_somebody(width, language, scheme),
    )
    context.set_default_timeout(PATIENCE_MS)
    watch = Watch(urlsplit(url).netloc)
    watch.over(context)
    try:
        yield context.new_page(), watch
    except BaseException:
        print("\n".join(watch.report()))  # noqa: T201  pytest shows it with the failure
        keep_last_pictures(context, width)
        raise
    finally:
        context.close()
