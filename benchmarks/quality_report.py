# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""Turns the records of quality.py's runs into means, verdicts and printed tables."""

from statistics import fmean

from quality_tasks import TASKS

HEADINGS = {
    "accuracy": "accuracy",
    "macro_f1": "macro F1",
    "f1_of_1": 'F1 of "1"',
    "f1": "F1",
    "precision": "precision",
    "recall": "recall",
    "strict_f1": "strict F1",
    "exact": "exact",
    "exact_match": "exact",
    "loss": "loss",
    "seconds": "seconds",
}


def pick_scores(task, record):
    """Returns a run's figures for the task's table."""
    scores = dict(record)
    # A classifier's record has an F1 for each label; a tagger's has one F1 for all entities.
    if isinstance(record["f1"], dict):
        scores["f1_of_1"] = record["f1"].get("1")
    return {name: scores[name] for name in (*TASKS[task]["columns"], "seconds")}


def build_means(task, runs):
    """Returns the mean of every column for each side."""
    means = {}
    for side in dict.fromkeys(record["side"] for record in runs):
        rows = [pick_scores(task, record) for record in runs if record["side"] == side]
        means[side] = {name: fmean(row[name] for row in rows) for name in rows[0]}
    return means


def check_targets(task, means):
    """Returns the targets of each side; `met` is None if the side did not run."""
    checked = []
    for side, targets in TASKS[task]["targets"].items():
        met = None
        if side in means:
            met = all(means[side][name] >= least for name, least in targets.items())
        checked.append({"side": side, "at_least": targets, "met": met})
    return checked


def check_comparisons(task, means):
    """Returns the task's comparisons; `met` is None if one of the two sides did not run."""
    checked = []
    for score, side, other in TASKS[task]["comparisons"]:
        ran = side in means and other in means
        met = means[side][score] >= means[other][score] if ran else None
        checked.append({"score": score, "side": side, "at_least": other, "met": met})
    return checked


def build_summary(tasks, records):
    """Returns each task's recipe, runs, means by side and targets, and whether they are met."""
    summary = {}
    for task in tasks:
        runs = [record for record in records if record["task"] == task]
        means = build_means(task, runs)
        summary[task] = {
            "recipe": TASKS[task]["recipe"],
            "runs": runs,
            "means": means,
            "targets": check_targets(task, means),
            "comparisons": check_comparisons(task, means),
        }
    return summary


def has_missed(part):
    """Returns whether the task misses a target or fails a comparison."""
    return any(row["met"] is False for row in [*part["targets"], *part["comparisons"]])


def format_row(first, second, scores):
    """Returns one row of the table."""
    cells = [f"{first:<8}{second:<9}"]
    for name, value in scores.items():
        cells.append(f"{value:>10.0f}" if name == "seconds" else f"{value:>10.4f}")
    return "".join(cells)


def print_task(task, part):
    """Prints the task's runs, means, targets and verdicts."""
    recipe = ", ".join(f"{name} {value:g}" for name, value in part["recipe"].items())
    print(f"\n{task}: {recipe}")
    columns = next(iter(part["means"].values()))
    print(f"{'seed':<8}{'side':<9}" + "".join(f"{HEADINGS[name]:>10}" for name in columns))
    for record in part["runs"]:
        print(format_row(record["seed"], record["side"], pick_scores(task, record)))
    for side, scores in part["means"].items():
        print(format_row("mean", side, scores))
    for row in part["targets"]:
        print(format_row("target", row["side"], row["at_least"]))
    print_verdicts(part)


def print_verdicts(part):
    """Prints whether the targets are met and the comparisons hold."""
    words = {True: "met", False: "MISSED", None: "not checked, because a side did not run"}
    for row in part["targets"]:
        print(f"targets for the mean of {row['side']}: {words[row['met']]}")
    for row in part["comparisons"]:
        text = f"mean {HEADINGS[row['score']]} of {row['side']} at least that of {row['at_least']}"
        print(f"{text}: {words[row['met']]}")
