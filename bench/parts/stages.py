"""Measure the CPU seconds of each stage of an audit; bench/audit.py starts this in a new process.

python bench/parts/stages.py AUDITED [REFERENCE]       # prints JSON: seconds by stage
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any


def main() -> None:
    """Do the work of `pbias metrics`, stage by stage."""
    paired = len(sys.argv) > 2
    found = {"Python starts": time.process_time()}

    def timed(stage: str, work: Callable[[], Any]) -> Any:
        start = time.process_time()
        result = work()
        found[stage] = found.get(stage, 0.0) + time.process_time() - start
        return result

    def import_command() -> None:
        import pbias.cli.app
        import pbias.cli.commands.audits.metrics
        import pbias.cli.gates
        import pbias.cli.tables

        pbias.cli.app.tree("metrics")

    def import_audit() -> None:
        import pbias.auditing.engine
        import pbias.files.logits
        import pbias.workflows.audit  # noqa: F401

    timed("import numpy", lambda: __import__("numpy"))
    timed("the command line", import_command)
    timed("import the audit", import_audit)
    from pbias.files.logits import read_logits
    from pbias.files.table import to_csv
    from pbias.workflows.audit import AuditOptions, audit_runs

    runs = timed("read", lambda: [read_logits(path) for path in sys.argv[1:]])
    options = AuditOptions(intervals=paired).measured()
    audit = timed("count, sort, add up", lambda: audit_runs(runs[:1], runs[1:], options))
    table = timed("metrics and intervals", audit.table)
    timed("write CSV", lambda: to_csv(table))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
