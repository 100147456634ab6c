"""Many at once through one codec: threads, and processes that are forked or spawned after coding has begun."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest
from sklearn.datasets import load_sample_image

import rlcodec


def code(number: int) -> tuple[int, ...]:
    """Sizes and sums of what every preset makes of a picture or a digit."""
    picture = np.ascontiguousarray(load_sample_image("china.jpg")[:96, 10 * number : 10 * number + 80])
    digit = np.zeros((28, 28), np.uint8)
    digit[8:20, 13 : 15 + number] = 255
    streams = [
        rlcodec.encode(picture, preset="photo", objective="small"),
        rlcodec.encode(picture, preset="photo", gain=200, synthesis="full"),
        rlcodec.encode(picture, preset="compact"),
        rlcodec.encode(digit, objective="small"),
        *rlcodec.encode_many([digit, digit], tier="lm"),
    ]
    return tuple(value for data in streams for value in (len(data), int(np.asarray(rlcodec.decode(data)).sum())))


def test_threads_do_not_disturb_each_other():
    alone = [code(number) for number in range(4)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(code, [*range(4)] * 3)) == alone * 3


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_processes_that_begin_later_code_alike(method, monkeypatch, pytestconfig):
    monkeypatch.syspath_prepend(pytestconfig.rootpath)  # a spawned process imports this module by name
    alone = code(1)
    with ProcessPoolExecutor(1, multiprocessing.get_context(method)) as pool:
        assert list(pool.map(code, [1, 1], timeout=90)) == [alone, alone]
