"""Errors that the user can fix: the scripts show each as one line, without a traceback."""

import contextlib
from typing import Iterator, Type


class InputError(Exception):
    """A file, a flag or the data is wrong.

    The message says where (file and line), what was found, what was expected and what to do.

    Attributes:
      status: The exit status of a script that reports it.
    """

    status = 1


class UsageError(InputError):
    """The flags contradict each other or ask for the impossible: the scripts exit with status 2."""

    status = 2


class HelperError(Exception):
    """The toolkit failed when a user's class called it: the call may be wrong, or the toolkit.

    The scripts show the message and the traceback.
    """


# How the scripts introduce the traceback of any other error.
BUG = (
    "internal error. This is a bug in the toolkit, not in your data or flags: please report it "
    "with the traceback below."
)


@contextlib.contextmanager
def as_input_errors(*kinds: Type[Exception]) -> Iterator[None]:
    """Turns errors of certain classes into `InputError`.

    Use this around calls to `modeling` and `tokenization`. Like the Google modules that they
    replace, these do not import this package, so they raise errors of their own if a file is
    wrong. Pass only the classes of such errors: an error of any other class is a bug.

    Args:
      kinds: The classes.
    """
    try:
        yield
    except kinds as error:
        raise InputError(str(error)) from error
