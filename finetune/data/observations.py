"""Unusual rows of a split, which the data report turns into findings."""

from typing import NamedTuple

import numpy as np

ERROR, WARNING, NOTE = SEVERITIES = ("error", "warning", "note")

LABEL_CONFLICT = ("row", "rows", "conflicting labels: the same text appears with different labels")


class Observation(NamedTuple):
    """The rows of a finding, and the parts of its message.

    Attributes:
      severity: One of `SEVERITIES`.
      rows: int, the row numbers.
      singular: The start of the message for one row.
      plural: The start of the message for several rows.
      rest: The rest of the message.
    """

    severity: str
    rows: np.ndarray
    singular: str
    plural: str
    rest: str
