"""Golden values for the event-wise metrics.

Made with Python 3.11, numpy 2.4 and tadmetric 0.2.2 (the composite F1 of Garg et al., which is the event F1 of TSB-AD):

    pip install numpy tadmetric
    python events.py > events.json

What ESA-ADB defines (arXiv 2406.17826, sections 3.5 and 3.6) is computed here row by row, from sets of rows; a row
lasts one unit of time, so that an event of n rows lasts n.
"""

import json
import math
import sys

import numpy as np
from tadmetric import Tadmetric


def draw(rng, rows, count, length):
    flags = np.zeros(rows, dtype=int)
    for start in rng.choice(rows - length, count, replace=False):
        flags[start : start + rng.integers(1, length)] = 1
    return flags


def sets(flags):
    found, open_set = [], []
    for row, flag in enumerate([*flags, 0]):
        if flag:
            open_set.append(row)
        elif open_set:
            found.append(set(open_set))
            open_set = []
    return found


def curve(x, a, b):
    if x <= -a or x >= b:
        return 0.0
    return ((x + a) / a) ** math.e if x <= 0 else 1.0 / (1.0 + (x / (b - x)) ** math.e)


def measure(labels, alarms):
    events, found = sets(labels), sets(alarms)
    normal = {row for row, label in enumerate(labels) if not label}
    touching = [[alarm for alarm in found if alarm & event] for event in events]
    detected = sum(1 for on in touching if on)
    redundant = sum(len(on) - 1 for on in touching if on)
    false = sum(1 for alarm in found if not any(alarm & event for event in events))
    wrong = sum(len(alarm & normal) for alarm in found)
    recall = detected / len(events)
    precision = detected / max(1, detected + false) * (1 - wrong / len(normal))
    starts = [min(event) for event in events]
    timing = []
    for number, (event, on) in enumerate(zip(events, touching)):
        if on:
            gap = starts[number] - starts[number - 1] if number else len(event)
            x = min(map(min, on)) - starts[number]
            timing.append(curve(x, min(len(event), gap), len(event)))
    beta = 0.25 * precision + recall
    return {
        "labels": [int(x) for x in labels],
        "alarms": [[min(alarm), max(alarm) + 1] for alarm in found],
        "precision": precision,
        "recall": recall,
        "f_half": 1.25 * precision * recall / beta if beta else 0.0,
        "alarming_precision": detected / max(1, detected + redundant),
        "timing": sum(timing) / max(1, len(timing)),
        "event_f1": float(Tadmetric(alarms.astype(float), labels).calc_composite_f1(pred=alarms)[0]),
    }


cases = []
for seed, rows, events, length, alarms in [(7, 400, 3, 40, 6), (1, 900, 9, 30, 12), (2, 300, 2, 80, 1)]:
    rng = np.random.default_rng(seed)
    labels = draw(rng, rows, events, length)
    noise = draw(rng, rows, alarms, 12)
    cases.append(measure(labels, np.roll(labels, -4) | noise))
    torn = (np.roll(labels, 3) & (rng.random(rows) < 0.8)) | noise
    torn[: rows // 3] = 0
    cases.append(measure(labels, torn))
json.dump(cases, sys.stdout)
