"""Sections of long lists of options: the heading of each option."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from typer.core import TyperCommand

OTHER = "Options"
# The names of parameters, by heading, in the order in which help shows them.
SECTIONS: dict[str, tuple[str, ...]] = {
    "Output": ("output", "pack", "no_clobber", "print_config", "dry_run"),
    "Data": (
        "targets", "classes", "groups", "cluster", "where", "data", "image_root", "image_size",
        "resize", "mean", "std", "augment", "on_bad_image", "allow_outside",
    ),
    "Network": ("arch", "model", "model_args", "init"),
    "Optimization": (
        "recipe_name", "loss", "epochs", "batch_size", "optimizer", "lr", "lr_schedule",
        "warmup_epochs", "lr_per_epoch", "momentum", "reset_momentum", "weight_decay",
    ),
    "Pruning": (
        "sparsity", "strategy", "one_shot", "steps", "pruning_epochs", "pruning_schedule",
        "initial_sparsity", "score", "score_batches", "score_groups", "score_reduce", "scope",
        "pattern", "only", "exclude", "min_keep", "min_keep_row", "bn_batches",
    ),
    "Remedies": (
        "distill", "teacher", "distill_weight", "temperature", "balance", "balance_max",
        "group_dro", "group_dro_step_size", "constrain", "constrain_lr",
    ),
    "Running": (
        "resume", "seed", "device", "precision", "compile_", "threads", "workers", "cache",
        "quiet", "verbose", "config", "debug", "help",
    ),
}  # fmt: skip
SECTIONED = frozenset({"train", "prune"})


class SectionedCommand(TyperCommand):
    """A command whose help shows its options under the headings of SECTIONS."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments, then one list of options for each heading."""
        params = self.get_params(ctx)
        arguments = [p for p in params if p.param_type_name == "argument"]
        headed = {"Arguments": arguments} | by_section(
            [p for p in params if p.param_type_name == "option"]
        )
        for heading, listed in headed.items():
            with formatter.section(heading):
                formatter.write_dl([p.get_help_record(ctx) for p in listed])


def section_of(parameter: str) -> str:
    """Return the heading of a parameter, by its name in the command's function."""
    return next((heading for heading, names in SECTIONS.items() if parameter in names), OTHER)


def by_section(params: Sequence[Any]) -> dict[str, list[Any]]:
    """Sort parameters of the parser by heading, in the order of SECTIONS; leave out empty ones."""
    found: dict[str, list[Any]] = {}
    for heading, names in SECTIONS.items():
        listed = {p.name: p for p in params if p.name in names}
        if listed:
            found[heading] = [listed[name] for name in names if name in listed]
    others = [p for p in params if section_of(p.name) == OTHER]
    return found | ({OTHER: others} if others else {})
