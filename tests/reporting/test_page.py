"""The page of an audit in a real browser: drawn, usable, accessible, safe from hostile names."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pbias.files.logits import Logits
from pbias.reporting.charts.heatmap import heatmap
from pbias.reporting.page.document import figure_page
from pbias.workflows.audit import AuditOptions, audit_files
from pbias.workflows.reports.evidence import Facts, evidence_of
from tests.conftest import needs
from tests.reporting.test_charts import row

SCRIPT, LINK, FORMULA = "<script>alert(1)</script>", "[link=file:///x]y[/link]", "=1+1"
TARGETS = (SCRIPT, LINK, FORMULA)
VALUES = ("a<b>", "\x1b[31mred")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Start a headless Chromium; skip the test if it is missing, fail in CI."""
    for package in ("playwright", "axe_core_python", "jinja2", "vl_convert"):
        needs(package)
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        message = "no chromium; install it from the system's packages"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield started
        started.close()


def hostile_logits(noise: float, path: str) -> Logits:
    """Make three attributes with code as names, by a group with code as values; ids are images."""
    rng, num = np.random.default_rng(0), 200
    labels = (rng.random((num, 3)) < 0.4).astype(int)
    sex = rng.integers(0, 2, num)
    logits = 4.0 * labels - 2 + rng.normal(size=labels.shape)
    other = np.random.default_rng(1)
    logits += noise * (other.normal(size=labels.shape) - 3 * labels * sex[:, None])
    logits[:, 2] = -np.abs(logits[:, 2]) if noise else logits[:, 2]  # never predicted
    return Logits.from_arrays(
        logits.astype(np.float32),
        labels,
        targets=TARGETS,
        ids=[f"{row}.png" for row in range(num)],
        groups={"sex<i>": np.array(VALUES)[sex]},
        meta={"sparsity": 0.9 if noise else 0.0},
        path=path,
    )


@pytest.fixture(scope="module")
def page_file(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a page with everything that pages can contain."""
    folder = tmp_path_factory.mktemp("page")
    images = folder / "images"
    images.mkdir()
    for i in range(200):
        Image.new("RGB", (40, 30), (i, 90, 60)).save(images / f"{i}.png")
    dense, sparse = hostile_logits(0.0, "dense<b>.npz"), hostile_logits(1.5, "s90.npz")
    for logits in (dense, sparse):
        logits.save(str(folder / logits.path))
    curves = [str(folder / logits.path) for logits in (dense, sparse)]
    gates = ["accuracy >= 0.5", "tpr >= 0.99", "change(accuracy)/mean >= -0.4"]
    sides, options = (curves[1:], curves[:1]), AuditOptions(folds=20, gates=gates)
    result = audit_files(*sides, options)
    (folder / "facts.toml").write_text(f'system = "{SCRIPT}"')
    evidence = evidence_of(result, *sides, Facts.read(str(folder / "facts.toml")), options)
    result.report(
        folder / "audit.html", curves=curves, images=images, examples=6, evidence=evidence
    )
    return folder / "audit.html"


@dataclass
class Visit:
    """An open page, with its requests and console messages."""

    page: Any
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


@pytest.fixture
def visit(browser: Any, page_file: Path) -> Iterator[Any]:
    """Open the page: `visit(width=..., color_scheme=..., java_script_enabled=...)`."""
    contexts = []

    def open_page(width: int = 1400, **options: Any) -> Visit:
        context = browser.new_context(viewport={"width": width, "height": 800}, **options)
        contexts.append(context)
        found = Visit(context.new_page())
        found.page.set_default_timeout(10_000)
        found.page.on("request", lambda request: found.requests.append(request.url))
        found.page.on("console", lambda said: found.complaints.append(said.text))
        found.page.on("pageerror", lambda error: found.complaints.append(str(error)))
        found.page.on("dialog", lambda dialog: found.complaints.append(dialog.message))
        found.page.goto(page_file.as_uri())
        return found

    yield open_page
    for context in contexts:
        context.close()


def test_the_page_asks_for_nothing_and_complains_of_nothing(visit: Any) -> None:
    found = visit()
    outside = [url for url in found.requests if not url.startswith("data:")]
    assert [url.rpartition("/")[2] for url in outside] == ["audit.html"]
    assert found.complaints == []


def test_charts_are_drawn_with_their_numbers(visit: Any) -> None:
    page = visit().page
    keys = page.locator("figure.chart").evaluate_all("all => all.map(one => one.id)")
    assert {"heatmap-tpr", "forest-tpr", "curves", "calibration0", "scores1"} <= set(keys)
    assert page.locator("figure.chart svg").count() == len(keys) == len(set(keys))
    assert page.locator("#heatmap-tpr svg path[aria-label^='TPR of']").count() == 6
    of_tpr = page.locator("#numbers tbody tr", has=page.locator("td:text-is('TPR')")).count()
    assert of_tpr == 3 * (1 + 2)  # attributes, for everyone and two group values
    ids = page.locator("[id]").evaluate_all("all => all.map(one => one.id)")
    assert len(ids) == len(set(ids))


def test_every_number_of_the_verdict_has_a_line_and_its_words_are_explained(visit: Any) -> None:
    page = visit().page
    lines = page.locator(".verdict p").all_text_contents()
    assert lines[0].startswith("Worst: ") and lines[0].count("[") == 1 + lines[0].count(LINK)
    assert sum(line.startswith("Also: ") for line in lines) == 2
    assert "sensitivity is the share found, of the samples that have the attribute" in (
        page.locator("#verdict > .note").first.text_content()
    )


def test_names_stay_text(visit: Any) -> None:
    page = visit().page
    assert page.locator("script").count() == 1
    assert page.locator("i, b").count() == 0
    heatmap = page.locator("#heatmap-tpr svg").text_content()
    assert SCRIPT in heatmap and LINK in heatmap
    assert "\\x1b[31mred" in page.locator("#numbers table").text_content()
    assert "\x1b" not in page.content()


def test_everything_can_be_read_without_scripts(visit: Any) -> None:
    page = visit(java_script_enabled=False).page
    assert page.locator("#verdict .first").is_visible()
    for figure in page.locator("figure.chart").all():
        assert figure.locator("svg").is_visible()
        assert figure.locator("table").or_(figure.locator("a.shared")).first.is_visible()
    assert page.locator("#numbers table").is_visible()
    assert page.locator(".gallery img").first.is_visible()
    assert not page.locator(".filters").is_visible()


def test_a_table_is_filtered_by_mouse_and_saved(visit: Any) -> None:
    page = visit().page
    part = page.locator("#numbers")
    assert not part.locator("table").is_visible()
    part.locator("summary").click()
    total = part.locator("tbody tr").count()
    part.locator("input").fill('=1+1 red "tpr"')
    assert part.locator("tbody tr:visible").count() == 1
    assert part.locator("output").text_content() == f"1 of {total} rows"
    with page.expect_download() as started:
        part.get_by_role("button", name="Save as CSV").click()
    assert started.value.suggested_filename == "numbers.csv"
    lines = Path(started.value.path()).read_text().splitlines()
    assert lines[0].startswith('"attribute","group","metric"') and len(lines) == 2
    assert lines[1].startswith('"\'=1+1",') and re.search('"-0[.][0-9]{3}"', lines[1])


def test_a_table_is_sorted_by_mouse_and_keyboard(visit: Any) -> None:
    page = visit().page
    part = page.locator("#numbers")
    part.locator("summary").click()
    changes = """rows => rows.map(row => row.cells[5].textContent.replace("\u2212", "-"))
      .filter(Boolean).map(Number)"""
    head = part.get_by_role("columnheader", name="change")
    head.get_by_role("button").click()
    shown = part.locator("tbody tr").evaluate_all(changes)
    assert shown == sorted(shown) and shown[0] < -0.1
    page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "descending"
    shown = part.locator("tbody tr").evaluate_all(changes)
    assert shown == sorted(shown, reverse=True)
    names = part.locator("tbody tr").evaluate_all("rows => rows.map(row => row.cells[0].innerText)")
    assert sorted(set(names)) == sorted(TARGETS)


def test_cells_are_reached_by_keyboard(visit: Any) -> None:
    page = visit().page
    figure = page.locator("#heatmap-tpr")
    cells = figure.locator("svg path[aria-label^='TPR of']")
    cells.first.focus()
    page.keyboard.press("ArrowRight")
    wanted = cells.nth(1).get_attribute("aria-label")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == wanted
    assert page.get_by_role("tooltip").text_content() == wanted
    page.keyboard.press("Enter")
    assert figure.locator(".detail").text_content() == wanted
    assert page.locator("#numbers tbody tr:visible").count() == 1
    number = wanted.split(": ")[1].split(" ")[0]  # the reference, or "undefined,"
    assert number.strip(",") in page.locator("#numbers tbody tr:visible").text_content()
    page.keyboard.press("Escape")
    assert page.get_by_role("tooltip").count() == 0  # hidden


def test_metrics_are_chosen_by_mouse_and_keyboard(visit: Any) -> None:
    page = visit().page
    bar = page.locator("#moved .tools").first
    assert page.locator("#heatmap-tpr").is_visible()
    assert not page.locator("#heatmap-fpr").is_visible()
    bar.get_by_role("button", name="false-positive rate").click()
    assert page.locator("#heatmap-fpr").is_visible()
    assert not page.locator("#heatmap-tpr").is_visible()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.locator("#heatmap-accuracy").is_visible()


def test_pictures_are_filtered(visit: Any) -> None:
    page = visit().page
    items, output = page.locator(".gallery li"), page.locator(".filters output")
    total = items.count()
    assert 6 < total <= 18 and output.text_content() == f"{total} of {total} pictures"
    page.locator("select[data-filter=attribute]").select_option(LINK)
    assert page.locator(".gallery li:visible").count() == 6
    page.locator("select[data-filter=groups]").focus()
    page.keyboard.press("ArrowDown")
    shown = page.locator(".gallery li:visible")
    assert 0 < shown.count() < 6
    assert "sex<i>=" in shown.first.text_content()
    page.locator("select[data-filter=groups]").select_option("")
    page.locator("select[data-filter=kinds]").select_option("flagged")
    flagged = page.locator(".gallery li:visible")
    assert flagged.count() and all("; flagged" in text for text in flagged.all_text_contents())
    width = page.locator(".gallery img").first.evaluate("one => one.naturalWidth")
    assert width == 96


@pytest.mark.parametrize("color_scheme", ["dark", "light"])
@pytest.mark.parametrize("width", [360, 1400])
def test_the_page_is_accessible_and_fits(visit: Any, width: int, color_scheme: str) -> None:
    from axe_core_python.sync_playwright import Axe

    page = visit(width, color_scheme=color_scheme).page
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert {"gates", "evidence", "examples", "flags", "exemplars"} <= set(
        page.locator("section").evaluate_all("all => all.map(one => one.id)")
    )
    page.locator("details").evaluate_all("all => all.forEach(one => { one.open = true; })")
    found = Axe().run(page, options={"resultTypes": ["violations"]})
    violations = found["violations"]
    assert [(v["id"], v["nodes"][0]["html"][:200]) for v in violations] == []


def test_print_cuts_no_chart(visit: Any) -> None:
    page = visit(680).page  # the width of A4 inside its margins
    page.emulate_media(media="print")
    charts = page.locator("figure.chart:visible").all()
    assert charts
    for chart in charts:
        box = chart.locator("svg").bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= 680 and box["height"] <= 1000
        assert not chart.locator(".tools").first.is_visible()
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details.fold:not([open])").count() == 0
    assert page.pdf(format="A4").startswith(b"%PDF")


def test_lines_to_sign_on_are_there_on_a_phone(visit: Any) -> None:
    page = visit(360).page
    assert page.locator("#evidence details[open], #tables details[open]").count() == 0
    rows = page.locator("#evidence table.form tbody tr")
    assert rows.count() == 3 and not rows.first.is_visible()
    page.locator("#evidence summary", has_text="Signatures").click()
    for cell in rows.first.locator("td").all():
        box = cell.bounding_box()
        assert box is not None and box["height"] > 15 and box["width"] > 200


def test_long_tables_begin_with_a_few_rows_on_a_phone_alone(visit: Any) -> None:
    """Six rows of a group are seen; the button, paper and a page without scripts show all."""
    rows = "#groups table.cards tbody tr"
    num = visit(1400).page.locator(rows).count()
    assert num > 8 and visit(1400).page.locator(f"{rows}:visible").count() == num
    page = visit(360).page
    button = page.locator("#groups button", has_text=f"Show all {num} rows")
    assert page.locator(f"{rows}:visible").count() == 6
    assert button.get_attribute("aria-expanded") == "false"
    button.click()
    assert page.locator(f"{rows}:visible").count() == num
    button = page.locator("#groups button", has_text="Show 6 rows")
    assert button.get_attribute("aria-expanded") == "true"
    button.click()
    assert page.locator(f"{rows}:visible").count() == 6
    page.emulate_media(media="print")
    assert page.locator(f"{rows}:visible").count() == num and not button.is_visible()
    plain = visit(360, java_script_enabled=False).page
    assert plain.locator(f"{rows}:visible").count() == num


@pytest.mark.parametrize("width", [360, 1280])
def test_no_table_is_cut(visit: Any, width: int) -> None:
    page = visit(width).page
    cut = "all => all.filter(one => one.scrollWidth > one.clientWidth).map(one => one.ariaLabel)"
    page.locator("details.fold").evaluate_all("all => all.forEach(one => { one.open = true; })")
    tables = page.locator(".tables .wide")
    assert tables.count() >= 3 and tables.evaluate_all(cut) == []


@pytest.mark.parametrize("width", [360, 1400])
def test_no_words_are_squeezed(visit: Any, width: int) -> None:
    """Beside a wide table, a section without one once had one letter per line."""
    page = visit(width).page
    narrow = "all => all.filter(one => one.offsetWidth < 120).map(one => one.textContent)"
    words = page.locator(".tables h3, .tables .note")
    assert words.count() >= 10 and words.evaluate_all(narrow) == []
    assert page.locator(".tables .words").count() >= 1


def test_no_name_of_a_row_runs_into_the_title_of_the_axis(browser: Any) -> None:
    rows = [row(f"an_attribute_with_a_very_long_name_{i}", "f", -0.1) for i in range(35)]
    figure = heatmap(rows)
    assert figure is not None
    page = browser.new_page()
    page.set_content(figure_page(figure))
    boxes = """all => all.map(one => [one.textContent, one.getBoundingClientRect()])
      .map(([text, box]) => [text, box.left, box.right, box.top, box.bottom])"""
    texts = page.locator("svg text").evaluate_all(boxes)
    page.close()
    ((_, left, right, top, bottom),) = [one for one in texts if one[0] == "attribute"]
    others = [one for one in texts if one[0] and one[0] != "attribute"]
    assert len(others) > 35
    hit = [
        t for t, x1, x2, y1, y2 in others if x1 < right and left < x2 and y1 < bottom and top < y2
    ]
    assert hit == []
