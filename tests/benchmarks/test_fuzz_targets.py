"""The fuzzer's targets take their seeds and what is near them, and see what is wrong."""

import warnings

import numpy as np
import pytest

import rlcodec


@pytest.fixture(scope="module")
def targets(benchmark_module):
    """The targets as a module."""
    return benchmark_module("fuzz_targets")


@pytest.mark.parametrize("name", ["mnist", "photo", "compact", "collection", "inspect"])
def test_targets_take_their_seeds_and_what_is_left_of_them(targets, name):
    target = targets.TARGETS[name]
    seeds = sorted(target.seeds(), key=len)
    assert len(seeds) > 5
    for seed in seeds[:5]:
        for data in (seed, seed[: len(seed) // 2], seed[:3], b"", seed[:20] + bytes(8) + seed[20:]):
            targets.watch(target.run, data)


@pytest.mark.parametrize("preset", ["mnist", "photo", "compact"])
def test_inputs_stand_for_whole_and_cut_streams(targets, preset):
    stream = targets.streams(preset)[0]
    data = targets.input_of(stream)
    assert targets.stream_of(preset, data) == stream
    with pytest.warns(rlcodec.TruncatedStreamWarning):
        rlcodec.decode(targets.stream_of(preset, b"\x05" + data[1:]))


@pytest.mark.parametrize("kind", [0, 1, 2, 255])
def test_seeds_of_collections_are_collections(targets, kind, tmp_path):
    seed = next(seed for seed in targets.collection_seeds() if seed[0] == kind)
    path = tmp_path / "seed.rlcz"
    path.write_bytes(targets.collection_of(seed))
    with rlcodec.Collection(path) as collection:
        names, labels, pictures = collection.names, collection.labels, [item.pixels for item in collection]
    assert len(names) == len(pictures) > 5
    assert len(set(labels)) == len(labels) // 2
    first, second = pictures[: len(pictures) // 2], pictures[len(pictures) // 2 :]
    assert all(map(np.array_equal, first, second[::-1] if kind == targets.RAW else second))


def test_checksums_of_a_changed_collection_are_repaired(targets, tmp_path):
    whole = targets.collection_of(next(targets.collection_seeds()))
    assert targets.repaired(whole) == whole
    changed = bytearray(whole)
    changed[whole.index(targets.FOOTER_MAGIC) - 1] ^= 1  # the last byte of the first index
    assert targets.repaired(bytes(changed)) != bytes(changed)


def test_findings_are_seen(targets):
    def warn(data):
        warnings.warn("an overflow", RuntimeWarning, stacklevel=1)

    def report(data):
        targets.from_loops.append("IndexError (out of bounds)")

    def cut(data):
        warnings.warn("cut", rlcodec.TruncatedStreamWarning, stacklevel=1)
        raise rlcodec.DamagedStreamError("damaged")

    def fail(data):
        raise IndexError("of nobody's concern")

    targets.watch(cut, b"")
    for run, what in ((warn, "an overflow"), (report, "compiled loop")):
        with pytest.raises(targets.FindingError, match=what):
            targets.watch(run, b"")
    with pytest.raises(IndexError):
        targets.watch(fail, b"")


def test_slow_inputs_are_findings(targets, monkeypatch):
    monkeypatch.setattr(targets, "SLOW_SECONDS", 0.0)
    with pytest.raises(targets.FindingError, match="seconds"):
        targets.watch(lambda data: sum(range(100_000)), b"")
