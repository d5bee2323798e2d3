"""The parts of a data report, for tests that compare them with expected values."""

import re


def table_of(shown):
    """Returns the cells of the printed table, by the title of their row."""
    lines = shown[shown.index("\n   ") :].strip("\n").split("\n")
    return {re.split("  +", line)[0]: re.split("  +", line)[1:] for line in lines[1:-1]}


def findings_of(report):
    """Returns the severity, split, count and line numbers of each finding."""
    return [
        (
            finding["severity"],
            finding["what"].split(":")[0],
            finding["count"],
            [place.rpartition(":")[2] for place in finding["places"]],
        )
        for finding in report["problems"]
    ]
