"""Damage, in short: `benchmarks/damage.py` does the same to every golden stream, and a million times over."""

from pathlib import Path

import numpy as np
import pytest

import rlcodec


@pytest.fixture(scope="module")
def damage(benchmark_module):
    """The benchmark as a module."""
    return benchmark_module("damage")


def stream(name: str) -> bytes:
    return (Path(__file__).parents[1] / "golden" / f"{name}.rlc").read_bytes()


@pytest.mark.parametrize("name", ["drawn-stopped", "scanned-lm", "photo-300-light-3", "compact-stopped"])
def test_every_prefix_is_said_to_be_cut(damage, name):
    _, counts, _, _ = damage.tally(("prefixes", stream(name)))
    assert set(counts) <= {"a picture, with a warning", "an exception of the package"}
    assert counts["a picture, with a warning"] > 10


@pytest.mark.parametrize("name", ["drawn-stopped", "scanned-lossless", "photo-300-light-3", "compact-stopped"])
def test_no_flipped_bit_goes_unnoticed(damage, name):
    data = stream(name)
    _, counts, _, _ = damage.tally(("flips", data))
    assert counts.total() == 8 * len(data)
    assert set(counts) <= {"a picture, with a warning", "an exception of the package"}


@pytest.mark.parametrize(("preset", "count"), [("mnist", 400), ("photo", 40), ("compact", 10)])
def test_mutations_end_in_pictures_or_in_exceptions_of_the_package(damage, preset, count):
    _, counts, _, slow = damage.tally(("mutations", preset, count, [1]))
    assert counts.total() == count
    assert not [what for what in counts if "CRASH" in what or "undetected" in what]
    assert slow == 0


@pytest.mark.parametrize(("preset", "count"), [("mnist", 200), ("photo", 20), ("compact", 5)])
def test_streams_of_any_size_and_payload_end_in_pictures_or_in_exceptions_of_the_package(damage, preset, count):
    _, counts, _, slow = damage.tally(("built by hypothesis", preset, count, [1]))
    assert counts.total() >= count
    assert not [what for what in counts if "CRASH" in what]
    assert any("picture" in what for what in counts)
    assert slow == 0


@pytest.mark.parametrize("name", ["scanned-lossless", "drawn-stopped-lm", "odd-all"])
def test_a_cut_digit_keeps_the_rows_before_the_cut(name):
    data = stream(name)
    whole = np.asarray(rlcodec.decode(data))
    for length in range(12, len(data), 5):
        with pytest.warns(rlcodec.TruncatedStreamWarning):
            shown = np.asarray(rlcodec.decode(data[:length]))
        rows = sum(s.segment.kind == "pixels" and s.complete for s in rlcodec.inspect(data[:length]).segments)
        assert np.array_equal(shown[:rows], whole[:rows])
