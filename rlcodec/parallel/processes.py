"""Worker processes. They are spawned, so that threads and locks are not copied, and they end when their parent ends."""

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait


@contextmanager
def worker_pool(count: int) -> Iterator[ProcessPoolExecutor]:
    """A pool of `count` processes for a block of code.

    The processes end at once if an exception ends the block, or if the parent is killed; those of a plain pool finish what they
    have begun, or do not notice. Leave it to the pool to cancel futures, as `Executor.map` does not: the pool reports a future
    that was cancelled by others when its processes end.
    """
    context = get_context("spawn")
    stopped, stop = context.Pipe(duplex=False)
    with stopped, stop, ProcessPoolExecutor(count, context, _end_when, (stopped,)) as pool:
        try:
            yield pool
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)  # before processes end, which it would take for a failure
            stop.send(None)
            raise


def _end_when(stopped: Connection) -> None:
    """Ends this process, a worker, when something can be read from `stopped`, which no worker does, or its parent has ended."""
    parent = parent_process()
    if parent is None:
        return
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes of a terminal, and the parent ends the others

    def watch() -> None:
        wait([parent.sentinel, stopped])
        os._exit(1)

    threading.Thread(target=watch, name="end-with-parent", daemon=True).start()
