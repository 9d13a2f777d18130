"""Replace flagged predictions with better ones: the dense model's predictions, or labels."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pbias.errors import UserError, argument
from pbias.workflows.inputs.files import Supplements, check_sides, read_labels, read_side
from pbias.workflows.inputs.memory import check_files
from pbias.workflows.progress import Watch, silent
from pbias.workflows.results import TableResult

if TYPE_CHECKING:
    from pbias.auditing.remedies.overriding import Better, Cells
    from pbias.auditing.risk.flagging import Budget
    from pbias.files.flag_list import Flags
    from pbias.files.logits import Logits

log = logging.getLogger(__name__)

LABELS = "labels"
EVERYTHING = "100%"


@dataclass(frozen=True)
class OverrideInputs:
    """Files of an override.

    They are the logits of the pruned model, a list of flags, and the source of the replacements:
    the dense model's logits or `labels`. `reference` is the dense model of the curve, if it is not
    `source`. `labels` is a manifest.
    """

    sparse: str
    flags: str
    source: str
    reference: str | None = None
    labels: str | None = None
    probabilities: bool | None = None

    @property
    def models(self) -> list[str]:
        """The other models' files, without repetition."""
        named = (path for path in (self.source, self.reference) if path is not None)
        return [path for path in dict.fromkeys(named) if path != LABELS]

    @property
    def paths(self) -> list[str | None]:
        """All files."""
        return [self.sparse, *self.models, self.flags, self.labels]


class Override:
    """Files of an override, read and joined; each file is read once."""

    def __init__(self, inputs: OverrideInputs) -> None:
        """Read the files; raise UserError if one cannot be read or does not match."""
        from pbias.auditing.counts.join import align
        from pbias.auditing.remedies.overriding import from_labels, from_model, locate
        from pbias.files.flag_list import read_flags

        check_sides([inputs.sparse], inputs.models, [inputs.flags, inputs.labels])
        check_files([inputs.sparse, *inputs.models], "override")
        how = Supplements(read_labels(inputs.labels), probabilities=inputs.probabilities)
        self._logits, *others = read_side([inputs.sparse, *inputs.models], how)
        self._others = [align(other, self._logits) for other in others]
        self._flags: Flags = read_flags(inputs.flags)
        self._cells: Cells = locate(self._flags.pairs, self._logits, self._flags.path)
        by_labels = inputs.source == LABELS
        self._better: Better = (
            from_labels(self._logits) if by_labels else from_model(self._others[0], self._logits)
        )

    def write(self, output: str, budget: Budget, asked: str) -> None:
        """Write the logits with the first `budget` flags replaced.

        `asked` is the budget as the user wrote it; the file records it.
        """
        wanted = budget.of(self._logits.logits.size)
        if asked != EVERYTHING and len(self._cells) < wanted:
            log.warning(
                "%s lists only %d of the %d predictions asked for",
                self._flags.path, len(self._cells), wanted,
            )  # fmt: skip
        digests = {"flags": self._flags.sha256, "logits": _digest(self._logits)}
        if not self._better.by_labels:
            digests["with"] = _digest(self._others[0])
        self._write(self._cells[:wanted], {"budget": asked, "sha256": digests}, output)

    def curve(self, seed: int, watch: Watch = silent) -> TableResult:
        """Measure the remaining bias at budgets of 0 to 100 %."""
        from pbias.auditing.remedies.override_curve import override_curve
        from pbias.reporting.small_tables import curve_sections

        logits, cells = self._logits, self._cells
        if len(cells) < logits.logits.size:
            share = 100 * len(cells) / logits.logits.size
            log.info("the flags list %.1f %% of all predictions: their curve ends there", share)
        with watch("overriding") as progress:
            table = override_curve(
                logits, self._others[-1], self._better, cells, seed=seed, progress=progress
            )
        return TableResult(table, curve_sections)

    def _write(self, cells: Cells, how: dict[str, object], output: str) -> None:
        from dataclasses import replace

        from pbias.auditing.remedies.overriding import mask_of, override
        from pbias.files.logits import write_logits

        better = self._better
        mask = mask_of(cells, self._logits, better)
        num, size = int(mask.sum()), mask.size
        log.info("%d of %d predictions overridden (%.1f %%)", num, size, 100 * num / size)
        if num_unknown := int((~better.known.flat[cells]).sum()):
            log.warning("%d flagged predictions have no label and stay as they are", num_unknown)
        merged = override(self._logits, better, mask)
        record = how | {"with": LABELS if better.by_labels else "logits", "num_overridden": num}
        write_logits(replace(merged, meta=merged.meta | {"override": record}), output)


def check_curve(inputs: OverrideInputs) -> None:
    """Raise UserError for a curve without a dense model to compare with."""
    if not inputs.models:
        raise UserError(
            f"{argument('curve')} needs the dense model; name its logits with "
            f"{argument('reference')}"
        )


def _digest(logits: Logits) -> str:
    """Return the SHA-256 of the file as pbias writes it."""
    from pbias.files.logits import pack_logits
    from pbias.files.provenance import sha256

    return sha256(pack_logits(logits))
