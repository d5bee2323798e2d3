# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""Turn the records of quality.py's runs into means, verdicts and printed tables."""

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
    "loss": "loss",
    "seconds": "seconds",
}


def pick_scores(task, record):
    """Return the figures of one run that the task's table shows."""
    scores = dict(record)
    # A classifier's record has one F1 for each label, a tagger's one for all entities.
    if isinstance(record["f1"], dict):
        scores["f1_of_1"] = record["f1"].get("1")
    return {name: scores[name] for name in (*TASKS[task]["columns"], "seconds")}


def build_means(task, runs):
    """Return each side's mean of every column."""
    means = {}
    for side in dict.fromkeys(record["side"] for record in runs):
        rows = [pick_scores(task, record) for record in runs if record["side"] == side]
        means[side] = {name: fmean(row[name] for row in rows) for name in rows[0]}
    return means


def check_targets(task, means):
    """Return whether the default side's means reach the targets, None if it did not run."""
    side = TASKS[task]["default_side"]
    if side not in means:
        return None
    return all(means[side][name] >= least for name, least in TASKS[task]["targets"].items())


def check_comparisons(task, means):
    """Return each comparison of the task with whether it holds, None if a side did not run."""
    checked = []
    for score, side, other in TASKS[task]["comparisons"]:
        ran = side in means and other in means
        met = means[side][score] >= means[other][score] if ran else None
        checked.append({"score": score, "side": side, "at_least": other, "met": met})
    return checked


def build_summary(tasks, records):
    """Return, per task, its recipe, runs, means by side, targets and whether they are met."""
    summary = {}
    for task in tasks:
        runs = [record for record in records if record["task"] == task]
        means = build_means(task, runs)
        summary[task] = {
            "recipe": TASKS[task]["recipe"],
            "runs": runs,
            "means": means,
            "default_side": TASKS[task]["default_side"],
            "targets": TASKS[task]["targets"],
            "targets_met": check_targets(task, means),
            "comparisons": check_comparisons(task, means),
        }
    return summary


def has_missed(part):
    """Return whether the task misses something that could be checked."""
    return part["targets_met"] is False or any(row["met"] is False for row in part["comparisons"])


def format_row(first, second, scores):
    """Return one line of the table."""
    cells = [f"{first:<8}{second:<9}"]
    for name, value in scores.items():
        cells.append(f"{value:>10.0f}" if name == "seconds" else f"{value:>10.4f}")
    return "".join(cells)


def print_task(task, part):
    """Print the task's runs, means, targets and verdicts."""
    recipe = ", ".join(f"{name} {value:g}" for name, value in part["recipe"].items())
    print(f"\n{task}: {recipe}")
    columns = next(iter(part["means"].values()))
    print(f"{'seed':<8}{'side':<9}" + "".join(f"{HEADINGS[name]:>10}" for name in columns))
    for record in part["runs"]:
        print(format_row(record["seed"], record["side"], pick_scores(task, record)))
    for side, scores in part["means"].items():
        print(format_row("mean", side, scores))
    print(format_row("target", "at least", part["targets"]))
    print_verdicts(part)


def print_verdicts(part):
    """Print whether the targets are met and the comparisons hold."""
    words = {True: "met", False: "MISSED", None: "not checked, for want of a side's runs"}
    print(f"targets for the mean of {part['default_side']}: {words[part['targets_met']]}")
    for row in part["comparisons"]:
        text = f"mean {HEADINGS[row['score']]} of {row['side']} at least that of {row['at_least']}"
        print(f"{text}: {words[row['met']]}")
