"""Conversion in several processes gives what one gives, in order, and leaves nothing behind."""

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
        pytest.skip("no fork here")
    monkeypatch.setattr(parallel, "CHUNK_SIZE", 7)
    monkeypatch.setattr(parallel, "CHUNKS_ALONE", 2)
    monkeypatch.setattr(parallel, "count_processes", lambda: 2)


@pytest.fixture
def alone(monkeypatch):
    """Returns a function that has all done in this process from then on."""
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
def test_all_items_come_once_and_in_order_whoever_works_on_them(count):
    results = sum(in_chunks(with_process, iter(range(count))), [])
    assert [item for item, _ in results] == list(range(count))
    own = [process == os.getpid() for _, process in results]
    assert own == [item < 14 for item in range(count)]  # The first two chunks of seven


def test_both_processes_work():
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
    # Twenty chunks, and those that two processes have waiting: two each, and one more.
    assert len(read) <= 7 * (20 + 5)
    chunks.close()


def test_long_items_make_short_chunks(monkeypatch):
    monkeypatch.setattr(parallel, "CHUNK_CHARACTERS", 10)
    items = ["a" * 9, "b", "c" * 30, "d", "e", "f", "g", "h", "i", "j", "k" * 9]
    chunks = parallel.map_chunks(list, items, characters_of=len)
    assert list(chunks) == [items[:2], items[2:3], items[3:10], items[10:]]


def test_a_daemon_which_may_have_no_children_does_all_itself(monkeypatch):
    monkeypatch.undo()
    assert parallel.count_processes() >= 1
    monkeypatch.setattr(multiprocessing.current_process(), "_config", {"daemon": True})
    assert parallel.count_processes() == 1


@pytest.mark.parametrize("error", [NotImplementedError, FileNotFoundError])
def test_a_system_without_semaphores_does_all_in_one_process(monkeypatch, error):
    def refuse(*args, **kwargs):
        raise error("no semaphores")

    monkeypatch.setattr(parallel.concurrent.futures, "ProcessPoolExecutor", refuse)
    results = sum(in_chunks(with_process, range(100)), [])
    assert results == [(item, os.getpid()) for item in range(100)]


def test_a_fault_in_another_process_is_raised_as_it_is_and_ends_them():
    def refuse(chunk):
        if 70 in chunk:
            raise InputError("row 70: not a text")
        return chunk

    with pytest.raises(InputError, match="^row 70: not a text$"):
        list(in_chunks(refuse, range(7 * 1000)))
    assert multiprocessing.active_children() == []


def test_a_fault_in_reading_is_raised_as_it_is_and_ends_them():
    def items():
        yield from range(7 * 10)
        raise InputError("line 71: not UTF-8")

    with pytest.raises(InputError, match="^line 71: not UTF-8$"):
        list(in_chunks(len, items()))
    assert multiprocessing.active_children() == []


def test_a_killed_process_is_one_clear_line_not_a_hang():
    def die(chunk):
        if 70 in chunk:
            os.kill(os.getpid(), signal.SIGKILL)
        return chunk

    with pytest.raises(InputError, match="process that converts data was killed"):
        list(in_chunks(die, range(7 * 100)))
    assert multiprocessing.active_children() == []


def test_who_stops_taking_leaves_no_process_behind():
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
    for _ in range(parallel.CHUNKS_ALONE + 1):
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
    """Starts a process group of a parent with two children; yields it and them."""
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


def test_killing_the_parent_leaves_no_process_behind(parent):
    process, children = parent
    process.kill()
    process.wait()
    deadline = time.monotonic() + 10 * parallel._SECONDS_OF_ORPHANS
    while any(map(is_running, children)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(map(is_running, children))


def test_ctrl_c_is_answered_by_the_parent_alone(parent):
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
    names = ("texts", "answers", "lengths", "pieces", "unknown", "cut")
    values += [getattr(features.statistics, name) for name in names]
    return [value for value in values if isinstance(value, np.ndarray)]


@pytest.mark.parametrize("windows", [False, True])
def test_examples_become_the_same_features(tokenizer, alone, windows):
    several = encode(100, tokenizer, windows)
    alone()
    one = encode(100, tokenizer, windows)
    assert_same_arrays(several, one, count=4 + 6)
    assert several.num_truncated == one.num_truncated > 0
    rows = np.arange(100)
    np.testing.assert_array_equal(several.targets.batch(rows)["label_ids"], rows % 2)


def test_tagged_texts_become_the_same_features(tokenizer, alone):
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
    alone()
    one = encode()
    assert_same_arrays(several, one, count=7 + 6)


def test_a_wrong_label_is_refused_by_its_place(tokenizer):
    rows = examples(100)
    rows[83].label, rows[83].where = "2", "train.tsv:84"
    with pytest.raises(InputError, match="^train.tsv:84: "):
        encode_examples(iter(rows), targets=LabelIds(["0", "1"]), cut=Cut(12), tokenizer=tokenizer)
    assert multiprocessing.active_children() == []
