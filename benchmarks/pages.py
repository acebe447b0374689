"""The site's pages as a visitor waits for them: first contentful paint and compressed scripts, each page in a fresh browser.

The whole site serves the demonstration with its market trading beside; of each page the median of five visits with an
empty cache counts, on the machine that also serves it.

    python benchmarks/pages.py [--visits 5]
"""

import argparse
import gzip
import statistics
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks"), str(ROOT / "tests" / "e2e")]

from playwright.sync_api import Browser, Response  # noqa: E402  after the path is set
from results import record  # noqa: E402  as above
from test_every_page import PAGES, a_house, sign_in  # noqa: E402  as above
from watched_browser import chromium  # noqa: E402  as above
from whole_site import WholeSite  # noqa: E402  as above

from tests.services import free_port  # noqa: E402  as above

GOAL_MS = 1000
GOAL_BYTES = 200_000
PAINTED = 'performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? null'
COMMAND = "python benchmarks/pages.py"


def visit(browser: Browser, url: str, path: str, state: object) -> tuple[float, int]:
    """First paint in ms, and the scripts' compressed bytes, of one visit with an empty cache."""
    context = browser.new_context(base_url=url, storage_state=state)  # type: ignore[arg-type]  # what storage_state() gave
    page, weights = context.new_page(), dict[str, int]()

    def weigh(response: Response) -> None:
        if response.request.resource_type == "script" and response.ok:
            weights[response.url] = len(gzip.compress(response.body(), 6))

    page.on("response", weigh)
    page.goto(path, wait_until="load")
    page.wait_for_function(f"() => ({PAINTED}) !== null")
    painted = float(page.evaluate(PAINTED))
    page.wait_for_timeout(300)
    context.close()
    return painted, sum(weights.values())


def measure(browser: Browser, site: WholeSite, visits: int) -> dict[str, tuple[float, int]]:
    """Median paint and weight of each page."""
    found: dict[str, tuple[float, int]] = {}
    for email, paths in PAGES.items():
        context = browser.new_context(base_url=site.url)
        page = context.new_page()
        if email:
            sign_in(page, email)
        house = a_house(page) if email else ""
        state = context.storage_state()
        context.close()
        for path in paths:
            address = path.format(house=house)
            seen = [visit(browser, site.url, address, state) for _ in range(visits)]
            found[path] = statistics.median(ms for ms, _ in seen), max(weight for _, weight in seen)
            print(f"{path:<28} {found[path][0]:7.0f} ms  {found[path][1]:9,} bytes of script")
    return found


def main() -> None:
    """Measure all pages and record the slowest and the heaviest."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--visits", type=int, default=5)
    visits = parser.parse_args().visits
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        site = WholeSite(Path(folder), free_port(), free_port())
        try:
            site.start()
            found = measure(browser, site, visits)
        finally:
            site.stop()
    for name, part, most, unit in (
        ("page_first_paint", 0, GOAL_MS, "ms"),
        ("page_scripts", 1, GOAL_BYTES, "bytes"),
    ):
        worst = max(found, key=lambda path: found[path][part])
        ours = found[worst][part]
        print(f"worst page: {worst}")
        record(
            name,
            ours=ours,
            reference=most,
            ratio=ours / most,
            goal=1.0,
            unit=unit,
            better="lower",
            command=COMMAND,
        )


if __name__ == "__main__":
    main()
