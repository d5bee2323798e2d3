"""Work on the items of a large data set in several processes: in order, a chunk at a time."""

import collections
import concurrent.futures
import itertools
import multiprocessing
import os
import signal
import threading
import time
from concurrent.futures.process import BrokenProcessPool
from typing import Callable, Iterable, Iterator, List, TypeVar

from finetune.util.errors import InputError

Item = TypeVar("Item")
Result = TypeVar("Result")

CHUNK_SIZE = 500  # Items that are sent to a process at once, at the most
CHUNK_CHARACTERS = 1 << 20  # A chunk that has as many, or more, is sent, however few items it has.
# The chunks that this process works on before it starts others: a small data set is done by then.
CHUNKS_ALONE = 20
MOST_PROCESSES = 8  # Reading, which one process does, keeps no more of them busy.
_WAITING = 2  # Chunks for each process that are sent, or done and not yet taken
_SECONDS_OF_ORPHANS = 1.0

_work: Callable  # Of a process that `_start_process` has set up


def map_chunks(
    work: Callable[[List[Item]], Result],
    items: Iterable[Item],
    characters_of: Callable[[Item], int],
) -> Iterator[Result]:
    """Yields `work` of each chunk of the items, in their order.

    Args:
      work: Run in processes forked from this one, on systems that can; its results are pickled.
        What it keeps is kept for each process by itself.
      items: Read here, no further ahead than keeps the processes busy.
      characters_of: How long an item is.

    Raises:
      InputError: A process was killed.
    """
    chunks = _chunks(items, characters_of)
    for chunk in itertools.islice(chunks, CHUNKS_ALONE):
        yield work(chunk)
    num_processes = count_processes()
    following = list(itertools.islice(chunks, 1))
    if following and num_processes > 1:
        yield from _map_in_processes(work, itertools.chain(following, chunks), num_processes)
    else:
        yield from map(work, itertools.chain(following, chunks))


def _chunks(items: Iterable[Item], characters_of: Callable[[Item], int]) -> Iterator[List[Item]]:
    chunk: List[Item] = []
    characters = 0
    for item in items:
        chunk.append(item)
        characters += characters_of(item)
        if len(chunk) >= CHUNK_SIZE or characters >= CHUNK_CHARACTERS:
            yield chunk
            chunk, characters = [], 0
    if chunk:
        yield chunk


def count_processes() -> int:
    """Returns how many processes to use: as many as this one may use cores, if it can fork any."""
    if "fork" not in multiprocessing.get_all_start_methods():
        return 1
    if multiprocessing.current_process().daemon:  # It may have no children.
        return 1
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # macOS
        cores = os.cpu_count() or 1
    return min(cores, MOST_PROCESSES)


def _map_in_processes(
    work: Callable[[List[Item]], Result], chunks: Iterable[List[Item]], num_processes: int
) -> Iterator[Result]:
    # Forked, and not started anew: that takes milliseconds, not the seconds of TensorFlow's import,
    # and what `work` needs is there. A forked process must not use TensorFlow, and does not.
    try:
        pool = concurrent.futures.ProcessPoolExecutor(
            num_processes,
            mp_context=multiprocessing.get_context("fork"),
            initializer=_start_process,
            initargs=(work, os.getpid()),
        )
    except (NotImplementedError, OSError):  # No semaphores, as where /dev/shm is missing
        yield from map(work, chunks)
        return
    waiting: collections.deque = collections.deque()
    try:
        for chunk in chunks:
            waiting.append(pool.submit(_do, chunk))
            if len(waiting) > _WAITING * num_processes:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool as error:
        raise InputError(
            "A process that converts data was killed, perhaps for want of memory; "
            "taskset -c 0 before the command has it do without such processes."
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _start_process(work: Callable, parent: int) -> None:
    global _work
    _work = work
    # Ctrl-C reaches all processes of a terminal; the parent is the one that answers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    """Ends this process soon after its parent, which may be killed and then ends nothing."""
    while os.getppid() == parent:
        time.sleep(_SECONDS_OF_ORPHANS)
    os._exit(1)


def _do(chunk: List[Item]) -> object:
    return _work(chunk)
