"""Every metric by name, in the order in which tables show it."""

from __future__ import annotations

from collections.abc import Sequence

from pbias.auditing.metrics.amplification import BIAS_AMPLIFICATION, DIRECTIONAL_BA
from pbias.auditing.metrics.changes import (
    CEAG,
    CHURN,
    DID_ACCURACY,
    DID_FPR,
    DID_PPV,
    DID_PREDICTED_POSITIVE_RATE,
    DID_TPR,
    EXCESS_BA,
    GAINED_POSITIVES,
    LOST_POSITIVES,
    NFR,
    PFR,
)
from pbias.auditing.metrics.entry import Metric
from pbias.auditing.metrics.group_gaps import EOD, IMPACT_RATIO
from pbias.auditing.metrics.interdependence import INTERDEPENDENCE
from pbias.auditing.metrics.probabilities import (
    AUC,
    BRIER,
    CALIBRATION_ERROR_DEBIASED,
    CALIBRATION_GAP,
    ECE,
    UNCERTAINTY,
)
from pbias.auditing.metrics.rates import (
    ACCURACY,
    BALANCED_ACCURACY,
    F1,
    FNR,
    FPR,
    NEVER,
    PPV,
    PREDICTED_POSITIVE_RATE,
    PREVALENCE,
    TCB,
    TOP1_ACCURACY,
    TPR,
    UNDERPREDICTION,
)
from pbias.errors import UserError, did_you_mean

METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        TOP1_ACCURACY, ACCURACY, PREVALENCE, PREDICTED_POSITIVE_RATE, AUC, UNCERTAINTY, TCB, ECE,
        INTERDEPENDENCE, BIAS_AMPLIFICATION, EXCESS_BA, TPR, FPR, FNR, PPV, F1, BALANCED_ACCURACY,
        DID_TPR, DID_FPR, DID_PPV, DID_ACCURACY, DID_PREDICTED_POSITIVE_RATE, CHURN, NFR, PFR,
        LOST_POSITIVES, GAINED_POSITIVES, CEAG, EOD, IMPACT_RATIO, DIRECTIONAL_BA, UNDERPREDICTION,
        CALIBRATION_GAP, BRIER, CALIBRATION_ERROR_DEBIASED, NEVER,
    )
}  # fmt: skip

# Other names for these metrics in the field.
SYNONYMS = {
    "fall_out": "fpr",
    "false_alarm_rate": "fpr",
    "false_negative_rate": "fnr",
    "false_positive_rate": "fpr",
    "impact": "impact_ratio",
    "miss_rate": "fnr",
    "precision": "ppv",
    "recall": "tpr",
    "sensitivity": "tpr",
    "true_positive_rate": "tpr",
}


def chosen_metrics(names: Sequence[str] | None) -> list[Metric]:
    """Return the metrics with these names, or all for None; raises UserError for unknown names."""
    return [known_metric(name) for name in names or METRICS]


def known_metric(name: str) -> Metric:
    """Return the metric with this name; UserError names the nearest one if there is none."""
    if name in METRICS:
        return METRICS[name]
    if name in SYNONYMS:
        raise UserError(f"unknown metric '{name}'; it is called '{SYNONYMS[name]}' here")
    hint = did_you_mean(name, METRICS, "'pbias explain' lists them")
    raise UserError(f"unknown metric '{name}'; {hint}")
