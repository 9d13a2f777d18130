"""Options that several commands share, declared once."""

from __future__ import annotations

import enum
from typing import Annotated

import typer

from pbias.cli import console
from pbias.workflows.runs.values import names as names


class Format(enum.StrEnum):
    """Format of a table."""

    AUTO = "auto"
    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    MD = "md"


class BadImage(enum.StrEnum):
    """How to handle an image that is missing or unreadable."""

    ERROR = "error"
    SKIP = "skip"


class Color(enum.StrEnum):
    """When to use color."""

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
    typer.Option(
        "--format", "-f", help="auto: table on a terminal, CSV in a pipe, by suffix in a file."
    ),
]
ColorWhen = Annotated[Color, typer.Option("--color", help="When to use color.")]
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
    int, typer.Option("--workers", min=0, help="Processes that read images; 0: one per core.")
]
Threads = Annotated[
    int,
    typer.Option(
        "--threads", metavar="N", min=0, max=4096,
        help="Threads for computing; 0: measure which number is fastest.",
    ),
]  # fmt: skip
PrecisionChoice = Annotated[
    str,
    typer.Option(
        "--precision", metavar="NAME", help="auto (fastest on the device), fp32, bf16 or fp16."
    ),
]
Compile = Annotated[
    bool, typer.Option("--compile", help="Compile the network first (torch.compile).")
]
Resume = Annotated[
    bool, typer.Option("--resume", help="Continue an interrupted run from FILE.state.")
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Check everything, print what would be done, and stop.")
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
    typer.Option("--classes", metavar="COLUMN", help="Column with the class of each image."),
]
Groups = Annotated[
    str | None,
    typer.Option("--groups", metavar="C,D", help="Columns with the groups of each image."),
]
Cluster = Annotated[
    str | None,
    typer.Option("--cluster", metavar="COLUMN", help="Column that says who is in each image."),
]
ImageRoot = Annotated[
    str | None,
    typer.Option(
        "--image-root",
        metavar="DIR",
        help="Folder of the images [default: folder of the CSV file].",
    ),
]
OnBadImage = Annotated[
    BadImage,
    typer.Option("--on-bad-image", help="Stop at missing or broken images, or skip them."),
]
AllowOutside = Annotated[
    bool,
    typer.Option("--allow-outside", help="Accept image paths that are absolute or contain '..'."),
]
Cache = Annotated[
    str | None,
    typer.Option(
        "--cache", metavar="DIR", help="Folder for decoded images that do not fit in memory."
    ),
]
Pack = Annotated[
    bool, typer.Option("--pack", help="Write a packed file: a bitmask and the nonzero weights.")
]
Quiet = Annotated[
    int,
    typer.Option(
        "--quiet",
        "-q",
        count=True,
        show_default=False,
        callback=console.set_quiet,
        help="Print only warnings and errors; -qq: only errors.",
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
        help="For spreadsheets: put ' before CSV text that begins with =, +, - or @.",
    ),
]
Debug = Annotated[
    bool,
    typer.Option(
        "--debug",
        show_default=False,
        is_eager=True,
        callback=console.set_debug,
        help="Also show the traceback of an error.",
    ),
]


def no_nan(value: float) -> float:
    """Raise BadParameter for NaN, which no bound excludes."""
    if value != value:
        raise typer.BadParameter("nan is not a number; give one")
    return value
