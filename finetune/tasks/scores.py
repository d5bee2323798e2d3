"""Scores as human-readable text, the same way for all tasks."""

from typing import List, Mapping, Sequence

from finetune.output.best_model import Scores


def format_figures(scores: Scores) -> List[str]:
    """Returns a line for each score that is a single figure."""
    return [
        f"{name} = {value:.4f}" if isinstance(value, float) else f"{name} = {value}"
        for name, value in scores.items()
        if value is None or isinstance(value, (int, float))
    ]


def format_label_table(
    title: str, rows: Mapping[str, Mapping[str, object]], columns: Sequence[str]
) -> List[str]:
    """Returns the lines of a table of labels.

    Args:
      title: Title of the first column.
      rows: The figures of each label, by name.
      columns: Names of the figures that the table shows; None is shown as "-".
    """
    body = [[name, *(_cell(row[column]) for column in columns)] for name, row in rows.items()]
    return format_table([title, *columns], body)


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def format_table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> List[str]:
    """Returns the lines of a table: the first column is left-aligned, the others right-aligned."""
    import tabulate  # Only an evaluation or a report needs it.

    text = tabulate.tabulate(
        [list(map(str, row)) for row in rows],
        headers=list(map(str, header)),
        tablefmt="plain",
        disable_numparse=True,
        colalign=("left", *["right"] * (len(header) - 1)) if rows else None,
    )
    return [line.rstrip() for line in text.splitlines()]
