"""Backends: every item's result comes back, whichever way the work is spread, and what goes wrong is said."""

import numpy as np
import pytest

from rlcodec.errors import DataError, OptionError
from rlcodec.parallel.backends import in_order, map_items
from rlcodec.parallel.options import MapOptions


@pytest.fixture(autouse=True)
def importable(monkeypatch, pytestconfig):
    """Processes that are spawned import this module by name."""
    monkeypatch.syspath_prepend(pytestconfig.rootpath)


class Adds:
    """Adds a number to items; files' names are put behind them."""

    def __init__(self, number):
        self.number = number

    def __call__(self, group):
        return [
            f"{entry[0] + self.number} {entry[1].name}" if isinstance(entry, tuple) else entry + self.number for entry in group
        ]


class Refuses:
    """Takes all items but 5."""

    def __call__(self, group):
        if 5 in group:
            raise DataError("five")
        return group


WAYS = [
    MapOptions(workers=1),
    MapOptions(workers=2),
    MapOptions(workers=2, use_threads=True),
    MapOptions(workers=2, group_size=3),
    MapOptions(group_size=100),
]


@pytest.mark.parametrize("options", WAYS)
def test_every_item_comes_back(options):
    found = list(map_items(Adds, (100,), range(10), options))
    assert sorted(found) == [(n, n + 100) for n in range(10)]
    assert list(in_order(iter(found))) == list(range(100, 110))


def test_files_come_with_their_items(tmp_path):
    files = [tmp_path / str(n) for n in range(4)]
    assert list(in_order(map_items(Adds, (1,), range(4), MapOptions(workers=1), files=files))) == ["1 0", "2 1", "3 2", "4 3"]


@pytest.mark.parametrize("options", WAYS)
def test_what_a_worker_raises_is_raised(options):
    with pytest.raises(DataError, match="five"):
        list(map_items(Refuses, (), range(10), options))


def test_nothing_to_do_and_nonsense():
    assert list(map_items(Adds, (1,), [])) == []
    with pytest.raises(OptionError, match="local, ray"):
        list(map_items(Adds, (1,), range(3), MapOptions("spark")))
    with pytest.raises(OptionError, match="workers"):
        list(map_items(Adds, (1,), range(3), MapOptions(workers=0)))


def test_results_come_in_order_however_they_arrive():
    order = np.random.default_rng(0).permutation(20).tolist()
    assert list(in_order((n, str(n)) for n in order)) == list(map(str, range(20)))
