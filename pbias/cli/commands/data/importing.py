"""`pbias import`: convert predictions of other programs to logits files."""

from __future__ import annotations

from typing import Annotated

import typer

from pbias.cli.options.common import Cluster, Groups, NoClobber, Output, Quiet, Verbose, no_nan


def table(
    table: Annotated[
        str,
        typer.Argument(
            metavar="FILE", help="Table of predictions, CSV or Parquet; '-' is standard input."
        ),
    ],
    output: Output,
    id: Annotated[
        str | None,
        typer.Option(
            "--id",
            metavar="COLUMN",
            help="Column of sample ids [default: image, id, image_id, sample_id or filename].",
        ),
    ] = None,
    label: Annotated[
        str | None,
        typer.Option(
            "--label",
            metavar="COLUMN",
            help="Labels: 0 and 1, texts, or classes; '{target}' for several columns.",
        ),
    ] = None,
    probability: Annotated[
        str | None,
        typer.Option(
            "--probability",
            metavar="COLUMN",
            help="Probabilities; 'p_{target}' or 'p_{class}' for several columns.",
        ),
    ] = None,
    logit: Annotated[
        str | None,
        typer.Option("--logit", metavar="COLUMN", help="Logits instead; several columns as above."),
    ] = None,
    prediction: Annotated[
        str | None,
        typer.Option(
            "--prediction",
            metavar="COLUMN",
            help="Predictions without scores instead: 0 and 1, texts, or classes.",
        ),
    ] = None,
    positive: Annotated[
        list[str] | None,
        typer.Option(
            "--positive",
            metavar="VALUE",
            help="Label that counts as 1, others as 0; TARGET=VALUE for one target; repeatable.",
        ),
    ] = None,
    targets: Annotated[
        str | None,
        typer.Option(
            "--targets",
            metavar="A,B",
            help="Targets or classes, in order [default: all in the column names].",
        ),
    ] = None,
    groups: Groups = None,
    cluster: Cluster = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            "--threshold",
            metavar="NUM",
            callback=no_nan,
            help="A target is predicted above this probability (or logit) [default: 0.5, or 0].",
        ),
    ] = None,
    sep: Annotated[
        str, typer.Option("--sep", metavar="CHAR", help="Separator of the cells of a CSV file.")
    ] = ",",
    decimal: Annotated[
        str, typer.Option("--decimal", metavar="CHAR", help="Decimal point of a CSV file.")
    ] = ".",
    no_clobber: NoClobber = False,
    quiet: Quiet = 0,
    verbose: Verbose = 0,
) -> None:
    """Convert a table of predictions, with one row per sample, to a logits file.

    Give exactly one of --probability, --logit and --prediction. Unknown labels are empty, nan or
    -1; TRUE and FALSE are 1 and 0; for other texts, --positive names those that are 1.
    Probabilities keep all their digits. Without scores there is no calibration, uncertainty or AUC.
    Parquet needs pip install 'pbias[parquet]'.
    """
    from pbias.workflows.importing.table import TableOptions, import_table

    options = TableOptions(
        id=id,
        label=label,
        probability=probability,
        logit=logit,
        prediction=prediction,
        positive=positive,
        targets=targets,
        groups=groups,
        cluster=cluster,
        threshold=threshold,
        sep=sep,
        decimal=decimal,
        no_clobber=no_clobber,
    )
    import_table(table, output, options)


def paper_runs(
    runs: Annotated[
        str, typer.Argument(metavar="DIR", help="Folder of the runs: joint_runs, ... or one run.")
    ],
    celeba: Annotated[
        str, typer.Option("--celeba", metavar="DIR", help="Folder of CelebA's lists.")
    ],
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="DIR", help="Folder for the logits files.")
    ],
    groups: Annotated[
        str | None,
        typer.Option(
            "--groups",
            metavar="C,D",
            help="Attributes to use as groups [default: Male,Young,Chubby,Pale_Skin].",
        ),
    ] = None,
    backdoor_ids: Annotated[
        str | None,
        typer.Option(
            "--backdoor-ids",
            metavar="DIR",
            help="Folder of backdoor_ids_label... [default: the folder of the runs].",
        ),
    ] = None,
    no_clobber: NoClobber = False,
    quiet: Quiet = 0,
    verbose: Verbose = 0,
) -> None:
    """Convert run folders of the paper's code to logits files.

    Each run becomes test.npz and valid.npz, in a folder of the same name. Ids, labels, groups and
    training counts come from CelebA's lists. Pickles and checkpoints are never opened.
    """
    from pbias.cli.progress import bar
    from pbias.workflows.importing.paper_runs import PaperOptions, import_paper_runs

    options = PaperOptions(groups=groups, backdoor_ids=backdoor_ids, no_clobber=no_clobber)
    import_paper_runs(runs, celeba, output, options, watch=bar)
