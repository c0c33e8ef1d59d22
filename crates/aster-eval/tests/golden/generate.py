"""Golden values for the metrics.

Made with Python 3.11, numpy 2.4, scikit-learn 1.9, vus 0.0.6 (VUS, affiliation)
and prts 1.0.0.3 (range-based precision and recall):

    pip install numpy scikit-learn prts && pip install --no-deps vus
    python generate.py > golden.json

vus imports plotting and modelling packages at its top; only its metric modules
are loaded here.
"""

import importlib.util
import json
import pathlib
import sys
import types

import numpy as np
from prts import ts_precision, ts_recall
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score

root = pathlib.Path(importlib.util.find_spec("vus").submodule_search_locations[0])
for name in ("vus", "vus.utils", "vus.affiliation"):
    package = types.ModuleType(name)
    package.__path__ = [str(root.joinpath(*name.split(".")[1:]))]
    sys.modules[name] = package
from vus.affiliation.generics import convert_vector_to_events  # noqa: E402
from vus.affiliation.metrics import pr_from_events  # noqa: E402
from vus.utils.metrics import metricor  # noqa: E402


def case(seed, n, anomalies, length, noise, decimals):
    """Scores follow the labels with noise; rounding makes ties."""
    rng = np.random.default_rng(seed)
    labels = np.zeros(n, dtype=int)
    for start in rng.choice(n - length, anomalies, replace=False):
        labels[start : start + rng.integers(1, length)] = 1
    scores = np.round(labels + noise * rng.standard_normal(n), decimals)
    return scores.astype(np.float32), labels


def measure(scores, labels, buffer):
    precision, recall, thresholds = precision_recall_curve(labels, scores)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-300)
    best = f1[:-1].max()
    threshold = float(np.quantile(scores, 0.9, method="nearest"))
    predicted = (scores >= threshold).astype(int)
    volume = metricor().RangeAUC_volume_opt(labels, scores, buffer, 250)
    near = pr_from_events(
        convert_vector_to_events(predicted), convert_vector_to_events(labels), (0, len(labels))
    )
    ranges = []
    for alpha, bias, cardinality in [
        (0.0, "flat", "one"),
        (0.3, "front", "reciprocal"),
        (0.0, "back", "reciprocal"),
        (0.5, "middle", "one"),
    ]:
        options = {"bias": bias, "cardinality": cardinality}
        ranges.append(
            {
                "alpha": alpha,
                **options,
                "precision": ts_precision(labels, predicted, alpha=0.0, **options),
                "recall": ts_recall(labels, predicted, alpha=alpha, **options),
            }
        )
    return {
        "scores": [float(s) for s in scores],
        "labels": [int(l) for l in labels],
        "auroc": roc_auc_score(labels, scores),
        "average_precision": average_precision_score(labels, scores),
        "best_f1": float(best),
        "threshold": threshold,
        "buffer": buffer,
        "vus_roc": float(volume[4]),
        "vus_pr": float(volume[5]),
        "affiliation": [float(near["Affiliation_Precision"]), float(near["Affiliation_Recall"])],
        "ranges": ranges,
    }


cases = [
    measure(*case(0, 300, 3, 30, 0.5, 6), 20),
    measure(*case(1, 500, 6, 20, 1.0, 1), 31),
    measure(*case(2, 400, 12, 15, 0.8, 0), 16),
    measure(*case(3, 260, 2, 60, 2.0, 3), 0),
]
json.dump(cases, sys.stdout)
