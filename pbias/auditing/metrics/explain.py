"""Explanations of metrics, scores, symbols and columns of tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from pbias.auditing.metrics.rates import PAPER
from pbias.auditing.metrics.registry import METRICS, SYNONYMS
from pbias.errors import UserError, did_you_mean


class Words(Protocol):
    """The descriptions that metrics and scores have."""

    @property
    def title(self) -> str: ...  # noqa: D102
    @property
    def plain(self) -> str: ...  # noqa: D102
    @property
    def formula(self) -> str: ...  # noqa: D102
    @property
    def range(self) -> str: ...  # noqa: D102
    @property
    def better(self) -> str: ...  # noqa: D102
    @property
    def undefined(self) -> str: ...  # noqa: D102
    @property
    def source(self) -> str: ...  # noqa: D102
    @property
    def labels(self) -> bool: ...  # noqa: D102


@dataclass(frozen=True)
class Score:
    """A number about single samples or attributes, with descriptions; not a metric of an audit."""

    title: str
    formula: str
    range: str
    better: str
    undefined: str
    source: str
    labels: bool = False
    plain: str = ""  # the title says it


# Scores of `pbias flag` and `pbias exemplars`, which are not metrics of an audit.
SCORES = {
    "flag_risk": Score(
        "risk that pruning overturns a prediction",
        "o / (1 + o) with o = the dense model's odds of the other value, from sigmoid(z - "
        "threshold), times its odds in training (each count + 1/2); with --by-group those in that "
        "group of the sample in which they are largest", "0 to 1",
        "lower; above 0.5 training speaks more against the prediction than the model for it",
        "never: without training counts the second odds are 1",
        f"this tool, docs/flagging.md; after {PAPER}, section 5"),
    "attribute_risk": Score(
        "risk that pruning makes an attribute more biased, for one group",
        "sqrt(R^2) u: R^2 of the dense predictions on the group's values; u the share with "
        "abs(p - 0.5) < 0.4 among its predictions of the value rarer in training", "0 to 1",
        "low: under 0.05; raised: from 0.05; high: from 0.15",
        "no training counts; constant predictions; one value of the group alone",
        f"this tool, docs/flagging.md; after {PAPER}, section 5"),
    "modal": Score("modal exemplar",
        "what most dense runs predict and what most sparse runs predict differ", "0 or 1", "0",
        "never: where a side is tied a sample is none, and ties are counted",
        "Hooker et al.: What Do Compressed Deep Neural Networks Forget?, 2019"),
    "taxicab": Score("distance between the votes of dense and sparse runs",
        "sum over the two values of abs(share of dense runs - share of sparse runs)", "0 to 2",
        "0; exemplars are the largest 1 % of an attribute", "never",
        "after Hooker et al. 2019"),
    "over_representation": Score("a group among exemplars against among all",
        "P(g given exemplar) / P(g) - 1, over samples with a known group value", "-1 and up", "0; "
        "above 0 pruning changed more for this group than its share", "no exemplars with a known "
        "group value; no samples in group", "this tool"),
}  # fmt: skip
LEGEND = {
    "s, d": "predictions of the audited (sparse) and the reference (dense) model: 1 where z is "
    "above its threshold, else 0",
    "z, p": "logit, and its probability: sigmoid(z), or softmax(z)",
    "y, g": "label, 0 or 1, where it is known; value of the group",
    "acc_d,g": "accuracy of model d among samples of group value g; so tpr_s[g=1]; n_b/N: share of "
    "samples in bin b",
}


@dataclass(frozen=True)
class Column:
    """One column of the table that `pbias metrics` writes, with its description."""

    title: str
    content: str
    empty: str


COLUMNS = {
    "status": Column(
        "whether there is a number, and how far it can be trusted",
        "ok; low_power: fewer than 10 samples decide it, so that the interval is made from "
        "counts: successes or failures of a rate, either count of a ratio, either class of an AUC, "
        "wrong predictions where the labels' own number is compared with (tcb, amplification), "
        "and, in change_status, samples on which the models differ, each in any group behind it, "
        "and of a mean over all its attributes together; also where nothing varies at all; "
        "undefined: no number, and the column reason says why",
        "never",
    ),
    "p_adjusted": Column(
        "p corrected for the many rows of the table",
        "headline metrics of everyone, bias_amplification and did_tpr of all groups are one "
        "primary family: of its rows below 0.05 at most 5 % are expected to be chance (Benjamini "
        "and Hochberg 1995); other rows are adjusted by families of one metric, group and contrast "
        "(Benjamini and Bogomolov 2014): of the rows below 0.05 in a family that has any, at most "
        "5 % on average are",
        "where p is, and for means over attributes",
    ),
    "detectable": Column(
        "how large a true change would have been found",
        "the true change (without a reference: difference) that a test at --level finds with 80 % "
        "power (Bloom 1995); where it is large, no finding says little",
        "where there is no test: no interval, or nothing varies",
    ),
    "n_discordant": Column(
        "samples on which the two models differ",
        "of the samples behind the number, those with s != d; what a paired change is decided by "
        "(a mean over runs)",
        "without a reference, and for means over attributes",
    ),
}


# Words beside numbers in the tables for people.
MARKS = {
    "few": Column(
        "a mark beside a number that few samples decide",
        "fewer than 10 successes, failures, or samples on which the models differ: low_power in "
        "the columns status and change_status, whose entry says which are counted; the interval "
        "is made from the counts",
        "where 10 or more decide it",
    ),
}
SPELLINGS = {"few_samples": "few", "low_power": "few"}


def legend() -> str:
    """List the symbols of formulas, one per line."""
    width = max(map(len, LEGEND))
    return "".join(f"  {symbols:<{width}}  {meaning}\n" for symbols, meaning in LEGEND.items())


def describe_column(name: str) -> str:
    """Return all that is said of a column or a mark, a line each."""
    one = MARKS[name] if name in MARKS else COLUMNS[name]
    kind = " (a column)" if name in COLUMNS else ""
    return f"{name}: {one.title}{kind}\n  content    {one.content}\n  empty      {one.empty}\n"


def explained() -> Mapping[str, Words]:
    """Return every metric and score by name."""
    return {**METRICS, **SCORES}


def list_metrics() -> str:
    """List every metric, score and column with its title, one per line, then the symbols."""
    listed = explained()
    width = max(map(len, listed))
    metrics = "".join(f"{name:<{width}}  {one.title}\n" for name, one in listed.items())
    told = COLUMNS | MARKS
    columns = "".join(f"{name:<{width}}  {one.title}\n" for name, one in told.items())
    return f"{metrics}\nColumns of tables\n{columns}\nSymbols in formulas\n{legend()}"


def describe(name: str) -> str:
    """Return all that is known of a metric, score, column or mark; UserError for an unknown name.

    Metrics are also known by what tables and other tools call them, as `TPR` and `recall`.
    """
    name = _found(name)
    if name in COLUMNS or name in MARKS:
        return describe_column(name)
    one: Words = explained()[name]
    lines = {
        "in words": one.plain,
        "formula": one.formula,
        "range": one.range,
        "good": one.better,
        "undefined": one.undefined,
        "labels": "needed" if one.labels else "not needed",
        "source": one.source,
    }
    told = "".join(f"  {key:<10} {text}\n" for key, text in lines.items() if text)
    return f"{name}: {one.title}\n{told}\n{legend()}"


def _found(name: str) -> str:
    """Return the name of the entry that is meant; UserError, with the nearest one, for none."""
    plain = name.strip().casefold().replace(" ", "_").replace("-", "_")
    called = {m.label.casefold().replace(" ", "_"): m.name for m in METRICS.values()}
    known = [*explained(), *COLUMNS, *MARKS]
    for spellings in (SPELLINGS, SYNONYMS, called):
        plain = plain if plain in known else spellings.get(plain, plain)
    if plain in known:
        return plain
    near = {**dict.fromkeys(known), **called, **SYNONYMS}
    hint = did_you_mean(plain, near, "'pbias explain' lists what there is")
    raise UserError(f"'{name}' is not a metric, score or column; {hint}")
