"""Collections: what goes in comes out, by any way of reading; cuts and damage cost what they hit; lies are refused."""

import binascii
import pickle
import struct
import threading
import warnings
import zlib

import numpy as np
import pytest

import rlcodec
from rlcodec.archive import writer as collection_writer
from rlcodec.archive.format import COLUMNS, FOOTER_BYTES, HEADER_BYTES, MAX_SECTION_IMAGES, Entry, Section, pack_section
from rlcodec.errors import DamagedStreamError, OptionError, OutputError, StreamError, TruncatedStreamWarning, UnknownModelError

IMAGES = 7


@pytest.fixture(scope="module")
def streams(digits):
    return [rlcodec.encode(digit, preset="mnist", lossless=True) for digit in digits[:IMAGES]]


def name_of(number):
    return f"digits/{number}.png"


def write(path, streams, start=0, **options):
    with rlcodec.CollectionWriter(path, **options) as writer:
        for number, stream in enumerate(streams, start):
            writer.add(stream, name_of(number), None if number == 3 else number % 10)
    return path


@pytest.fixture
def small_sections(monkeypatch):
    """Sections of two images, so that a few images make several."""
    monkeypatch.setattr(collection_writer, "SECTION_IMAGES", 2)


@pytest.fixture
def path(tmp_path, streams, small_sections):
    return write(tmp_path / "set.rlcz", streams)


def opened(path):
    """A collection, whatever is said about its end."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TruncatedStreamWarning)
        return rlcodec.Collection(path)


def test_what_goes_in_comes_out(path, digits, streams):
    collection = rlcodec.Collection(path)
    assert len(collection) == IMAGES
    assert collection.names == tuple(map(name_of, range(IMAGES)))
    assert collection.labels == (0, 1, 2, None, 4, 5, 6)
    assert (collection.preset, collection.digest) == ("mnist", rlcodec.inspect(streams[0]).model_digest)
    for number in (5, 0, -1, 3):
        item = collection[number]
        assert np.array_equal(item.pixels, digits[number % IMAGES])
        assert np.array_equal(np.asarray(item.image), item.pixels)
        assert item.name == name_of(number % IMAGES)
        assert collection.stream(number) == streams[number]
    assert [item.label for item in collection] == list(collection.labels)
    assert [item.name for item in collection[4:1:-2]] == [name_of(4), name_of(2)]
    for number in (IMAGES, -IMAGES - 1):
        with pytest.raises(IndexError):
            collection[number]


def test_the_bytes_are_as_specified(tmp_path, streams):
    """A reader written from docs/collection.md alone finds everything."""
    data = write(tmp_path / "set.rlcz", streams[:2]).read_bytes()
    assert data[:6] == b"\xb1RCZ\x01\x01"
    assert data[6:38].hex() == rlcodec.inspect(streams[0]).model_digest
    assert data[38:42] == zlib.crc32(data[:38]).to_bytes(4, "little")
    magic, first, start, data_bytes, count, index_bytes, raw_bytes, index_check, check = struct.unpack("<4s3Q5I", data[-48:])
    assert (magic, first, start, count) == (b"\xb1RCF", 0, 42, 2)
    assert check == zlib.crc32(data[-48:-4])
    assert start + data_bytes + index_bytes + 48 == len(data)
    packed = data[start + data_bytes : start + data_bytes + index_bytes]
    raw = zlib.decompress(packed)
    assert (zlib.crc32(packed), len(raw)) == (index_check, raw_bytes)
    lengths, checks = struct.unpack_from("<2I", raw), struct.unpack_from("<2H", raw, 8)
    payloads = [data[42 : 42 + lengths[0]], data[42 + lengths[0] : 42 + sum(lengths)]]
    assert all(stream.endswith(payload) for stream, payload in zip(streams, payloads, strict=False))
    assert checks == tuple(binascii.crc_hqx(payload, 0) for payload in payloads)
    heights, widths, budgets = raw[12:16], raw[16:20], raw[20:28]
    assert (heights, widths, budgets) == (b"\x1b\0" * 2, b"\x1b\0" * 2, bytes(8))
    assert struct.unpack_from("<2i", raw, 28) == (0, 1)
    shared, own, names = raw[36:38], raw[38:40], raw[40:]
    assert (tuple(shared), tuple(own), names) == ((0, 7), (12, 5), b"digits/0.png" + b"1.png")


def test_sizes_and_settings_may_differ(tmp_path, digits):
    wide = np.ascontiguousarray(digits[0][:20])
    settings = ({"lossless": True}, {"tier": "lm"}, {"bit_budget": 98, "rows": 3}, {"objective": "small"})
    coded = [rlcodec.encode(image, preset="mnist", **options) for image in (digits[0], wide) for options in settings]
    collection = rlcodec.Collection(write(tmp_path / "set.rlcz", coded))
    for number, stream in enumerate(coded):
        assert collection.stream(number) == stream
        assert np.array_equal(collection[number].pixels, np.asarray(rlcodec.decode(stream)))


def test_reading_many_in_any_order(tmp_path, digits, small_sections):
    """Sizes, settings and sections mixed, twice the same, from the end, by a generator: as one by one."""
    settings = ({"lossless": True}, {"tier": "table"}, {"rows": 5}, {"bit_budget": 98, "rows": 28})
    coded = [rlcodec.encode(digits[n][: 28 - n % 3], preset="mnist", **settings[n % 4]) for n in range(IMAGES)]
    collection = rlcodec.Collection(write(tmp_path / "set.rlcz", coded))
    order = [6, 0, 1, 2, 2, -1, 5, 4, 3]
    for found, number in zip(collection.read(n for n in order), order, strict=True):
        assert np.array_equal(found.pixels, np.asarray(rlcodec.decode(coded[number])))
        assert (found.name, found.label) == (collection[number].name, collection[number].label)
    with pytest.raises(IndexError):
        list(collection.read([0, IMAGES]))


def test_what_is_read_before_a_damaged_image_comes_out(path, digits):
    data = bytearray(path.read_bytes())
    collection = rlcodec.Collection(path)
    place = data.index(collection.entry(5).payload)
    data[place] ^= 1
    path.write_bytes(data)
    reading = rlcodec.Collection(path).read([6, 0, 5, 1])
    assert np.array_equal(next(reading).pixels, digits[6])
    assert np.array_equal(next(reading).pixels, digits[0])
    with pytest.raises(DamagedStreamError, match=r"image 5, digits/5\.png"):
        next(reading)


def test_photographs(tmp_path, pictures):
    coded = [rlcodec.encode(picture, preset="photo", gain=300) for picture in (*pictures, pictures[0][..., 0])]
    collection = rlcodec.Collection(write(tmp_path / "set.rlcz", coded, preset="photo"))
    for number, stream in enumerate(coded):
        assert np.array_equal(collection[number].pixels, np.asarray(rlcodec.decode(stream)))
    assert collection[-1].pixels.ndim == 2
    with pytest.raises(rlcodec.TooLargeError):
        rlcodec.Collection(tmp_path / "set.rlcz", max_pixels=100)[0]


def test_appending(path, streams, digits):
    before = path.read_bytes()
    write(path, streams, IMAGES, append=True)
    assert path.read_bytes().startswith(before)
    collection = rlcodec.Collection(path)
    assert collection.names == tuple(map(name_of, range(2 * IMAGES)))
    assert np.array_equal(collection[IMAGES + 2].pixels, digits[2])


def test_a_pack_cut_at_any_byte_can_be_gone_on_with(tmp_path, path, streams):
    """The file of a run that was killed is some prefix of the whole one; what comes of it in the end is the same."""
    whole, partial = path.read_bytes(), tmp_path / "other.rlcz.partial"
    for length in {0, 1, HEADER_BYTES - 1, HEADER_BYTES, *range(HEADER_BYTES + 1, len(whole), 29), len(whole) - 1, len(whole)}:
        partial.write_bytes(whole[:length])
        with rlcodec.CollectionWriter(tmp_path / "other.rlcz", resume=True) as writer:
            assert len(writer) % 2 == 0 or len(writer) == IMAGES
            for number in range(len(writer), IMAGES):
                writer.add(streams[number], name_of(number), None if number == 3 else number)
        assert (tmp_path / "other.rlcz").read_bytes() == whole
        assert not partial.exists()


def test_an_append_cut_at_any_byte_leaves_the_collection_as_it_was(tmp_path, path, streams):
    before = len(path.read_bytes())
    write(path, streams[:2], IMAGES, append=True)
    whole = path.read_bytes()
    for length in range(before, len(whole) + 1):
        path.write_bytes(whole[:length])
        if before < length < len(whole):
            with pytest.warns(TruncatedStreamWarning, match=f"{length - before} bytes behind the last whole section"):
                collection = rlcodec.Collection(path)
        else:
            collection = rlcodec.Collection(path)
        assert len(collection) == (IMAGES + 2 if length == len(whole) else IMAGES)
        assert collection[IMAGES - 1].name == name_of(IMAGES - 1)
    path.write_bytes(whole[:-1])
    assert write(path, streams[:2], IMAGES, append=True).read_bytes() == whole


def test_a_run_that_fails_keeps_what_it_committed(tmp_path, streams, small_sections):
    def fail():
        with rlcodec.CollectionWriter(tmp_path / "set.rlcz") as writer:
            for number in range(3):
                writer.add(streams[number], name_of(number))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert not (tmp_path / "set.rlcz").exists()
    assert len(rlcodec.Collection(tmp_path / "set.rlcz.partial")) == 2
    with pytest.raises(OptionError, match="--resume"):
        rlcodec.CollectionWriter(tmp_path / "set.rlcz")
    write(tmp_path / "set.rlcz", streams[2:4], 2, resume=True)
    assert len(rlcodec.Collection(tmp_path / "set.rlcz")) == 4


def test_a_full_disk_loses_nothing(path, streams, monkeypatch):
    before = path.read_bytes()
    with rlcodec.CollectionWriter(path, append=True) as writer:
        writer.add(streams[0], "more/0")

        def full(*_):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(collection_writer.os, "fsync", full)
        with pytest.raises(OutputError, match="No space left"):
            writer.commit()
        monkeypatch.undo()
        assert path.read_bytes() == before
    assert rlcodec.Collection(path).names[-1] == "more/0"


def test_two_writers_at_once_are_refused(path, streams):
    with rlcodec.CollectionWriter(path, append=True), pytest.raises(OutputError, match="another process"):
        rlcodec.CollectionWriter(path, append=True)


@pytest.mark.parametrize(
    "name", ["", "/etc/passwd", "../up", "a/../b", "a//b", "./a", "a\x00b", "a\\b", "n" * 256, ".", "a/", "\udcff"]
)
def test_names_that_could_leave_the_folder_are_refused(tmp_path, streams, name):
    with rlcodec.CollectionWriter(tmp_path / "set.rlcz") as writer, pytest.raises(OptionError):
        writer.add(streams[0], name)


def test_what_does_not_belong_in_is_refused(tmp_path, streams, path, pictures):
    with rlcodec.CollectionWriter(path, append=True) as writer:
        for stream, name, label, error in (
            (streams[0], name_of(0), None, OptionError),
            (streams[0], "new", -1, OptionError),
            (streams[0][:-1], "new", None, StreamError),
            (rlcodec.encode(pictures[0], preset="photo", gain=350), "new", None, StreamError),
            (b"no stream", "new", None, StreamError),
        ):
            with pytest.raises(error):
                writer.add(stream, name, label)
        assert len(writer) == IMAGES
    with pytest.raises(OptionError, match="preset mnist"):
        rlcodec.CollectionWriter(path, "photo", append=True)
    with pytest.raises(OptionError, match="no collection"):
        rlcodec.CollectionWriter(tmp_path / "none.rlcz", append=True)


def test_a_changed_byte_costs_its_image_alone(path, digits, streams):
    whole = path.read_bytes()
    at = HEADER_BYTES + 5  # in the first image
    path.write_bytes(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :])
    collection = rlcodec.Collection(path)
    with pytest.raises(DamagedStreamError, match=r"image 0, digits/0\.png"):
        collection[0]
    assert all(np.array_equal(collection[n].pixels, digits[n]) for n in range(1, IMAGES))


def test_any_changed_byte_costs_at_most_its_section(path, streams):
    whole = path.read_bytes()
    for at in range(HEADER_BYTES, len(whole), 7):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x41]) + whole[at + 1 :])
        collection = opened(path)
        lost = set()
        for number in range(IMAGES):
            try:
                assert collection.stream(number) == streams[number]
            except (DamagedStreamError, IndexError):
                lost.add(number)
        assert len(lost) <= 2
        assert lost
        assert max(lost) // 2 == min(lost) // 2
    path.write_bytes(bytes([*whole[:20], whole[20] ^ 1, *whole[21:]]))
    with pytest.raises(DamagedStreamError):
        rlcodec.Collection(path)


def test_a_lost_footer_in_the_middle_is_said(path, streams):
    whole = bytearray(path.read_bytes())
    second = opened(path)._sections[1]
    whole[second.stop - 10] ^= 1
    path.write_bytes(whole)
    collection = rlcodec.Collection(path)
    assert len(collection) == IMAGES
    with pytest.raises(DamagedStreamError, match="image 2 is lost"):
        collection[2]
    assert collection.stream(4) == streams[4]
    with pytest.raises(DamagedStreamError, match="images 2 to 3"):
        _ = collection.names
    with pytest.raises(DamagedStreamError, match="nothing was changed"):
        rlcodec.CollectionWriter(path, append=True)
    assert path.read_bytes() == whole


def forged(section, index, data=b"x" * 64):
    """A file with one section whose footer's checksum is right whatever it says."""
    header = b"\xb1RCZ\x01\x01" + bytes(32)
    return header + zlib.crc32(header).to_bytes(4, "little") + data + index + section.footer()


@pytest.mark.parametrize(
    "changes",
    [
        {"count": 1 << 31},
        {"count": 0},
        {"data_bytes": 1 << 40},
        {"start": 1 << 40},
        {"raw_bytes": 1 << 31},
        {"first": 1 << 60},
        {"index_bytes": 1 << 31},
    ],
)
def test_a_footer_that_declares_too_much_is_no_footer(tmp_path, changes):
    index = zlib.compress(bytes(COLUMNS.itemsize) + b"a")
    honest = {
        "first": 0, "count": 1, "start": HEADER_BYTES, "data_bytes": 64, "index_bytes": len(index),
        "raw_bytes": COLUMNS.itemsize + 1, "index_check": zlib.crc32(index),
    }  # fmt: skip
    (tmp_path / "set.rlcz").write_bytes(forged(Section(**honest | changes), index))
    assert len(opened(tmp_path / "set.rlcz")) == 0


@pytest.mark.parametrize(("count", "found"), [(MAX_SECTION_IMAGES, MAX_SECTION_IMAGES), (MAX_SECTION_IMAGES + 1, 0)])
def test_a_section_of_too_many_images_is_none(tmp_path, streams, count, found):
    write(tmp_path / "set.rlcz", streams[:1])
    front = (tmp_path / "set.rlcz").read_bytes()[:HEADER_BYTES]
    data, _ = pack_section(0, HEADER_BYTES, [Entry(28, 28, 0, b"x", f"{'a' * 240}/{number:06}") for number in range(count)])
    (tmp_path / "set.rlcz").write_bytes(front + data)
    collection = opened(tmp_path / "set.rlcz")
    assert len(collection) == len(collection.names) == found


@pytest.mark.parametrize("kind", ["bomb", "name", "length", "short"])
def test_an_index_that_lies_is_damaged(tmp_path, kind):
    row = np.zeros(1, COLUMNS)
    row["length"], row["own"] = 64 if kind != "length" else 65, 4
    raw = b"".join(row[field].tobytes() for field in COLUMNS.names) + (b"../a" if kind == "name" else b"name")
    raw = {"bomb": raw + bytes(1 << 20), "short": raw[:-1]}.get(kind, raw)
    index = zlib.compress(raw)
    section = Section(0, 1, HEADER_BYTES, 64, len(index), COLUMNS.itemsize + 4, zlib.crc32(index))
    (tmp_path / "set.rlcz").write_bytes(forged(section, index))
    collection = rlcodec.Collection(tmp_path / "set.rlcz")
    with pytest.raises(DamagedStreamError, match="index"):
        collection.stream(0)


def test_what_is_no_collection(tmp_path, streams):
    for data, error in ((streams[0], StreamError), (b"", StreamError), (b"\xb1RCZ\x01", DamagedStreamError)):
        (tmp_path / "set.rlcz").write_bytes(data)
        with pytest.raises(error):
            rlcodec.Collection(tmp_path / "set.rlcz")
    header = b"\xb1RCZ\x02\x01" + bytes(32)
    (tmp_path / "set.rlcz").write_bytes(header + zlib.crc32(header).to_bytes(4, "little"))
    with pytest.raises(UnknownModelError, match="version 2"):
        rlcodec.Collection(tmp_path / "set.rlcz")
    with pytest.raises(StreamError, match="No such file"):
        rlcodec.Collection(tmp_path / "none.rlcz")


def test_other_weights_are_said(tmp_path):
    row = np.zeros(1, COLUMNS)
    row["length"], row["own"], row["check"] = 64, 4, binascii.crc_hqx(b"x" * 64, 0)
    index = zlib.compress(b"".join(row[field].tobytes() for field in COLUMNS.names) + b"name")
    section = Section(0, 1, HEADER_BYTES, 64, len(index), COLUMNS.itemsize + 4, zlib.crc32(index))
    data = forged(section, index)
    (tmp_path / "set.rlcz").write_bytes(data)
    collection = rlcodec.Collection(tmp_path / "set.rlcz")
    assert collection.names == ("name",)
    with pytest.raises(UnknownModelError, match="00000000"):
        collection[0]


def test_threads_and_pickled_copies(path, digits):
    collection = rlcodec.Collection(path)
    copy = pickle.loads(pickle.dumps(collection))
    assert np.array_equal(copy[2].pixels, digits[2])
    wrong = []

    def read(seed):
        for number in np.random.default_rng(seed).integers(0, IMAGES, 20).tolist():
            if not np.array_equal(collection[number].pixels, digits[number]):
                wrong.append(number)

    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_footers_are_as_long_as_specified():
    assert (HEADER_BYTES, FOOTER_BYTES, COLUMNS.itemsize) == (42, 48, 20)
