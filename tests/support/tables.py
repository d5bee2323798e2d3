"""Rows of tables, for tests of the rules that find columns."""

DATA = ("a good film|pos", "a bad film|neg", "not for me|neg", "nice|pos")


def rows_of(*rows):
    """Makes rows, numbered from line 3, from cells separated by "|"."""
    return [(number, row.split("|")) for number, row in enumerate(rows, start=3)]
