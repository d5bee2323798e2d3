"""User errors: their hierarchy, and the conversion of other errors."""

import pytest

from finetune.util.errors import InputError, UsageError, as_input_errors


class FileError(ValueError):
    """An error that a module raises if a file is wrong."""


def test_error_of_a_named_class_becomes_an_input_error_with_its_message():
    cause = FileError("vocab.txt: 2 tokens")
    with pytest.raises(InputError, match=r"^vocab\.txt: 2 tokens$") as caught:
        with as_input_errors(KeyError, FileError):
            raise cause
    assert caught.value.__cause__ is cause
    assert not isinstance(caught.value, UsageError)


@pytest.mark.parametrize("error", [ValueError("a"), OSError("b"), UsageError("c")])
def test_other_errors_are_unchanged(error):
    with pytest.raises(type(error)) as caught:
        with as_input_errors(KeyError, FileError):
            raise error
    assert caught.value is error


def test_a_usage_error_is_an_input_error():
    assert issubclass(UsageError, InputError)
    assert not issubclass(InputError, ValueError)
