"""What would stop a job of a sweep, found before anything runs: options, recipes and columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pbias.errors import UserError, did_you_mean, listed
from pbias.workflows.runs.options import PruneOptions, TrainOptions
from pbias.workflows.runs.values import names
from pbias.workflows.sweeping.jobs import Job
from pbias.workflows.sweeping.plan import Plan

Check = Callable[[Sequence[str]], None]  # of a command line; raises UserError


def check_jobs(name: str, jobs: Sequence[Job], check: Check) -> None:
    """Check one command line of each kind: those of a kind have the same options and values."""
    seen: set[tuple[str, ...]] = set()
    for job in jobs:
        kind = (job.argv[1], *sorted({word for word in job.argv if word.startswith("--")}))
        if kind in seen:
            continue
        seen.add(kind)
        _within(f"{name}: pbias {job.argv[1]}", check, job.argv)


def check_recipes(name: str, plan: Plan) -> None:
    """Refuse recipes and schedules that there are not, as the jobs would."""
    from pbias.workflows.runs.settings import settings

    train, shared = plan.options["train"], {"sparsity": plan.sparsities or None}
    _within(f"{name}: train", settings, "dense", _options(TrainOptions, train))
    for way, use, kind in (
        ("from-scratch", "ri", TrainOptions),
        ("from-dense", "pt", PruneOptions),
    ):
        given = plan.options[way] or (train if way == "from-scratch" else {})
        if way in plan.ways and not given.get("one-shot", given.get("one_shot")):
            options = _options(kind, {**given, **shared})
            _within(f"{name}: {way}", settings, use, options)


def check_columns(name: str, plan: Plan, columns: Sequence[str]) -> None:
    """Refuse groups and attributes that the manifest does not have."""
    train, audit = plan.options["train"], plan.audit
    wanted = {
        "data.groups": plan.groups,
        "train.targets": names(train.get("targets")),
        "train.cluster": names(train.get("cluster")),
        "audit.groups": [part for group in audit.get("groups", []) for part in group.split(":")],
        "audit.attributes": audit.get("attributes", []),
    }
    for key, listing in wanted.items():
        for column in listing or []:
            if column not in columns:
                hint = did_you_mean(column, columns, f"it has {listed(columns, 8)}")
                raise UserError(f"{name}: {key}: {plan.labels} has no column '{column}'; {hint}")


def check_libraries(name: str, plan: Plan) -> None:
    """Refuse networks that their library does not have; it must be installed."""
    from pbias.models.library_networks import check_name, is_library

    for arch in filter(is_library, plan.architectures):
        _within(f"{name}: architectures", check_name, arch)


def _within(place: str, work: Callable[..., object], *arguments: object) -> None:
    """Do the work; begin its UserError with the place in the plan."""
    try:
        work(*arguments)
    except UserError as error:
        raise UserError(f"{place}: {error}") from error


def _options(kind: type[Any], given: Mapping[str, Any]) -> Any:
    return kind(**{key.replace("-", "_"): value for key, value in given.items()})


def columns_of(plan: Plan) -> list[str] | None:
    """Return the columns of the manifest, if it is there or will be drawn; else None."""
    path = plan.folder / plan.labels
    if path.is_file():
        from pbias.files.csv_reader import read_csv

        return list(read_csv(str(path)).header)
    if plan.synth is not None:
        from pbias.synth import ATTRIBUTES

        return list(ATTRIBUTES)
    return None
