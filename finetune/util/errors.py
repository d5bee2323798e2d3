"""Errors that the user can fix: the scripts show each as one line, without a traceback."""

import contextlib
from typing import Iterator


class InputError(Exception):
    """A file, a flag or the data is wrong.

    The message says where (file and line), what was found, what was expected and what to do.
    """


class UsageError(InputError):
    """The flags contradict each other or ask for the impossible: the scripts exit with status 2."""


@contextlib.contextmanager
def value_errors_are_the_users() -> Iterator[None]:
    """Turns `ValueError` into `InputError`.

    For calls of `modeling` and `tokenization`: like Google's modules, which they replace, they know
    nothing of this package and raise `ValueError` where a file is wrong.
    """
    try:
        yield
    except ValueError as error:
        raise InputError(str(error)) from error
