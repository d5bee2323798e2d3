"""Counts in messages: "1 row", "2 rows"."""


def count(number: int, noun: str, plural: str = "") -> str:
    """Returns a number with its noun in the right form, such as "1 row" or "2 rows".

    Args:
      number: The number.
      noun: What is counted, in the singular.
      plural: The plural; if "", the noun with an "s".
    """
    return f"{number} {noun if number == 1 else plural or noun + 's'}"
