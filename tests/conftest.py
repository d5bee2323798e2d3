"""Fixtures for all tests. Importing this module does not import TensorFlow, which takes seconds."""

import importlib
import logging
import os
import signal
import sys

import hypothesis
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# A shell makes the programs that it starts in the background ignore Ctrl-C; some tests send it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Every run tries the same examples, so that a commit either passes or fails. To search for new
# ones: pytest --hypothesis-profile=explore
hypothesis.settings.register_profile("repeatable", derandomize=True)
hypothesis.settings.register_profile("explore", print_blob=True)
hypothesis.settings.load_profile("repeatable")

# Makes pytest show the values in failed asserts in tests/support too.
pytest.register_assert_rewrite("tests.support")

_make_record = logging.getLogRecordFactory()


def _make_sendable_record(*args, **kwargs):
    # A file name that is not UTF-8 contains lone surrogates, which pytest-xdist cannot send between
    # processes.
    record = _make_record(*args, **kwargs)
    record.msg = record.getMessage().encode("utf-8", "backslashreplace").decode("utf-8")
    record.args = None
    return record


logging.setLogRecordFactory(_make_sendable_record)


def pytest_collection_finish(session):
    """Configures TensorFlow if a collected test module has imported it."""
    if "tensorflow" in sys.modules:
        importlib.import_module("tests.support.tensorflow_v1")


@pytest.fixture(scope="module", autouse=True)
def no_drawing(request):
    """Leaves plots empty, except in tests that look at them: drawing takes a second per report."""
    looks = "reports" in request.path.parts or request.path.name == "test_documented_commands.py"
    if looks or "tensorflow" not in sys.modules:
        yield
        return
    plots = importlib.import_module("finetune.reports.plots")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plots, "_svg", lambda figure, name: "<svg></svg>")
        yield


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The folder of a random BERT with one layer, in Google's format."""
    from tests.support import tiny

    folder = tmp_path_factory.mktemp("model")
    tiny.write_google_model(folder, num_layers=1)
    return folder


@pytest.fixture(scope="module")
def vocab_file(tmp_path_factory):
    """The path of a file with the tokens of `tests.support.vocabulary`."""
    from tests.support.files import write
    from tests.support.vocabulary import VOCAB

    path = tmp_path_factory.mktemp("vocab") / "vocab.txt"
    return str(write(path, "".join(token + "\n" for token in VOCAB.split())))


@pytest.fixture(scope="module")
def lower_tokenizer(vocab_file):
    """A lower-casing tokenizer with that vocabulary."""
    from tokenization import FullTokenizer

    return FullTokenizer(vocab_file, do_lower_case=True)


@pytest.fixture(scope="module")
def cased_tokenizer(vocab_file):
    """A cased tokenizer with that vocabulary."""
    from tokenization import FullTokenizer

    return FullTokenizer(vocab_file, do_lower_case=False)


@pytest.fixture(scope="module")
def reviews(tmp_path_factory):
    """A folder with reviews and a random BERT of one layer; see `tests.support.reviews`."""
    from tests.support.reviews import make_folder

    return make_folder(tmp_path_factory.mktemp("reviews"), num_layers=1)


@pytest.fixture
def pipe():
    """Opens a pipe in an encoding; returns its path, and a function that writes to it."""
    from finetune.data.data_path import DataPath, StreamPath

    ends = []

    def opened(encoding="utf-8"):
        reader, writer = os.pipe()
        ends.append(writer)
        path = StreamPath.opened(DataPath.of(f"/dev/fd/{reader}", encoding))
        os.close(reader)  # The path has a handle of its own.
        return path, lambda text: os.write(writer, text.encode(encoding))

    yield opened
    for writer in ends:
        os.close(writer)
