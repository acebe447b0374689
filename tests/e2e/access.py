"""WCAG 2.2 AA as axe-core sees it, in the page as it is; script weight and first paint of a page."""

import gzip
from collections.abc import Sequence
from urllib.parse import urlsplit

from playwright.sync_api import Page, Response

from tests.system_parts import SCRIPT_TOOLS

AXE = SCRIPT_TOOLS.parent / "axe-core" / "axe.min.js"
WCAG = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")
RULES = (*WCAG, "best-practice")
_RUN = """async tags => (await axe.run(document, {runOnly: tags, resultTypes: ["violations"], iframes: false}))
  .violations.flatMap(v => v.nodes.map(n => `${v.id}: ${n.target.join(" ")}: ${n.failureSummary.split("\\n")[1] ?? v.help}`))"""
_FIRST_PAINT = 'performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? null'
_SETTLED = """() => Promise.all(document.getAnimations().filter(a => a.playState === "running" && a.effect?.getTiming().iterations !== Infinity)
  .map(a => a.finished.catch(() => null)))"""


def axe_faults(page: Page, rules: Sequence[str] = RULES) -> list[str]:
    """What axe-core complains of: rule, element, reason."""
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(AXE.read_text())  # over the debugger: the page's own policy forbids it, as it should
    page.evaluate(_SETTLED)
    faults: list[str] = page.evaluate(_RUN, list(rules))
    return faults


def first_paint_ms(page: Page) -> float | None:
    """When the page first showed something, from the start of its navigation; None before that."""
    painted: float | None = page.evaluate(_FIRST_PAINT)
    return painted


class Scripts:
    """The scripts that a page loads, with what they weigh compressed."""

    def __init__(self, page: Page) -> None:
        self._bodies: dict[str, int] = {}
        page.on("response", self._response)

    def _response(self, response: Response) -> None:
        if response.request.resource_type == "script" and response.ok:
            self._bodies[urlsplit(response.url).path] = len(gzip.compress(response.body(), 6))

    def weigh(self) -> int:
        """Bytes since the last call."""
        total = sum(self._bodies.values())
        self._bodies.clear()
        return total
