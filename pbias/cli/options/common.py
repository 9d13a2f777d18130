"""Options that several commands share: declared once, the same everywhere."""

from __future__ import annotations

import enum
from typing import Annotated

import typer

from pbias.cli import console
from pbias.workflows.runs.values import names as names


class Format(enum.StrEnum):
    """How a table is written."""

    AUTO = "auto"
    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    MD = "md"


class BadImage(enum.StrEnum):
    """What happens to an image that is missing or cannot be read."""

    ERROR = "error"
    SKIP = "skip"


class Color(enum.StrEnum):
    """When colour is used."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


LabelsFile = Annotated[
    str, typer.Argument(metavar="LABELS.csv", help="Manifest; '-' is standard input.")
]
Output = Annotated[
    str,
    typer.Option("--output", "-o", metavar="FILE", help="Write to FILE; '-' is standard output."),
]
OutputOrNone = Annotated[
    str | None,
    typer.Option("--output", "-o", metavar="FILE", help="Write to FILE; '-' is standard output."),
]
Table = Annotated[
    str, typer.Option("--output", "-o", metavar="FILE", help="Write the table to FILE.")
]
TableFormat = Annotated[
    Format,
    typer.Option("--format", "-f", help="auto: a table on a terminal, else by suffix, else CSV."),
]
ColorWhen = Annotated[Color, typer.Option("--color", help="When to use colour.")]
NoClobber = Annotated[
    bool, typer.Option("--no-clobber", "-n", help="Refuse to replace an existing output.")
]
Seed = Annotated[
    int, typer.Option("--seed", "-s", min=0, max=2**63 - 1, help="Seed of every random choice.")
]
Device = Annotated[
    str, typer.Option("--device", metavar="DEVICE", help="auto, cpu, cuda, cuda:N or mps.")
]
Workers = Annotated[
    int, typer.Option("--workers", min=0, help="Processes that read images; 0: one a core.")
]
Threads = Annotated[
    int,
    typer.Option(
        "--threads", metavar="N", min=0, max=4096,
        help="Threads that compute; 0: as many as are worth it, measured meanwhile.",
    ),
]  # fmt: skip
PrecisionChoice = Annotated[
    str,
    typer.Option(
        "--precision", metavar="NAME", help="auto (what is fast there), fp32, bf16 or fp16."
    ),
]
Compile = Annotated[
    bool, typer.Option("--compile", help="Compile the network first (torch.compile).")
]
Resume = Annotated[
    bool, typer.Option("--resume", help="Go on from FILE.state, where a run was interrupted.")
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Check everything, say what would be done, stop.")
]
Targets = Annotated[
    str | None,
    typer.Option(
        "--targets",
        metavar="A,B",
        help="Attributes to predict [default: all 0/1 columns that are not groups].",
    ),
]
Classes = Annotated[
    str | None,
    typer.Option(
        "--classes", metavar="COLUMN", help="Column that says which class a picture is of."
    ),
]
Groups = Annotated[
    str | None,
    typer.Option("--groups", metavar="C,D", help="Columns that say which group a picture is of."),
]
Cluster = Annotated[
    str | None,
    typer.Option("--cluster", metavar="COLUMN", help="Column that says who a picture belongs to."),
]
ImageRoot = Annotated[
    str | None,
    typer.Option("--image-root", metavar="DIR", help="Folder of the images [default: the CSV's]."),
]
OnBadImage = Annotated[
    BadImage,
    typer.Option("--on-bad-image", help="Missing or broken images: an error, or left out."),
]
AllowOutside = Annotated[
    bool,
    typer.Option("--allow-outside", help="Take image paths that are absolute or hold '..'."),
]
Cache = Annotated[
    str | None,
    typer.Option("--cache", metavar="DIR", help="Where decoded images go that memory cannot hold."),
]
Pack = Annotated[
    bool, typer.Option("--pack", help="Write a packed file: a bitmask and what is not zero.")
]
Quiet = Annotated[
    int,
    typer.Option(
        "--quiet",
        "-q",
        count=True,
        show_default=False,
        callback=console.set_quiet,
        help="Warnings and errors only; -qq: errors only.",
    ),
]
Verbose = Annotated[
    int,
    typer.Option(
        "--verbose", "-v", count=True, show_default=False, callback=console.set_verbose,
        help="Show details.",
    ),
]  # fmt: skip
SafeCsv = Annotated[
    bool,
    typer.Option(
        "--safe-csv",
        show_default=False,
        callback=console.set_safe_csv,
        help="Write CSV for spreadsheets: ' before text that begins with =, +, - or @.",
    ),
]
Debug = Annotated[
    bool,
    typer.Option(
        "--debug",
        show_default=False,
        is_eager=True,
        callback=console.set_debug,
        help="Show the traceback of an error, too.",
    ),
]


def no_nan(value: float) -> float:
    """Refuse what is neither below nor above any bound."""
    if value != value:
        raise typer.BadParameter("nan is not a number; give one")
    return value
