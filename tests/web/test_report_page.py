"""A report in Chromium, as a file: it asks nothing of anybody, and can be read with mouse, keyboard and phone."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.utils import translation
from msgspec.structs import replace as change
from playwright.sync_api import Browser, Page, expect

from grid.results.report import study_report
from grid.scenarios.scenario import load_scenario
from grid.simulation import open_simulation
from marketplace.trading.replay.report import policy_of, render_report
from tests.e2e.watched_browser import chromium, overflow
from tests.system_parts import require

SCENARIO = Path(__file__).resolve().parents[2] / "fixtures" / "scenarios" / "june-week.toml"
EVIL = "</script><img src=x onerror=alert(1)>&amp;"


@pytest.fixture(scope="module")
def data() -> dict[str, Any]:
    """Two sunny hours, with refusals, and with a household whose name would like to be more than a name."""
    scenario = load_scenario(SCENARIO)
    start, end = (datetime(2016, 6, 9, hour, tzinfo=UTC) for hour in (10, 12))
    tight = change(scenario.limits_section, vm_max_pu=1.06)
    short = replace(scenario, period=change(scenario.period, start=start, end=end), limits_section=tight)
    content = study_report(open_simulation(short))
    content["households"][0]["name"] = EVIL
    content["about"]["title"] = EVIL
    return content


@pytest.fixture(scope="module")
def file(data: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(render_report(data), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    require("Chromium")
    with chromium() as started:
        yield started


@pytest.fixture
def page(browser: Browser, file: Path) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, offline=True)
    opened = context.new_page()
    told: list[str] = []
    opened.on("request", lambda request: told.append(request.url))
    opened.on("console", lambda message: told.append(message.text))
    opened.on("pageerror", lambda error: told.append(str(error)))
    opened.goto(file.as_uri())
    yield opened
    context.close()
    assert told == [file.as_uri()]


def test_names_stay_names_and_the_data_comes_back(data: dict[str, Any], file: Path) -> None:
    html = file.read_text(encoding="utf-8")
    assert "<img" not in html
    block = html.split('id="report-data">')[1].split("</script>")[0]
    assert json.loads(block) == json.loads(json.dumps(data))
    assert len(html.encode()) < 1_000_000


def test_its_own_policy_lets_nothing_else_in(file: Path) -> None:
    html = file.read_text(encoding="utf-8")
    script = html.split('<script type="module">')[1].split("</script>")[0]
    sheet = html.split("<style>")[1].split("</style>")[0]
    told = re.search(r'Content-Security-Policy" content="([^"]*)"', html)
    assert told
    assert told[1].replace("&#x27;", "'") == policy_of(script, sheet)
    assert not re.search(r"\b(fetch|XMLHttpRequest|WebSocket|eval)\b", script)
    assert " style=" not in html


def test_a_town_shows_both_ends_of_its_households(data: dict[str, Any]) -> None:
    row = data["households"][1]
    town = data["households"] + [row | {"name": f"more {i}", "saved": i} for i in range(1200)]
    html = render_report(data | {"households": town})
    table = html.split('id="homes"')[1].split("</table>")[0]
    assert table.count("<tr>") == 1001
    assert "1,000 households at both ends" in html


@pytest.mark.browser
def test_charts_map_and_tables_work_by_mouse_and_keyboard(page: Page, data: dict[str, Any]) -> None:
    hosts = page.locator("[data-chart]")
    assert hosts.count() == len(hosts.locator("svg").all()) == 13
    assert "NaN" not in page.locator("main").inner_html()
    expect(page.locator("[data-chart=map] rect, [data-chart=map] circle")).to_have_count(
        data["about"]["buses"] + 1
    )

    time = page.locator("[data-say=time]")
    page.locator("#slot").focus()
    page.keyboard.press("Home")
    expect(time).to_have_text("Thu 9 Jun, 10:00 – 10:15")
    page.get_by_role("slider", name=re.compile("Voltage band")).focus()
    page.keyboard.press("ArrowRight")
    expect(time).to_have_text("Thu 9 Jun, 10:15 – 10:30")
    page.locator("#play").click()
    expect(time).not_to_have_text("Thu 9 Jun, 10:15 – 10:30")
    page.locator("#play").click()
    high = page.locator("[data-say=vmax]").text_content()
    assert high
    assert abs(float(high.split()[0]) - 1.06) < 0.02

    pairs = page.get_by_role("slider", name=re.compile("Pairs"))
    pairs.focus()
    largest = pairs.get_attribute("aria-valuetext")
    page.keyboard.press("ArrowRight")
    assert pairs.get_attribute("aria-valuetext") != largest

    page.get_by_role("button", name="Saved").click()
    saved = [
        int(cell.get_attribute("data-value") or 0)
        for cell in page.locator("#homes tbody td:nth-child(2)").all()
    ]
    assert saved == sorted(saved, reverse=True)
    page.locator("#find-home").fill("</script>")
    expect(page.locator("#homes tbody tr:visible")).to_have_count(1)


@pytest.mark.browser
def test_it_fits_a_phone_and_turns_dark(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    assert overflow(page) == 0
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.locator("#theme").click()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != light
    page.emulate_media(media="print")
    assert not page.locator("#slot").is_visible()


def test_a_german_report_keeps_its_numbers_for_scripts(data: dict[str, Any]) -> None:
    with translation.override("de"):
        page = render_report(data)
    assert '<html lang="de">' in page
    assert not re.findall(r'[\w-]+="-?\d+,\d+"', page), "scripts read points only"
    assert "Von der Netzprüfung abgelehnt" in page
