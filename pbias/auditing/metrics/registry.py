"""Every metric by name: what it is, and in which order tables show it."""

from __future__ import annotations

from dataclasses import dataclass

from pbias.auditing.metrics.columns import COLUMNS, describe_column, legend
from pbias.errors import UserError, did_you_mean

PAPER = "Iofinova, Peste, Alistarh: Bias in Pruned Vision Models, CVPR 2023"
NO_ROWS = "no samples"
NO_KNOWN = "no known labels"


@dataclass(frozen=True)
class Definition:
    """One metric in words. `better` says what a good value is; `labels` whether it needs labels."""

    title: str
    formula: str
    range: str
    better: str
    undefined: str
    source: str
    labels: bool = True


METRICS = {
    "accuracy": Definition(
        "accuracy", "P(s = y)", "0 to 1", "higher", NO_KNOWN, "standard"
    ),
    "prevalence": Definition(
        "share of positive labels", "P(y = 1)", "0 to 1", "a property of the data", NO_KNOWN,
        "standard",
    ),
    "predicted_positive_rate": Definition(
        "share of positive predictions", "P(s = 1), over all samples", "0 to 1",
        "near the prevalence", NO_ROWS, "standard", labels=False,
    ),
    "auc": Definition(
        "area under the ROC curve",
        "P(z of a positive > z of a negative) + P(equal) / 2, on logits", "0 to 1", "higher",
        "no positive or no negative labels; an interval needs 2 of each",
        "Mann and Whitney 1947",
    ),
    "uncertainty": Definition(
        "share of unsure predictions", "P(abs(p - 0.5) < 0.4), over all samples", "0 to 1",
        "lower", NO_ROWS, PAPER, labels=False,
    ),
    "tcb": Definition(
        "threshold calibration bias",
        "predicted share of the value that is rarer in training / its true share", "0 and up",
        "1; below 1 the rare value is under-predicted",
        "no training counts; no labels of the value rarer in training", PAPER,
    ),
    "ece": Definition(
        "expected calibration error",
        "sum over 10 equal-width bins of p (p = 1 in the last) of n_b/N abs(mean p - mean y)",
        "0 to 1", "lower; grows as groups shrink: compare calibration_error_debiased across groups",
        NO_KNOWN, "Guo et al. 2017",
    ),
    "interdependence": Definition(
        "how well the other attributes' predictions predict this one's",
        "R^2 of a least-squares fit with intercept of s on the s of all other attributes",
        "0 to 1", "near that of the dense model", "constant predictions", PAPER, labels=False,
    ),
    "bias_amplification": Definition(
        "bias amplification (BA)",
        "P(g = a* given s = 1) - P(g = a* given y = 1), a* the group value with the largest "
        "training rate P(y = 1 given g)", "-1 to 1",
        "0; above 0 the attribute is tied to the group more than it is in truth",
        "no training counts; a group value empty in training; training rates within 10 % of each "
        "other or both 0; fewer than 10 positives in a group; never predicted",
        f"{PAPER}; Zhao et al. 2017",
    ),
    "excess_ba": Definition(
        "bias amplification against the reference",
        "P(g = a* given s = 1) - P(g = a* given d = 1)", "-1 to 1", "0; above 0 compression added",
        "as bias_amplification, without the rules on labels; never predicted by either model",
        PAPER, labels=False,
    ),
    "tpr": Definition("true-positive rate", "P(s = 1 given y = 1)", "0 to 1", "higher, and equal "
        "between groups", "no positive labels", "Hardt et al. 2016"),
    "fpr": Definition("false-positive rate", "P(s = 1 given y = 0)", "0 to 1", "lower, and equal "
        "between groups", "no negative labels", "Hardt et al. 2016"),
    "fnr": Definition("false-negative rate", "P(s = 0 given y = 1)", "0 to 1", "lower, and equal "
        "between groups", "no positive labels", "Hardt et al. 2016"),
    "ppv": Definition("precision", "P(y = 1 given s = 1)", "0 to 1", "higher, and equal between "
        "groups", "never predicted", "standard"),
    "did_tpr": Definition("difference in differences of TPR",
        "(tpr_s[g=1] - tpr_s[g=0]) - (tpr_d[g=1] - tpr_d[g=0])", "-2 to 2", "0",
        "tpr undefined in a group, in either model", "metrics of this tool: signed and linear"),
    "did_fpr": Definition("difference in differences of FPR", "as did_tpr, of fpr", "-2 to 2", "0",
        "fpr undefined in a group, in either model", "as did_tpr"),
    "did_ppv": Definition("difference in differences of PPV", "as did_tpr, of ppv", "-2 to 2", "0",
        "ppv undefined in a group, in either model", "as did_tpr"),
    "did_accuracy": Definition("difference in differences of accuracy", "as did_tpr, of accuracy",
        "-2 to 2", "0", "no known labels in a group", "as did_tpr"),
    "did_predicted_positive_rate": Definition(
        "difference in differences of the predicted-positive rate",
        "as did_tpr, of predicted_positive_rate", "-2 to 2", "0", "an empty group", "as did_tpr",
        labels=False),
    "churn": Definition("share of changed predictions", "P(s != d)", "0 to 1", "lower", NO_ROWS,
        "Milani Fard et al. 2016", labels=False),
    "nfr": Definition("negative flips", "P(s != y, d = y)", "0 to 1", "lower", NO_KNOWN,
        "Yan et al. 2021"),
    "pfr": Definition("positive flips", "P(s = y, d != y)", "0 to 1", "higher", NO_KNOWN,
        "Yan et al. 2021"),
    "lost_positives": Definition("positives found before and missed now",
        "P(s = 0, d = 1 given y = 1)", "0 to 1", "lower", "no positive labels", "this tool"),
    "gained_positives": Definition("false alarms that are new", "P(s = 1, d = 0 given y = 0)",
        "0 to 1", "lower", "no negative labels", "this tool"),
    "ceag": Definition("compression's effect on the accuracy gap",
        "(acc_d,g - acc_s,g) - (acc_d - acc_s); overall accuracy over rows with a known group",
        "-2 to 2", "0; above 0 this group lost more than all", "no known labels in a group",
        "Hashemizadeh et al.: Balancing Act, ICLR 2024"),
    "eod": Definition("equalized-odds difference", "max(abs(difference of TPR), abs(difference of "
        "FPR)), over values of a group", "0 to 1", "0", "TPR or FPR undefined in a group",
        "Hardt et al. 2016"),
    "directional_ba": Definition("directional bias amplification, attribute to task",
        "mean over group values of +-[P(s = 1 given g) - P(y = 1 given g)], plus where training "
        "over-represents the pair", "-1 to 1", "0", "no training counts; no known labels in a "
        "group", "Wang and Russakovsky: Directional Bias Amplification, ICML 2021"),
    "underprediction": Definition("predicted against true positives", "P(s = 1 given g) / P(y = 1 "
        "given g)", "0 and up", "1", "no positive labels", PAPER),
    "calibration_gap": Definition("confidence against frequency", "mean(p) - mean(y)", "-1 to 1",
        "0", NO_KNOWN, "standard"),
    "brier": Definition("Brier score", "mean((p - y)^2)", "0 to 1", "lower", NO_KNOWN,
        "Brier 1950"),
    "calibration_error_debiased": Definition("calibration error, comparable between group sizes",
        "sum over 10 equal-mass bins of n_b/N [(mean p - mean y)^2 - var(p - y)/n_b]; bins under "
        "2 rows join their neighbour; not clipped at 0", "about 0 to 1", "0",
        "fewer than 2 known labels", "Brocker 2012; Kumar et al. 2019"),
    "never_predicted": Definition("the attribute is never predicted",
        "1 if no sample is predicted positive, else 0", "0 or 1", "0", NO_ROWS, "this tool",
        labels=False),
}  # fmt: skip

# What `pbias flag` and `pbias exemplars` say of samples: scores, no metrics of an audit.
SCORES = {
    "flag_risk": Definition(
        "risk that pruning overturns a prediction",
        "o / (1 + o) with o = the dense model's odds of the other value, from sigmoid(z - "
        "threshold), times its odds in training (each count + 1/2) in that group of the sample in "
        "which they are largest", "0 to 1",
        "lower; above 0.5 training speaks more against the prediction than the model for it",
        "never: without training counts the second odds are 1",
        f"this tool, docs/flagging.md; after {PAPER}, section 5", labels=False),
    "attribute_risk": Definition(
        "risk that pruning makes an attribute more biased, for one group",
        "sqrt(R^2) u: R^2 of the dense predictions on the group's values; u the share with "
        "abs(p - 0.5) < 0.4 among its predictions of the value rarer in training", "0 to 1",
        "low: under 0.05; raised: from 0.05; high: from 0.15",
        "no training counts; constant predictions; one value of the group alone",
        f"this tool, docs/flagging.md; after {PAPER}, section 5", labels=False),
    "modal": Definition("modal exemplar",
        "what most dense runs predict and what most sparse runs predict differ", "0 or 1", "0",
        "never: where a side is tied a sample is none, and ties are counted",
        "Hooker et al.: What Do Compressed Deep Neural Networks Forget?, 2019", labels=False),
    "taxicab": Definition("distance between the votes of dense and sparse runs",
        "sum over the two values of abs(share of dense runs - share of sparse runs)", "0 to 2",
        "0; exemplars are the largest 1 % of an attribute", "never",
        "after Hooker et al. 2019", labels=False),
    "over_representation": Definition("a group among exemplars against among all",
        "P(g given exemplar) / P(g) - 1, over samples with a known group value", "-1 and up", "0; "
        "above 0 pruning changed more for this group than its share", "no exemplars with a known "
        "group value; no samples in group", "this tool", labels=False),
}  # fmt: skip
EXPLAINED = METRICS | SCORES


def list_metrics() -> str:
    """Every metric, score and column with its title, a line each, then what symbols mean."""
    width = max(map(len, EXPLAINED))
    metrics, columns = (
        "".join(f"{name:<{width}}  {one.title}\n" for name, one in listed.items())
        for listed in (EXPLAINED, COLUMNS)
    )
    return f"{metrics}\nColumns of tables\n{columns}\nSymbols in formulas\n{legend()}"


def known_metric(name: str) -> str:
    """The name itself; raises UserError, with the nearest one, where there is no such metric."""
    if name in METRICS:
        return name
    hint = did_you_mean(name, METRICS, "'pbias explain' lists them")
    raise UserError(f"no metric '{name}'; {hint}")


def describe(name: str) -> str:
    """All that is known of a metric, score or column; raises UserError for an unknown one."""
    if name in COLUMNS:
        return describe_column(name)
    one = SCORES[name] if name in SCORES else METRICS[known_metric(name)]
    lines = {
        "formula": one.formula,
        "range": one.range,
        "good": one.better,
        "undefined": one.undefined,
        "labels": "needed" if one.labels else "not needed",
        "source": one.source,
    }
    told = "".join(f"  {key:<10} {text}\n" for key, text in lines.items())
    return f"{name}: {one.title}\n{told}\n{legend()}"
