"""Translate argument names in messages of the library to command-line options."""

from __future__ import annotations

from shlex import quote

# Options whose name differs from the argument's.
OPTIONS = {
    "clusters": "--cluster",
    "intervals": "--no-intervals",
    "joint": "--gate-joint",
    "reference": "--ref",
    "reference_thresholds": "--ref-thresholds",
    "strict": "--gate-strict",
    "train_labels": "--labels",
}
# The names for False of options that have two names.
OPPOSITES = {"probabilities": "--logits"}


def option(name: str, value: object = None) -> str:
    """Return the option of an argument, with its value.

    >>> option("in_memory"), option("probabilities", True), option("reference", "dense.npz")
    ('--in-memory', '--probabilities', '--ref dense.npz')
    >>> option("probabilities", False)
    '--logits'
    >>> option("positive", "not bad")
    "--positive 'not bad'"
    """
    if value is False and name in OPPOSITES:
        return OPPOSITES[name]
    found = OPTIONS.get(name, f"--{name.replace('_', '-')}")
    return found if value is None or isinstance(value, bool) else f"{found} {quote(str(value))}"
