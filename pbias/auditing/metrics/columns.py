"""What the symbols in formulas stand for, and what columns of tables hold that are no metrics."""

from __future__ import annotations

from dataclasses import dataclass

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
    """One column of the table that `pbias metrics` writes, in words."""

    title: str
    content: str
    empty: str


COLUMNS = {
    "status": Column(
        "whether there is a number, and how far it can be trusted",
        "ok; low_power: fewer than 10 samples decide it, so that the interval is made from "
        "counts; undefined: no number, and the column reason says why",
        "never",
    ),
    "p_adjusted": Column(
        "p corrected for asking of many attributes",
        "p of Benjamini and Hochberg (1995) over the attributes of one metric, group and contrast; "
        "of the rows below 0.05 at most 5 % are expected to be chance",
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


def legend() -> str:
    """The symbols of formulas, a line each."""
    width = max(map(len, LEGEND))
    return "".join(f"  {symbols:<{width}}  {meaning}\n" for symbols, meaning in LEGEND.items())


def describe_column(name: str) -> str:
    """All that is said of a column, a line each."""
    one = COLUMNS[name]
    return f"{name}: {one.title} (a column)\n  content    {one.content}\n  empty      {one.empty}\n"
