# Copyright 2026 The project's authors. Licensed under the Apache License, Version 2.0.
"""Turn the records of quality.py's runs into means, verdicts and printed tables."""

from statistics import fmean

from quality_tasks import TASKS

HEADINGS = {
    "accuracy": "accuracy",
    "macro_f1": "macro F1",
    "f1_of_1": 'F1 of "1"',
    "loss": "loss",
    "seconds": "seconds",
}


def pick_scores(task, record):
    """Return the figures of one run that the task's table shows."""
    scores = {**record, "f1_of_1": record["f1"].get("1")}
    return {name: scores[name] for name in (*TASKS[task]["targets"], "loss", "seconds")}


def build_summary(tasks, records):
    """Return, per task, its recipe, runs, means by side, targets and whether they are met."""
    summary = {}
    for task in tasks:
        runs = [record for record in records if record["task"] == task]
        means = {}
        for side in dict.fromkeys(record["side"] for record in runs):
            rows = [pick_scores(task, record) for record in runs if record["side"] == side]
            means[side] = {name: fmean(row[name] for row in rows) for name in rows[0]}
        targets = TASKS[task]["targets"]
        met = all(means["toolkit"][name] >= least for name, least in targets.items())
        summary[task] = {
            "recipe": TASKS[task]["recipe"],
            "runs": runs,
            "means": means,
            "targets": targets,
            "targets_met": met,
        }
    return summary


def format_row(first, second, scores):
    """Return one line of the table."""
    cells = [f"{first:<8}{second:<9}"]
    for name, value in scores.items():
        cells.append(f"{value:>10.0f}" if name == "seconds" else f"{value:>10.4f}")
    return "".join(cells)


def print_task(task, part):
    """Print the task's runs, means, targets and verdict."""
    recipe = ", ".join(f"{name} {value:g}" for name, value in part["recipe"].items())
    print(f"\n{task}: {recipe}")
    columns = next(iter(part["means"].values()))
    print(f"{'seed':<8}{'side':<9}" + "".join(f"{HEADINGS[name]:>10}" for name in columns))
    for record in part["runs"]:
        print(format_row(record["seed"], record["side"], pick_scores(task, record)))
    for side, scores in part["means"].items():
        print(format_row("mean", side, scores))
    print(format_row("target", "at least", part["targets"]))
    print("targets met" if part["targets_met"] else "TARGETS MISSED by the toolkit's mean")
