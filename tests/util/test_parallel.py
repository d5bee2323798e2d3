"""Several processes yield the same results as one, in order, and end afterwards."""

import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

from finetune.data.truncation import Cut
from finetune.tasks.classification.features import encode_examples
from finetune.tasks.classification.targets import LabelIds
from finetune.tasks.tagging.features import encode_texts
from finetune.tasks.tagging.tagged_text import TaggedText
from finetune.util import parallel
from finetune.util.errors import InputError
from processors import InputExample
from tests.support import ROOT
from tokenization import FullTokenizer

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "good", "bad", "film", "##s", "the", "a"]


@pytest.fixture(autouse=True)
def two_processes(monkeypatch):
    if "fork" not in multiprocessing.get_all_start_methods():
        pytest.skip("this system cannot fork")
    monkeypatch.setattr(parallel, "CHUNK_SIZE", 7)
    monkeypatch.setattr(parallel, "NUM_LOCAL_CHUNKS", 2)
    monkeypatch.setattr(parallel, "count_processes", lambda: 2)


@pytest.fixture
def use_one_process(monkeypatch):
    """Returns a function that, once called, keeps all work in this process."""
    return lambda: monkeypatch.setattr(parallel, "count_processes", lambda: 1)


@pytest.fixture
def tokenizer(tmp_path):
    (tmp_path / "vocab.txt").write_text("\n".join(WORDS) + "\n", encoding="utf-8")
    return FullTokenizer(str(tmp_path / "vocab.txt"), do_lower_case=True)


def in_chunks(work, items):
    return parallel.map_chunks(work, items, characters_of=lambda item: 1)


def with_process(chunk):
    return [(item, os.getpid()) for item in chunk]


@pytest.mark.parametrize("count", [0, 1, 7, 14, 15, 21, 100])
def test_results_are_in_order_and_the_first_chunks_are_local(count):
    results = sum(in_chunks(with_process, iter(range(count))), [])
    assert [item for item, _ in results] == list(range(count))
    own = [process == os.getpid() for _, process in results]
    assert own == [item < 14 for item in range(count)]  # The first two chunks of seven


def test_both_processes_are_used():
    def slowly(chunk):
        time.sleep(0.05)
        return with_process(chunk)

    results = sum(in_chunks(slowly, range(7 * 12)), [])
    assert len({process for _, process in results}) == 3


def test_items_are_not_read_far_ahead():
    read = []
    chunks = in_chunks(len, (read.append(i) for i in range(7 * 1000)))
    for _ in range(20):
        next(chunks)
    # Twenty chunks, two pending chunks for each of the two processes, and one more.
    assert len(read) <= 7 * (20 + 5)
    chunks.close()


def test_chunks_of_long_items_are_short(monkeypatch):
    monkeypatch.setattr(parallel, "CHUNK_CHARACTERS", 10)
    items = ["a" * 9, "b", "c" * 30, "d", "e", "f", "g", "h", "i", "j", "k" * 9]
    chunks = parallel.map_chunks(list, items, characters_of=len)
    assert list(chunks) == [items[:2], items[2:3], items[3:10], items[10:]]


def test_a_daemon_process_uses_one_process(monkeypatch):
    monkeypatch.undo()
    assert parallel.count_processes() >= 1
    monkeypatch.setattr(multiprocessing.current_process(), "_config", {"daemon": True})
    assert parallel.count_processes() == 1


@pytest.mark.parametrize("error", [NotImplementedError, FileNotFoundError])
def test_a_system_without_semaphores_uses_one_process(monkeypatch, error):
    def reject(*args, **kwargs):
        raise error("no semaphores")

    monkeypatch.setattr(parallel.concurrent.futures, "ProcessPoolExecutor", reject)
    results = sum(in_chunks(with_process, range(100)), [])
    assert results == [(item, os.getpid()) for item in range(100)]


def test_an_error_in_another_process_is_raised_unchanged():
    def reject(chunk):
        if 70 in chunk:
            raise InputError("row 70: not a text")
        return chunk

    with pytest.raises(InputError, match="^row 70: not a text$"):
        list(in_chunks(reject, range(7 * 1000)))
    assert multiprocessing.active_children() == []


def test_an_error_in_reading_is_raised_unchanged():
    def items():
        yield from range(7 * 10)
        raise InputError("line 71: not UTF-8")

    with pytest.raises(InputError, match="^line 71: not UTF-8$"):
        list(in_chunks(len, items()))
    assert multiprocessing.active_children() == []


def test_a_killed_process_raises_an_input_error():
    def die(chunk):
        if 70 in chunk:
            os.kill(os.getpid(), signal.SIGKILL)
        return chunk

    with pytest.raises(InputError, match="process that converts data was killed"):
        list(in_chunks(die, range(7 * 100)))
    assert multiprocessing.active_children() == []


def test_closing_the_iterator_ends_the_processes():
    chunks = in_chunks(len, range(7 * 1000))
    for _ in range(5):
        next(chunks)
    assert len(multiprocessing.active_children()) == 2
    chunks.close()
    assert multiprocessing.active_children() == []


PROGRAM = textwrap.dedent("""
    import itertools, multiprocessing, time
    from finetune.util import parallel
    parallel.count_processes = lambda: 2
    chunks = parallel.map_chunks(len, itertools.count(), lambda item: 1)
    for _ in range(parallel.NUM_LOCAL_CHUNKS + 1):
        next(chunks)
    try:
        print(*(child.pid for child in multiprocessing.active_children()), flush=True)
        for _ in chunks:
            time.sleep(0.1)
    except KeyboardInterrupt:
        chunks.close()
        print("interrupted", flush=True)
""")


@pytest.fixture
def parent():
    """Starts a process with two children in a new process group; yields all three."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    children = [int(pid) for pid in process.stdout.readline().split()]
    assert len(children) == 2
    yield process, children
    process.kill()
    process.communicate()


def test_killing_the_parent_ends_its_children(parent):
    process, children = parent
    process.kill()
    process.wait()
    deadline = time.monotonic() + 10 * parallel._PARENT_POLL_SECONDS
    while any(map(is_running, children)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(map(is_running, children))


def test_only_the_parent_handles_ctrl_c(parent):
    process, children = parent
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (out, err) == ("interrupted\n", "")
    assert not any(map(is_running, children))


def is_running(process):
    try:
        os.kill(process, 0)
        state = Path(f"/proc/{process}/stat")
        return not state.exists() or state.read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def examples(count):
    texts = ["good film", "the bad films", "a", "", "GOOD a the film unheard", "bad " * 20]
    return [
        InputExample(f"{i}", texts[i % len(texts)], texts[i % 5] if i % 3 else None, "01"[i % 2])
        for i in range(count)
    ]


def encode(count, tokenizer, windows):
    cut = Cut(12, windows=windows, doc_stride=5, max_windows=3)
    return encode_examples(
        iter(examples(count)),
        targets=LabelIds(["0", "1"]),
        cut=cut,
        tokenizer=tokenizer,
        clean_steps=("links",),
    )


def assert_same_arrays(features, others, count):
    pairs = list(zip(arrays_of(features), arrays_of(others)))
    assert len(pairs) == count
    for array, other in pairs:
        np.testing.assert_array_equal(array, other)
        assert array.dtype == other.dtype


def arrays_of(features):
    values = [getattr(features, name) for name in features.__dataclass_fields__]
    names = ("texts", "labels", "lengths", "pieces", "unknown", "cut")
    values += [getattr(features.statistics, name) for name in names]
    return [value for value in values if isinstance(value, np.ndarray)]


@pytest.mark.parametrize("windows", [False, True])
def test_several_processes_encode_examples_like_one(tokenizer, use_one_process, windows):
    several = encode(100, tokenizer, windows)
    use_one_process()
    one = encode(100, tokenizer, windows)
    assert_same_arrays(several, one, count=4 + 6)
    assert several.num_truncated == one.num_truncated > 0
    rows = np.arange(100)
    np.testing.assert_array_equal(several.targets.batch(rows)["label_ids"], rows % 2)


def test_several_processes_encode_tagged_texts_like_one(tokenizer, use_one_process):
    texts = [
        TaggedText.from_words(f"{i}", ["good", "films", "unheard"][: 1 + i % 3] * 5, None, f"f:{i}")
        for i in range(100)
    ]
    for text in texts:
        text.tags = ["O"] * len(text.words)

    def encode():
        return encode_texts(
            texts, labels=["O"], max_seq_length=8, doc_stride=3, tokenizer=tokenizer
        )

    several = encode()
    use_one_process()
    one = encode()
    assert_same_arrays(several, one, count=7 + 6)


def test_an_unknown_label_raises_an_error_with_its_place(tokenizer):
    rows = examples(100)
    rows[83].label, rows[83].where = "2", "train.tsv:84"
    with pytest.raises(InputError, match="^train.tsv:84: "):
        encode_examples(iter(rows), targets=LabelIds(["0", "1"]), cut=Cut(12), tokenizer=tokenizer)
    assert multiprocessing.active_children() == []
