"""Check the data and print a report, without training."""

import sys

from finetune.reports import data_report
from finetune.reports.data_report_text import format_report
from finetune.runs.output_dir import make_output_dir
from finetune.runs.prepare import make_task
from finetune.runs.resolve import Run
from finetune.util.errors import InputError, UsageError
from finetune.util.plurals import count
from finetune.util.printable import printable


def check(run: Run) -> None:
    """Prints a report on all data that a run could use, and writes it to --output_dir if it is set.

    Raises:
      InputError: The data contains errors.
      UsageError: --predict_file is a stream.
    """
    if run.data.is_stream("test"):
        raise UsageError(
            f"--predict_file={run.config.predict_file}: --do_check reads the data more than once, "
            "so it needs a file. Save the stream as a file, or omit the flag."
        )
    report = data_report.check_data(
        run.data,
        lambda: make_task(run),
        run.model,
        max_seq_length=run.max_seq_length,
        warnings=run.warnings,
    )
    sys.stdout.write(printable(format_report(report)))
    if run.output_dir:
        make_output_dir(run.output_dir)
        data_report.write(report, run.output_dir)
    if report.num_errors:
        raise InputError(
            f"The data has {count(report.num_errors, 'error')}. The first: {report.first_error}"
        )
