"""Process the items of a large data set in several processes, chunk by chunk and in order."""

import collections
import concurrent.futures
import itertools
import multiprocessing
import os
import signal
import threading
import time
from concurrent.futures.process import BrokenProcessPool
from typing import Callable, Deque, Iterable, Iterator, List, TypeVar

from finetune.util.errors import InputError

Item = TypeVar("Item")
Result = TypeVar("Result")

CHUNK_SIZE = 500  # Maximum number of items in a chunk
CHUNK_CHARACTERS = 1 << 20  # A chunk that reaches this length is sent, however few items it has.
# This process handles the first chunks, so that a small data set starts no other processes.
NUM_LOCAL_CHUNKS = 20
MAX_PROCESSES = 8  # One process reads the data; it cannot keep more than this busy.
_MAX_PENDING_CHUNKS = 2  # Per process: chunks sent whose results have not been taken yet
_PARENT_POLL_SECONDS = 1.0

_work: Callable[[list], object]  # Set by `_start_process` in each process of the pool


def map_chunks(
    work: Callable[[List[Item]], Result],
    items: Iterable[Item],
    characters_of: Callable[[Item], int],
    *,
    may_fork: bool = True,
) -> Iterator[Result]:
    """Yields the result of `work` for each chunk of the items, in their order.

    Args:
      work: Processes a chunk. It runs in forked processes if the system supports them, so its
        calls share no state, and its results are pickled.
      items: The items. This process reads them, only far enough ahead to keep the others busy.
      characters_of: Returns the length of an item.
      may_fork: Whether other processes may be started. TensorFlow's sessions do not survive that.

    Raises:
      InputError: A process was killed.
    """
    chunks = _chunks(items, characters_of)
    for chunk in itertools.islice(chunks, NUM_LOCAL_CHUNKS):
        yield work(chunk)
    num_processes = count_processes() if may_fork else 1
    next_chunk = list(itertools.islice(chunks, 1))
    if next_chunk and num_processes > 1:
        yield from _map_in_processes(work, itertools.chain(next_chunk, chunks), num_processes)
    else:
        yield from map(work, itertools.chain(next_chunk, chunks))


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
    """Returns the number of processes to use: one per available core, up to `MAX_PROCESSES`.

    Returns 1 if this process cannot fork.
    """
    if "fork" not in multiprocessing.get_all_start_methods():
        return 1
    if multiprocessing.current_process().daemon:  # Daemonic processes cannot have children.
        return 1
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # macOS
        cores = os.cpu_count() or 1
    return min(cores, MAX_PROCESSES)


def _map_in_processes(
    work: Callable[[List[Item]], Result], chunks: Iterable[List[Item]], num_processes: int
) -> Iterator[Result]:
    # Forking takes milliseconds and copies everything that `work` needs; a new process would spend
    # seconds importing TensorFlow. `work` must not use TensorFlow, which does not survive a fork.
    try:
        pool = concurrent.futures.ProcessPoolExecutor(
            num_processes,
            mp_context=multiprocessing.get_context("fork"),
            initializer=_start_process,
            initargs=(work, os.getpid()),
        )
    except (NotImplementedError, OSError):  # No semaphores, for example because /dev/shm is missing
        yield from map(work, chunks)
        return
    pending: Deque[concurrent.futures.Future] = collections.deque()
    try:
        for chunk in chunks:
            pending.append(pool.submit(_process_chunk, chunk))
            if len(pending) > _MAX_PENDING_CHUNKS * num_processes:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    except BrokenProcessPool as error:
        raise InputError(
            "A process that converts data was killed, perhaps because memory ran out. To convert "
            "in a single process, put `taskset -c 0` before the command."
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _start_process(work: Callable[[list], object], parent: int) -> None:
    global _work
    _work = work
    # Ctrl-C reaches every process on the terminal; only the parent handles it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    threading.Thread(target=_exit_with_parent, args=(parent,), daemon=True).start()


def _exit_with_parent(parent: int) -> None:
    """Exits soon after the parent process ends: a killed parent cannot stop this process."""
    while os.getppid() == parent:
        time.sleep(_PARENT_POLL_SECONDS)
    os._exit(1)


def _process_chunk(chunk: list) -> object:
    return _work(chunk)
