"""Read decimal numbers as people write them."""

import math
from typing import Optional


def parse_decimal(text: str) -> Optional[float]:
    """Returns the finite number that a text is, or None; 1_000, which Python reads, is none."""
    try:
        number = math.nan if "_" in text else float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
