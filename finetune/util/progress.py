"""Show the progress of long work: one updated bar on a terminal, occasional lines in a log."""

import logging
import os
import sys
import time
from typing import Callable, Generator, Iterable, Optional, TypedDict, TypeVar

from tqdm import tqdm

from finetune.util.colours import has_colours
from finetune.util.printable import one_line, printable

_log = logging.getLogger(__name__)

Item = TypeVar("Item")

tqdm.monitor_interval = 0  # tqdm's monitor thread would make forking unsafe.

_SECONDS_BETWEEN_LINES = 30.0  # In a log
_DEFAULT_COLUMNS = 120  # For a terminal that does not report its width
# A narrow terminal cuts off the end of the line, so the least important part comes last.
_BAR = "{desc}{bar:20} {n_fmt}/{total_fmt} {unit}, {remaining} left{postfix}"
_COUNT = "{desc}{n_fmt} {unit}{postfix}"  # If the total is unknown


class _TerminalSize(TypedDict, total=False):
    """tqdm's arguments for the size of the terminal."""

    dynamic_ncols: bool
    ncols: int
    nrows: int


def on_terminal() -> bool:
    """Returns whether messages go to a terminal, where a line can be updated."""
    return sys.stderr.isatty()


def format_duration(seconds: float) -> str:
    """Returns a duration as minutes and seconds, or with hours if there are any."""
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


def _terminal_size() -> _TerminalSize:
    try:
        is_known = os.get_terminal_size(sys.stderr.fileno()).columns > 0
    except (OSError, ValueError):
        is_known = False
    return {"dynamic_ncols": True} if is_known else {"ncols": _DEFAULT_COLUMNS, "nrows": 2}


class Progress:
    """A progress line, removed when the work is done; shown only on a terminal, not in a log."""

    def __init__(self, title: str, unit: str, total: Optional[int] = None, done: int = 0):
        """Shows the line.

        Args:
          title: The start of the line, such as "Reading: ".
          unit: What is counted, in the plural.
          total: The number of units in total; None if it is unknown.
          done: The number already done.
        """
        self._bar = tqdm(
            desc=printable(one_line(title)),
            unit=unit,
            total=total,
            initial=done,
            bar_format=_COUNT if total is None else _BAR,
            file=sys.stderr,
            colour="cyan" if has_colours(sys.stderr) else None,
            leave=False,
            disable=not on_terminal() or not _log.isEnabledFor(logging.INFO),
            **_terminal_size(),
        )

    def add(self, number: int, note: str = "") -> None:
        """Adds to the number done and shows a note at the end of the line."""
        if note:
            self._bar.set_postfix_str(printable(one_line(note)), refresh=False)
        self._bar.update(number)

    def close(self) -> None:
        """Removes the line."""
        self._bar.close()


def tracked(
    items: Iterable[Item],
    title: str,
    unit: str = "rows",
    total: Optional[int] = None,
    size: Optional[Callable[[Item], int]] = None,
) -> Generator[Item, None, None]:
    """Yields the items and shows progress on the terminal or in the log.

    Args:
      items: The items.
      title: The start of the line, such as "Reading: ".
      unit: What is counted, in the plural.
      total: The number of units in total; None if it is unknown.
      size: Returns how many units an item counts as; None if each counts as one.
    """
    progress = Progress(title, unit, total)
    is_log = not on_terminal()
    done, logged_at = 0, time.monotonic()
    try:
        for item in items:
            number = 1 if size is None else size(item)
            done += number
            progress.add(number)
            if is_log and time.monotonic() - logged_at > _SECONDS_BETWEEN_LINES:
                of_total = "" if total is None else f" of {total}"
                _log.info("%s%d%s %s", title, done, of_total, unit)
                logged_at = time.monotonic()
            yield item
    finally:
        progress.close()


class MessageHandler(logging.StreamHandler):
    """Writes log messages above the progress line."""

    def emit(self, record: logging.LogRecord) -> None:
        """Writes a message."""
        try:
            tqdm.write(self.format(record), file=self.stream)
        except Exception:
            # As in logging's own handlers, a failed message must not stop training.
            self.handleError(record)
