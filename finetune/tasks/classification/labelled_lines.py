"""Read lines that end with `;label`, or start with a label or with fastText's labels."""

import logging
from typing import Iterator, List, Sequence

from finetune.data import column_rules
from finetune.data.header_rules import (
    MAX_TITLE_LINES,
    RepeatedHeader,
    late_header_error,
    names_text_and_label,
)
from finetune.data.lines import check_cr, read_lines
from finetune.tasks.classification.forms import LABEL_PREFIX, TextFormat, TextRow
from finetune.util.errors import InputError

_log = logging.getLogger(__name__)


def warn_of_header(cells: Sequence[str], where: str) -> None:
    """Warns if the cells of a first row are usual column names."""
    if column_rules.has_usual_name(cells):
        _log.warning(
            "%s: read as a row, not as a header. If it is a header, use --header=true (and "
            "--data_form=tsv if the file is not read as a table).",
            where,
        )


def read_semicolon(path: str, text_format: TextFormat, need_label: bool) -> Iterator[TextRow]:
    """Reads `text;label` lines: the label follows the last semicolon."""
    repeated_header = RepeatedHeader(path)
    for number, line in read_lines(path):
        where = f"{path}:{number}"
        check_cr(line, path, number)
        text, separator, label = line.rpartition(";")
        if number == 1:
            warn_of_header((text, label), where)
        elif number <= MAX_TITLE_LINES and names_text_and_label((text, label)):
            raise late_header_error(path, number)
        repeated_header.check(number, [text, label])
        if need_label and not separator:
            raise InputError(f"{where}: found {line[:60]!r}; expected text;label.")
        if not need_label and text_format.edit.quietly(label) not in text_format.known_labels:
            yield TextRow(str(number), where, line)  # A row to predict, without a label
        else:
            yield TextRow(str(number), where, text, None, label)


def read_label_first(path: str, text_format: TextFormat, need_label: bool) -> Iterator[TextRow]:
    """Yields the rows of a file; its arguments are those of `readers.read_rows`."""
    for number, line in read_lines(path):
        where = f"{path}:{number}"
        check_cr(line, path, number)
        labels: List[str] = []
        rest = line.strip()
        while rest.startswith(LABEL_PREFIX):
            label, _, rest = rest.partition(" ")
            labels.append(label[len(LABEL_PREFIX) :])
            rest = rest.lstrip()
        if labels:
            yield TextRow(str(number), where, rest, None, labels if len(labels) > 1 else labels[0])
            continue
        label, _, text = rest.partition(" ")
        if need_label and not text:
            raise InputError(f"{where}: found {line[:60]!r}; expected a label, a space and a text.")
        if need_label or text_format.edit.quietly(label) in text_format.known_labels:
            yield TextRow(str(number), where, text, None, label)
        else:
            yield TextRow(str(number), where, line)  # A row to predict, without a label
