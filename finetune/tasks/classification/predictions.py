"""Write a classifier's predictions: one row for each input row, in the same order."""

import csv
import itertools
from typing import IO, Iterable, Sequence

from finetune.data.processor import InputExample
from finetune.util.errors import InputError


class PredictionTable:
    """Writes `test_results.tsv`.

    The columns are guid, text (or text_a and text_b for pairs), and those of a prediction. The
    dialect is "excel-tab", as in spreadsheets: a field that contains a quote, tab or line end is
    quoted, so that a reader loses no row.
    """

    def __init__(self, writer: IO[str], *, columns: Sequence[str], pairs: bool):
        """Writes the header.

        Args:
          writer: The open file.
          columns: Names of the columns of a prediction.
          pairs: Whether any row has a second text.
        """
        self._table = csv.writer(writer, dialect="excel-tab", lineterminator="\n")
        self._quoting = csv.writer(writer, "excel-tab", lineterminator="\n", quoting=csv.QUOTE_ALL)
        self._pairs = pairs
        self._table.writerow(["guid", *(("text_a", "text_b") if pairs else ("text",)), *columns])

    def write(self, examples: Iterable[InputExample], answers: Iterable[Sequence[str]]) -> int:
        """Writes rows.

        Args:
          examples: The rows.
          answers: The prediction for each row, in the same order: one cell for each column.

        Returns:
          The number of rows.

        Raises:
          InputError: There are more or fewer predictions than rows, or a row of a stream has a
            second text, but the first rows had none.
        """
        number = 0
        for example, cells in itertools.zip_longest(examples, answers):
            if example is None or cells is None:
                raise InputError(
                    "The data to predict changed while it was being read. Predict again."
                )
            if example.text_b is not None and not self._pairs:
                raise InputError(
                    f"{example.place}: found a second text, but the first rows had none; expected "
                    "rows of one kind."
                )
            texts = (example.text_a, example.text_b or "") if self._pairs else (example.text_a,)
            # A lone CR ends a line for readers, but minimal quoting does not quote it.
            has_lone_cr = any("\r" in cell for cell in (*texts, *cells))
            (self._quoting if has_lone_cr else self._table).writerow([example.guid, *texts, *cells])
            number += 1
        return number
