"""How far long work is: one line that is kept up to date on a terminal, plain lines in a log."""

import logging
import os
import sys
import time
from typing import Iterable, Iterator, Optional, TypeVar

from tqdm import tqdm

_log = logging.getLogger(__name__)

Item = TypeVar("Item")

_SECONDS_BETWEEN_LINES = 30.0  # In a log
tqdm.monitor_interval = 0  # Its thread would be in the way of forks.
_COLUMNS = 120  # Of a terminal that does not say how many it has
# What a narrow terminal cuts off stands last.
_BAR = "{desc}{n_fmt}/{total_fmt} {unit}, {remaining} left{postfix}"
_COUNT = "{desc}{n_fmt} {unit}{postfix}"  # Where the end is not known


def on_terminal() -> bool:
    """Returns whether messages go to a terminal, where a line can be kept up to date."""
    return sys.stderr.isatty()


def _size() -> dict:
    """Returns how tqdm is to find the size of the terminal."""
    try:
        known = os.get_terminal_size(sys.stderr.fileno()).columns > 0
    except (OSError, ValueError):
        known = False
    return {"dynamic_ncols": True} if known else {"ncols": _COLUMNS, "nrows": 2}


class Progress:
    """The line of a terminal, which is gone when the work is done; elsewhere, nothing."""

    def __init__(self, what: str, unit: str, total: Optional[int] = None, done: int = 0):
        """Shows it.

        Args:
          what: What is done, such as "Reading: ".
          unit: What is counted, in the plural.
          total: How many there are, if that is known.
          done: How many are done already.
        """
        self._bar = tqdm(
            desc=what,
            unit=unit,
            total=total,
            initial=done,
            bar_format=_COUNT if total is None else _BAR,
            file=sys.stderr,
            leave=False,
            disable=not on_terminal() or not _log.isEnabledFor(logging.INFO),
            **_size(),
        )

    def add(self, number: int, note: str = "") -> None:
        """Says that so many more are done, and what else is to be shown."""
        if note:
            self._bar.set_postfix_str(note, refresh=False)
        self._bar.update(number)

    def close(self) -> None:
        """Takes the line away."""
        self._bar.close()


def tracked(
    items: Iterable[Item], what: str, unit: str = "rows", total: Optional[int] = None, size=None
) -> Iterator[Item]:
    """Yields the items, and shows how far it is.

    Args:
      items: The items.
      what: What is done with them, such as "Reading: ".
      unit: What is counted, in the plural.
      total: How many there are, if that is known.
      size: How many an item counts for; None: each for one.
    """
    progress = Progress(what, unit, total)
    in_a_log = not on_terminal()
    done, told_at = 0, time.monotonic()
    try:
        for item in items:
            number = 1 if size is None else size(item)
            done += number
            progress.add(number)
            if in_a_log and time.monotonic() - told_at > _SECONDS_BETWEEN_LINES:
                of = "" if total is None else f" of {total}"
                _log.info("%s%d%s %s", what, done, of, unit)
                told_at = time.monotonic()
            yield item
    finally:
        progress.close()


class Handler(logging.StreamHandler):
    """Writes messages above the line that a terminal shows."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            tqdm.write(self.format(record), file=self.stream)
        except Exception:  # As logging's own handlers do: a message that fails ends no training.
            self.handleError(record)
