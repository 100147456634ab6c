"""Worker processes. They are spawned, so that threads and locks are not copied, and they end when their parent ends."""

import os
import threading
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import connection, get_context, parent_process


def worker_pool(count: int) -> ProcessPoolExecutor:
    """A pool of `count` processes that also end if the parent is killed, which those of a plain pool do not notice."""
    return ProcessPoolExecutor(count, mp_context=get_context("spawn"), initializer=_end_with_parent)


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is None:
        return

    def wait() -> None:
        connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=wait, name="end-with-parent", daemon=True).start()
