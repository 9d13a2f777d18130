"""How messages of the library name an argument on the command line: by its option."""

from __future__ import annotations

# Options that are not called as the argument is.
OPTIONS = {
    "clusters": "--cluster",
    "intervals": "--no-intervals",
    "joint": "--gate-joint",
    "reference": "--ref",
    "reference_thresholds": "--ref-thresholds",
    "strict": "--gate-strict",
    "train_labels": "--labels",
}
# Options of two names, that for False.
OPPOSITES = {"probabilities": "--logits"}


def option(name: str, value: object = None) -> str:
    """The option of an argument, with its value.

    >>> option("in_memory"), option("probabilities", True), option("reference", "dense.npz")
    ('--in-memory', '--probabilities', '--ref dense.npz')
    >>> option("probabilities", False)
    '--logits'
    """
    if value is False and name in OPPOSITES:
        return OPPOSITES[name]
    found = OPTIONS.get(name, f"--{name.replace('_', '-')}")
    return found if value is None or isinstance(value, bool) else f"{found} {value}"
