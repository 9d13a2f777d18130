"""The report of an audit: headline, then changes by group, then undefined values with reasons.

The entries of metrics say which are headlines, which have their own section, and which are watched
for changes that could have been missed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from statistics import median

from pbias.auditing.counts.trained import NO_TRAIN_COUNTS
from pbias.auditing.findings.selection import Widened
from pbias.auditing.metrics.entry import Metric
from pbias.auditing.metrics.registry import METRICS
from pbias.errors import argument, listed
from pbias.files.table import Table
from pbias.reporting.change_lists import (
    UNDEFINED,
    Ranking,
    chosen_lists,
    moved_apart,
    strongest,
)
from pbias.reporting.class_tables import are_classes, class_sections
from pbias.reporting.group_tables import group_sections
from pbias.reporting.sections import (
    CONTRASTS,
    Record,
    Section,
    few_left,
    number,
    numbers,
    over,
    with_legend,
)

SMALL = 0.05  # a change that people who ship a model would want to know about


def audit_sections(
    table: Table, asked: list[str] | None = None, widened: Widened | None = None
) -> list[Section]:
    """Return the sections of `pbias metrics`, from its table; `asked` lists the chosen metrics.

    `widened` provides intervals that allow for selection, for lists of the largest changes.
    """
    records = table.records()
    paired = any(record["change"] == record["change"] for record in records)
    groups = list(dict.fromkeys(r["group"] for r in records if r["group"]))
    compared = any(":" in record["runs"] for record in records)  # audited and reference runs
    headline, ranking = _headline(records, groups, paired, asked or []), Ranking(widened)
    sections = [headline] if headline.rows else []
    for group in groups:
        mine = [record for record in records if record["group"] == group and record["attribute"]]
        for metric in _spotlights(asked):
            if metric.part is None:
                sections.append(strongest(metric, group, mine, ranking, paired=paired))
            elif compared:
                sections.append(moved_apart(metric, metric.part, group, mine, ranking))
    sections += chosen_lists(records, asked or [], ranking)
    empty = [section.title for section in sections if section.notes == [UNDEFINED]]
    sections = [section for section in sections if section.title not in empty]
    sections += [undefined_section(records, empty), *missed_section(records, asked)]
    return [with_scope(section, records) for section in sections]


def value_sections(table: Table, widened: Widened | None = None) -> list[Section]:
    """Return the numbers of each class, if targets are classes, and of each group value."""
    records = table.records()
    paired = any(record["change"] == record["change"] for record in records)
    sections = group_sections(records, paired=paired, of_classes=are_classes(records))
    if are_classes(records):
        sections = [*class_sections(records, Ranking(widened), paired=paired), *sections]
    return [with_scope(section, records) for section in sections]


def with_scope(section: Section, records: list[Record]) -> Section:
    """Add notes on what `few` means, and on whether intervals are about the method."""
    if not any(" [" in cell for row in section.rows for cell in row):
        return with_legend(section)
    section = with_legend(section)
    said = f"Intervals are about {_scope([int(num) for num in records[0]['runs'].split(':')])}."
    return replace(section, notes=[*section.notes, said])


def _scope(runs: list[int]) -> str:
    """Say what one or several runs allow to conclude; `runs` are those of one or both sides."""
    sides = " a side" if len(runs) > 1 else ""
    if max(runs) == 1:
        return f"these weights, not about the method: one run{sides}"
    if min(runs) == 1:
        return "the method on the side of several runs, these weights on the other"
    more = " or more" if min(runs) < max(runs) else ""
    return f"the method: {min(runs)} runs{more}{sides}"


def _spotlights(asked: list[str] | None) -> list[Metric]:
    """Return the metrics that have their own section, if they were requested."""
    wanted = METRICS if asked is None else asked
    return [m for m in METRICS.values() if m.spotlight and m.name in wanted]


def _headline(records: list[Record], groups: list[str], paired: bool, asked: list[str]) -> Section:
    classes = are_classes(records)
    chosen = [m for m in METRICS.values() if m.headline and not (classes and m.binary_only)]
    if classes:  # the recall by class follows the accuracy over all classes
        first = [m for m in METRICS.values() if m.by_value and not m.binary_only]
        chosen = [*first, *(m for m in chosen if m not in first)]
    by_group = [metric.name for metric in chosen if metric.of_groups]
    means = {
        (r["metric"], r["group"]): r
        for r in records
        if not r["attribute"] and (not r["group"] or r["metric"] in by_group)
    }
    overall = [metric.name for metric in chosen if not metric.of_groups]
    wanted = [(name, "") for name in dict.fromkeys([*overall, *asked])]
    wanted += [(name, group) for group in groups for name in by_group]
    found = [(key, means[key]) for key in wanted if key in means]
    rows = [[_title(*key), *numbers(record, paired), _over(record)] for key, record in found]
    columns = ["reference", "audited", "change"] if paired else ["value"]
    title = "Means over classes" if classes else "Means over attributes"
    title += ", and what changed" if paired else ""
    facts = [metric for metric in chosen if metric.fact]
    notes = [note for metric in facts for note in _facts(metric, records, paired)]
    notes += few_left([(_title(*key), record) for key, record in found])
    return Section(title, ["metric", *columns, "over"], rows, notes)


def _facts(metric: Metric, records: list[Record], paired: bool) -> list[str]:
    """List the attributes for which a fact holds, first those for which it is new."""
    mine = [r for r in records if r["metric"] == metric.name and not r["group"]]
    holds = [r for r in mine if r["attribute"] and r["value"] == 1]
    both = [r["attribute"] for r in holds if r["reference"] == 1]
    new = [r["attribute"] for r in holds if r["reference"] != 1]
    told = {
        f"{metric.fact}, but by the reference" if paired else metric.fact: new,
        f"{metric.fact}, nor by the reference": both,
    }
    return [f"{what} ({len(who)}): {', '.join(who)}" for what, who in told.items() if who]


def _title(name: str, group: str) -> str:
    mean_title = METRICS[name].mean_title or name.replace("_", " ")
    return mean_title + (f" ({group})" if group else "")


def _over(record: Record) -> str:
    return "none" if record["status"] == "undefined" else over(record) or "all"


def undefined_section(records: Iterable[Record], empty: Sequence[str] = ()) -> Section:
    """Return undefined values by reason, without contrasts, which repeat their two sides.

    `empty` are the titles of sections that would have no row; a note names them.
    """
    metrics: dict[str, dict[str, None]] = defaultdict(dict)
    places: dict[str, dict[str, None]] = defaultdict(dict)
    for r in records:
        contrast = r["contrast"].endswith(CONTRASTS)
        if r["status"] == "undefined" and not contrast and r["attribute"] not in ("", r["group"]):
            place = " ".join(filter(None, (r["attribute"], r["group"], r["contrast"])))
            metrics[r["reason"]][r["metric"]] = None
            places[r["reason"]][place] = None
    ranked = sorted(places, key=lambda reason: -len(places[reason]))
    rows = [
        [why, listed(list(metrics[why])), str(len(places[why])), listed(list(places[why]))]
        for why in ranked
    ]
    notes = [] if rows else ["nothing"]
    if NO_TRAIN_COUNTS in ranked:
        notes.append(
            f"Training counts: {argument('train_labels')} adds them from rows of split train."
        )
    if empty:
        notes.append(f"Left out, undefined for every attribute: {'; '.join(empty)}.")
    return Section("Undefined, and why", ["reason", "metrics", "places", "where"], rows, notes)


def missed_section(records: list[Record], asked: list[str] | None) -> list[Section]:
    """Report the size of difference found four times out of five, by metric and group."""
    skipped = are_classes(records)
    watched = asked or [
        m.name for m in METRICS.values() if m.watched and not (skipped and m.binary_only)
    ]
    found: dict[tuple[str, str, str], list[float]] = {}
    for r in records:
        of_group = r["group"] and (METRICS[r["metric"]].contrasted or _of_one_value(r["contrast"]))
        wanted = r["metric"] in watched and (asked or not of_group)
        is_mean = not (r["attribute"] or METRICS[r["metric"]].pooled)
        if wanted and not is_mean and "undefined" not in (r["status"], r["change_status"]):
            where = (r["metric"].replace("_", " "), r["group"], r["contrast"])
            found.setdefault(where, []).append(r["detectable"])
    rows = [[*where, *_missed(sizes)] for where, sizes in found.items()]
    header = ["metric", "group", "contrast", "found 4 times in 5", f"need more than {SMALL:g}"]
    notes = ["The smallest true difference found with 80 % power: median over the attributes."]
    unknown = sum(size != size for sizes in found.values() for size in sizes)
    if unknown:
        notes.append(f"Left out: {unknown} numbers without an interval that could tell.")
    known = [row for row in rows if row[-1]]
    return [Section("What could have been missed", header, known, notes)] if known else []


def _missed(sizes: list[float]) -> tuple[str, str]:
    """Return the median of the known sizes, and how many of them exceed `SMALL`."""
    known = [size for size in sizes if size == size]
    if not known:
        return "-", ""
    return number(median(known)), f"{sum(size > SMALL for size in known)} of {len(known)}"


def _of_one_value(contrast: str) -> bool:
    return contrast not in ("", "1-0", "max-min") and not contrast.endswith("-rest")
