"""The plan of a sweep: data, networks, seeds, sparsities and ways to compress, from a TOML file."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pbias.errors import UserError, did_you_mean, first_repeated
from pbias.files.streams import input_name
from pbias.files.toml_reader import read_toml
from pbias.workflows.runs.options import PredictOptions, PruneOptions, QuantizeOptions, TrainOptions

WAYS = ("from-scratch", "from-dense", "int8")
Options = Mapping[str, Any]

# Fields of options that the sweep sets itself, or whose option has another name.
OWN = {
    "arch", "factory", "seed", "sparsity", "groups", "no_clobber", "resume", "resume_hint",
    "dry_run", "data", "init", "teacher", "skip_bad_images", "trust_program", "output_name",
}  # fmt: skip
OF_JOBS: dict[str, type] = {
    "train": TrainOptions,
    "from-scratch": TrainOptions,
    "from-dense": PruneOptions,
    "int8": QuantizeOptions,
    "predict": PredictOptions,
}
# The keys of the other tables, and the kinds of their values.
TEXT, TEXTS, WHOLE, NUMBER, TABLE = "text", "a list of texts", "a whole number", "a number", "table"
TOP = {
    "out": TEXT, "architectures": TEXTS, "seeds": "whole numbers", "sparsities": "numbers",
    "ways": TEXTS, "data": TABLE, "audit": TABLE, "resources": TABLE,
    **dict.fromkeys(OF_JOBS, TABLE),
}  # fmt: skip
TABLES = {
    "data": {"labels": TEXT, "groups": TEXTS, "synth": TABLE, "celeba": TEXT},
    "data.synth": {"num": WHOLE, "size": WHOLE, "split": TEXT, "seed": WHOLE},
    "audit": {"gates": TEXTS, "groups": TEXTS, "attributes": TEXTS, "level": NUMBER},
    "resources": {"threads": WHOLE, "gpus": WHOLE, "memory_mb": WHOLE, "minutes": WHOLE},
}
MAX_NUMBER = 2**63  # larger whole numbers do not fit in a float
NEEDED = ("architectures", "seeds", "data")
# Characters that file names and patterns of the workflow must not contain.
UNSAFE = re.compile(r"[{}\n\r\0*?\[\]]")


@dataclass(frozen=True)
class Plan:
    """What a sweep trains, compresses and audits; paths are relative to the plan's folder."""

    folder: Path
    out: str
    labels: str
    groups: Sequence[str]
    synth: Options | None
    celeba: str | None
    architectures: Sequence[str]
    seeds: Sequence[int]
    sparsities: Sequence[float]
    ways: Sequence[str]
    audit: Options = field(default_factory=dict)
    resources: Mapping[str, int] = field(default_factory=dict)
    options: Mapping[str, Options] = field(default_factory=dict)  # for the jobs, by table


def read_plan(path: str) -> Plan:
    """Read a plan; raise UserError that names the key for invalid content."""
    name = input_name(path)
    table = read_toml(path, "see docs/sweep.md for a plan")
    _check_keys(name, table)
    data, ways = table["data"], table.get("ways", list(WAYS))
    sparsities = sorted(map(float, table.get("sparsities", [])))
    plan = Plan(
        folder=Path() if path == "-" else Path(path).parent,
        out=table.get("out", "sweep"),
        labels=data["labels"],
        groups=data.get("groups", []),
        synth=data.get("synth"),
        celeba=data.get("celeba"),
        architectures=table["architectures"],
        seeds=table["seeds"],
        sparsities=sparsities,
        ways=ways,
        audit=table.get("audit", {}),
        resources=table.get("resources", {}),
        options={key: table.get(key, {}) for key in OF_JOBS},
    )
    _check_values(name, plan)
    return plan


def check_data(plan: Plan, name: str) -> None:
    """Raise UserError if data that no job creates are missing."""
    if plan.celeba is not None:
        if not (plan.folder / plan.celeba).is_dir():
            raise UserError(
                f"{name}: data.celeba: {plan.celeba} is not a folder; unpack CelebA there"
            )
    elif plan.synth is None and not (plan.folder / plan.labels).is_file():
        raise UserError(
            f"{name}: data.labels: {plan.folder / plan.labels} does not exist; paths are relative "
            "to the plan"
        )


def _check_keys(name: str, table: Mapping[str, Any]) -> None:
    _check_table(name, "", table, TOP)
    for key in NEEDED:
        if key not in table:
            raise UserError(f"{name}: the key {key} is missing; see docs/sweep.md for a plan")
    for key, kinds in TABLES.items():
        head, _, inner = key.partition(".")
        found = table.get(head, {}).get(inner) if inner else table.get(head)
        if found is not None:
            _check_table(name, f"{key}.", found, kinds)
    if "labels" not in table["data"]:
        raise UserError(f"{name}: the key data.labels is missing; name the manifest")
    for key, kind in OF_JOBS.items():
        known = {f.name.replace("_", "-") for f in dataclasses.fields(kind) if f.name not in OWN}
        for option, value in table.get(key, {}).items():
            _check_known(name, f"{key}.{option}", option.replace("_", "-"), known)
            _check_option(name, f"{key}.{option}", value)


def _check_table(name: str, prefix: str, table: Any, kinds: Mapping[str, str]) -> None:
    for key, value in table.items():
        _check_known(name, f"{prefix}{key}", key, kinds)
        if not _is(value, kinds[key]):
            raise UserError(f"{name}: {prefix}{key} is {value!r}; it must be {kinds[key]}")


def _check_known(name: str, shown: str, key: str, known: Collection[str]) -> None:
    if key not in known:
        hint = did_you_mean(key, known, f"there are {', '.join(sorted(known))}")
        raise UserError(f"{name}: unknown key {shown}; {hint}")


def _check_option(name: str, shown: str, value: Any) -> None:
    values = value if isinstance(value, list) else [value]
    if not values or not all(isinstance(one, str | int | float) for one in values):
        raise UserError(f"{name}: {shown} is {value!r}; it must be text, a number, true or a list")


def _is(value: Any, kind: str) -> bool:
    if kind in (TEXTS, "whole numbers", "numbers"):
        inner = {TEXTS: TEXT, "whole numbers": WHOLE, "numbers": NUMBER}[kind]
        return isinstance(value, list) and bool(value) and all(_is(one, inner) for one in value)
    if kind == WHOLE:
        return type(value) is int and value >= 0
    if kind == NUMBER:
        return type(value) in (int, float) and abs(value) <= MAX_NUMBER
    return isinstance(value, dict) if kind == TABLE else isinstance(value, str) and bool(value)


def _check_values(name: str, plan: Plan) -> None:
    for way in plan.ways:
        if way not in WAYS:
            raise UserError(f"{name}: ways holds '{way}'; use {', '.join(WAYS)}")
    if not plan.sparsities and set(plan.ways) - {"int8"}:
        raise UserError(f"{name}: the key sparsities is missing; pruning needs it")
    for sparsity in plan.sparsities:
        if not 0 < sparsity < 1:
            raise UserError(f"{name}: sparsities holds {sparsity:g}; use shares such as 0.95")
    for key in ("architectures", "seeds", "sparsities", "ways"):
        if (twice := first_repeated(getattr(plan, key))) is not None:
            raise UserError(f"{name}: {key} holds {twice} twice; name each once")
    for key, value in (("out", plan.out), ("data.labels", plan.labels)):
        if UNSAFE.search(value):
            raise UserError(f"{name}: {key} is {value!r}; use a path without braces or wildcards")
    if plan.synth is not None and plan.celeba is not None:
        raise UserError(f"{name}: data.synth and data.celeba both create the data; keep one")
    if plan.synth is not None and Path(plan.labels).name != "labels.csv":
        raise UserError(
            f"{name}: data.labels is {plan.labels!r}; synth writes labels.csv in a folder, as in "
            "faces/labels.csv"
        )
    _check_names(name, plan)


def _check_names(name: str, plan: Plan) -> None:
    """Raise UserError for unknown networks, and for gates on groups that are not audited.

    A job would find this only after many others.
    """
    from pbias.auditing.gates.grammar import parse_gate
    from pbias.models.architectures import ARCHITECTURES
    from pbias.models.library_networks import is_library

    for arch in plan.architectures:
        if arch not in ARCHITECTURES and not is_library(arch):
            known = f"use {', '.join(ARCHITECTURES)}, torchvision:NAME or timm:NAME"
            hint = did_you_mean(arch, ARCHITECTURES, known)
            raise UserError(f"{name}: architectures holds '{arch}'; {hint}")
    groups = plan.audit.get("groups") or plan.groups
    for text in plan.audit.get("gates", []):
        group = parse_gate(text).group
        if group and group not in groups:
            known = f"name it in audit.groups (now {', '.join(groups) or 'none'})"
            raise UserError(
                f"{name}: gate '{text}': '{group}' is not a group of the audit; "
                f"{did_you_mean(group, groups, known)}"
            )
