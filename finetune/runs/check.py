"""Report on the data, without training."""

import sys

from finetune.reports import data_report
from finetune.reports.data_report_text import format_report
from finetune.runs.prepare import make_task
from finetune.runs.resolve import Run, make_output_dir
from finetune.util.errors import InputError
from finetune.util.plurals import count


def check(run: Run) -> None:
    """Prints a report on all data that a run could use; writes it to --output_dir, if given.

    Raises:
      InputError: The data contains errors.
    """
    report = data_report.check(
        run.data,
        lambda: make_task(run),
        run.model,
        max_seq_length=run.config.max_seq_length,
        warnings=run.warnings,
    )
    sys.stdout.write(format_report(report))
    if run.output_dir:
        make_output_dir(run.output_dir)
        data_report.write(report, run.output_dir)
    if report.num_errors:
        raise InputError(
            f"The data has {count(report.num_errors, 'error')}. The first: {report.first_error}"
        )
