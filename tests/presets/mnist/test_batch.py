"""Digits coded many at a time: the streams that others read, and the images that others get from them."""

import threading

import numpy as np
import pytest

import rlcodec
from rlcodec.core.container import pack, unpack
from rlcodec.core.segment_choice import TIERS
from rlcodec.errors import ModelError
from rlcodec.presets.mnist._batch import BatchWorkspace, check_rendering
from rlcodec.presets.mnist.batch import DigitCoder
from rlcodec.presets.mnist.bilevel.context import SourceTables, source_state
from rlcodec.presets.mnist.bilevel.geometry import all_grids
from rlcodec.presets.mnist.format import MNIST
from rlcodec.presets.mnist.installed import installed_weights
from rlcodec.presets.mnist.rows import row_coder


@pytest.fixture(scope="module")
def mixed(digits, ring, rendered):
    """Digits with a bilevel source and without, one after another, a blank image and a full one."""
    with_source = [
        rendered(ring(side), top, left) for side, top, left in ((22, 4, 4), (31, 0, 8), (40, 3, 5), (53, 8, 1), (71, 4, 4))
    ]
    pairs = [image for pair in zip(with_source, digits[:5], strict=True) for image in pair]
    noise = np.random.default_rng(0).integers(0, 256, (28, 28))
    return np.stack([*pairs, np.zeros((28, 28)), np.full((28, 28), 255), noise, *pairs[:2]]).astype(np.uint8)


def as_stream(payload, shape=(28, 28)):
    return pack(MNIST, installed_weights().fingerprint, *shape, 0, payload)


@pytest.mark.parametrize("tier", range(len(TIERS)))
def test_streams_are_exact_and_like_any_other(mixed, tier):
    """The decoder of single streams, which shares no working space, reads them; so does that of many."""
    coder = DigitCoder(installed_weights(), 28, 28)
    payloads = coder.encode(mixed, tier)
    for payload, image in zip(payloads, mixed, strict=True):
        assert np.array_equal(np.asarray(rlcodec.decode(as_stream(payload))), image)
    assert all(np.array_equal(found, image) for found, image in zip(coder.decode(payloads), mixed, strict=True))
    assert coder.encode(mixed, tier) == payloads


def test_sources_are_found(mixed):
    """The same streams as one by one where a narrow beam finds the cheapest scan, as it does of plain rings."""
    payloads = DigitCoder(installed_weights(), 28, 28).encode(mixed, 0)
    for payload, image in zip(payloads, mixed, strict=True):
        alone = rlcodec.encode(image, tier="table")
        assert rlcodec.inspect(as_stream(payload)).details == rlcodec.inspect(alone).details
        assert len(as_stream(payload)) <= 1.1 * len(alone)


def test_other_sizes_and_streams_that_stop(digits):
    wide = digits[:3, 4:24]
    coder = DigitCoder(installed_weights(), 20, 28)
    assert all(np.array_equal(a, b) for a, b in zip(coder.decode(coder.encode(wide, 1)), wide, strict=True))
    stopped = unpack(rlcodec.encode(wide[0], rows=5)).payload.tobytes()
    assert coder.decode([stopped, *coder.encode(wide[1:2], 1)])[0] is None


def test_threads_share_a_coder(mixed):
    coder = DigitCoder(installed_weights(), 28, 28)
    expected = coder.encode(mixed, 1)
    wrong = []

    def work():
        for _ in range(3):
            found = coder.encode(mixed, 1)
            if found != expected or not np.array_equal(np.stack(coder.decode(found)), mixed):
                wrong.append(found)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_weights_that_render_otherwise_are_refused():
    """A search for sources and a decoder render alike, or streams would not be exact."""
    tables = installed_weights().source_tables
    check_rendering(tables, all_grids())
    arrays = {name: np.array(getattr(tables, name)) for name in tables.stored}
    arrays["areas"][7, 3, 0] += 1
    with pytest.raises(ModelError, match="render"):
        check_rendering(SourceTables(**arrays), all_grids())


def test_sizes_and_lengths_are_checked():
    workspace = BatchWorkspace(row_coder(installed_weights(), np.zeros((28, 28), np.uint8), source_state()))
    with pytest.raises(ValueError, match="another size"):
        workspace.decode(b"", np.zeros(1, np.int64), np.zeros((1, 28, 20), np.uint8))
    with pytest.raises(ValueError, match="payloads"):
        workspace.decode(b"abc", np.full(1, 4), np.zeros((1, 28, 28), np.uint8))


def test_no_images_have_no_payloads():
    coder = DigitCoder(installed_weights(), 28, 28)
    assert coder.encode(np.zeros((0, 28, 28), np.uint8), 0) == []
    assert coder.decode([]) == []
