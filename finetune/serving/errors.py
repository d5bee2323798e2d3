"""Errors that a client of the server gets as a status and a JSON body."""


class RestError(Exception):
    """A request that cannot be answered.

    Attributes:
      status: The HTTP status.
    """

    def __init__(self, status: int, message: str):
        """Creates the error.

        Args:
          status: The HTTP status.
          message: What TensorFlow Serving says in this case, if it has the case.
        """
        super().__init__(message)
        self.status = status


def bad_request(message: str) -> RestError:
    """Returns the error for a request that is wrong."""
    return RestError(400, message)
