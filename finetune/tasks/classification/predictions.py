"""Write a classifier's predictions: one row for each input row, in the same order."""

import csv
import itertools
from typing import Iterable, Sequence

from finetune.data.processor import InputExample
from finetune.util.errors import InputError
from finetune.util.files import atomic_text


def write_classification(
    path: str,
    examples: Iterable[InputExample],
    answers: Iterable[Sequence[str]],
    *,
    columns: Sequence[str],
    pairs: bool,
) -> None:
    """Writes `test_results.tsv`.

    Its columns are guid, text (or text_a and text_b for pairs), and those of the answers. The
    dialect is that of spreadsheets ("excel-tab"): a field that contains a quote, tab or line end is
    quoted, so that no row is lost in reading.

    Args:
      path: The file to write.
      examples: The rows.
      answers: The answer to each row, in the same order: a cell for each column.
      columns: Names of these columns.
      pairs: Whether there are second texts.

    Raises:
      InputError: There are more or fewer answers than rows.
    """
    with atomic_text(path) as writer:
        table = csv.writer(writer, dialect="excel-tab", lineterminator="\n")
        quoting = csv.writer(writer, "excel-tab", lineterminator="\n", quoting=csv.QUOTE_ALL)
        table.writerow(["guid", *(("text_a", "text_b") if pairs else ("text",)), *columns])
        for example, cells in itertools.zip_longest(examples, answers):
            if example is None or cells is None:
                raise InputError("The data to predict changed while it was read. Predict again.")
            texts = (example.text_a, example.text_b or "") if pairs else (example.text_a,)
            # A lone CR ends a line for readers, but minimal quoting does not quote it.
            has_lone_cr = any("\r" in cell for cell in (*texts, *cells))
            (quoting if has_lone_cr else table).writerow([example.guid, *texts, *cells])
