"""A model card for the Hugging Face Hub: metadata for its index, then tables."""

from __future__ import annotations

import json
from typing import Any

from pbias.auditing.gates.verdicts import in_words
from pbias.reporting.evidence.facts import facts_section
from pbias.reporting.evidence.pack import DISCLAIMER, Evidence
from pbias.reporting.evidence.rates_by_group import group_tables
from pbias.reporting.renderers.markdown import render_markdown
from pbias.reporting.sections import Section

# Metrics in the index, with the Hub's names.
INDEXED = {"accuracy": "accuracy", "auc": "roc_auc", "f1": "f1"}


def render_card(evidence: Evidence) -> str:
    """Write README.md: `model-index` results as YAML, facts, gates and tables by group."""
    gates = [[g["gate"], in_words(g), g["note"]] for g in evidence.gates]
    sections = [
        facts_section(dict(evidence.facts)),
        *([Section("Acceptance criteria", ["gate", "verdict", "which"], gates)] if gates else []),
        *group_tables(evidence.records, evidence.sizes, paired=evidence.paired),
        Section("About these numbers", [], [], [f"Measured on {evidence.date}.", DISCLAIMER]),
    ]
    return f"---\n{_yaml(_index(evidence))}---\n\n{render_markdown(sections)}"


def _index(evidence: Evidence) -> dict[str, Any]:
    """Return the metadata, with the names of the Hub's specification of model cards."""
    name = evidence.facts.get("system", "") or _network(evidence)
    means = {r["metric"]: r for r in evidence.records if not r["attribute"] and not r["group"]}
    values = {metric: means[metric]["value"] for metric in INDEXED if metric in means}
    metrics = [
        {
            "type": INDEXED[metric],
            "value": round(value, 6),
            "name": f"{metric}, mean over attributes",
        }
        for metric, value in values.items()
        if value == value
    ]
    result = {
        "task": {"type": "image-classification"},
        "dataset": {"type": "custom", "name": evidence.facts.get("data", "") or "audited samples"},
        "metrics": metrics,
    }
    index: dict[str, Any] = {"tags": ["pbias", "fairness", "model-compression"]}
    if "license" in evidence.facts:
        index["license"] = evidence.facts["license"]
    return {**index, "model-index": [{"name": name, "results": [result]}]}


def _network(evidence: Evidence) -> str:
    return str(evidence.models.get("audited", {}).get("model") or "audited network")


def _yaml(table: dict[str, Any]) -> str:
    """Return one line for each key; JSON is a subset of YAML, so no YAML package is needed."""
    return "".join(f"{key}: {json.dumps(value)}\n" for key, value in table.items())
