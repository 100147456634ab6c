"""What damaged and hostile streams do: every prefix and every flipped bit of the golden streams, and many mutated ones.

Decoding must end in a picture or in one of the package's own exceptions, within a second, in bounded memory. A picture that
differs from the original and comes without a warning is an undetected change. Half of the mutated streams get a valid checksum,
so that decoders see the damage; so do streams that hypothesis builds from headers and payloads of its own choice. Of these only
crashes, time and memory count. Times are of the processor, and what took too long is decoded once more, so that other work on
the machine does not count.
"""

import binascii
import multiprocessing
import resource
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import hypothesis
import numpy as np
from common import arguments, print_result
from hypothesis import strategies as st
from tqdm import tqdm

import rlcodec
from rlcodec.core.container import CRC_AT, pack, unpack
from rlcodec.presets.registry import preset_by_name

GOLDEN = Path(__file__).parents[1] / "tests" / "golden"
MOST_PIXELS = 1 << 20
"""As of a service that takes pictures of a megapixel; decoding time grows with the size that a stream declares."""
SLOW_SECONDS = 1.0
CHUNK = 500
SHARES = {"mnist": 0.95, "photo": 0.04, "compact": 0.01}
"""Share of each preset in the mutated streams: a digit is decoded in half a millisecond, others take up to 100 times that."""
BUILT_SHARE = 0.1
"""Share of the streams that hypothesis builds."""
MOST_PIECE_BYTES = 300


def golden() -> dict[str, list[bytes]]:
    """The golden streams by preset."""
    streams: dict[str, list[bytes]] = {name: [] for name in SHARES}
    for path in sorted(GOLDEN.glob("*.rlc")):
        streams[path.name.split("-")[0] if path.name.startswith(("photo", "compact")) else "mnist"].append(path.read_bytes())
    return streams


def with_checksum(data: bytes) -> bytes:
    """A stream with a valid checksum."""
    if len(data) < CRC_AT.stop:
        return data
    checksum = binascii.crc_hqx(data[: CRC_AT.start] + data[CRC_AT.stop :], 0).to_bytes(2, "big")
    return data[: CRC_AT.start] + checksum + data[CRC_AT.stop :]


def mutate(data: bytes, others: list[bytes], rng: np.random.Generator) -> bytes:
    """Makes one to four changes: bits, bytes, lengths, pieces of other streams."""
    out = bytearray(data)
    for _ in range(int(rng.integers(1, 5))):
        at = int(rng.integers(0, len(out))) if rng.random() < 0.6 else int(rng.integers(0, min(len(out), 16)))
        kind = int(rng.integers(0, 7))
        if kind == 0:
            out[at] ^= 1 << int(rng.integers(0, 8))
        elif kind == 1:
            out[at] = int(rng.integers(0, 256))
        elif kind == 2:
            out[at:at] = rng.bytes(int(rng.integers(1, 9)))
        elif kind == 3:
            del out[at : at + int(rng.integers(1, 9))]
        elif kind == 4:
            del out[at:]
        elif kind == 5:
            other = others[int(rng.integers(0, len(others)))]
            out[at:] = other[int(rng.integers(0, len(other))) :]
        else:
            out[at : at + 4] = bytes([255] * 4) if rng.random() < 0.5 else bytes(4)
        if not out:
            return b""
    return bytes(out)


from_loops: list[str] = []
"""Exceptions in loops without the interpreter's lock, which a build with bounds checks reports but cannot raise."""


def watch_loops() -> None:
    """Collects what loops report from now on in `from_loops`."""
    sys.unraisablehook = lambda error: from_loops.append(f"{error.exc_type.__name__} ({error.exc_value})")


def outcome(data: bytes, picture: np.ndarray | None) -> tuple[str, float]:
    """What decoding a stream leads to, and its seconds of processor time.

    Args:
        data: the stream.
        picture: what it showed before it was damaged, None if nothing is compared.
    """
    started = time.process_time()
    from_loops.clear()
    try:
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            shown = np.asarray(rlcodec.decode(data, max_pixels=MOST_PIXELS))
        if warned:
            what = "a picture, with a warning"
        elif picture is None or np.array_equal(shown, picture):
            what = "the same picture, or no original to compare with"
        else:
            what = "undetected: another picture, without a warning"
    except rlcodec.RlcodecError:
        what = "an exception of the package"
    except Exception as error:  # must not happen
        what = f"CRASH: {type(error).__name__}"
    if from_loops:
        what = f"CRASH: {from_loops[0]} in a compiled loop"
    return what, time.process_time() - started


def prefixes(data: bytes, every: int = 1) -> Iterator[tuple[bytes, np.ndarray | None]]:
    """Every n-th prefix of a stream; its picture may differ, but there must be a warning or an exception."""
    picture = np.asarray(rlcodec.decode(data))
    yield from ((data[:length], picture) for length in range(0, len(data), every))


def flips(data: bytes, every: int = 1) -> Iterator[tuple[bytes, np.ndarray | None]]:
    """A stream with every n-th of its bits flipped in turn."""
    picture, number = np.asarray(rlcodec.decode(data)), int.from_bytes(data)
    yield from (((number ^ 1 << bit).to_bytes(len(data)), picture) for bit in range(0, 8 * len(data), every))


def mutations(preset: str, count: int, seed: list[int]) -> Iterator[tuple[bytes, np.ndarray | None]]:
    """Mutated streams of a preset, every second one with a valid checksum."""
    rng, streams = np.random.default_rng(seed), golden()[preset]
    pictures = [np.asarray(rlcodec.decode(data)) for data in streams]
    for number in range(count):
        which = int(rng.integers(0, len(streams)))
        changed = mutate(streams[which], streams, rng)
        if changed in streams:  # a piece of another stream may be all of it
            changed = changed[:-1]
        yield (with_checksum(changed), None) if number % 2 else (changed, pictures[which])


@st.composite
def streams_of(draw: Callable, preset: str) -> bytes:
    """Streams with a valid checksum: any size and settings, pieces of golden payloads, and bytes of any kind."""
    parts = [unpack(data) for data in golden()[preset]]
    most_side = preset_by_name(preset).format.max_side
    height = draw(st.integers(1, min(64, most_side)) | st.integers(1, most_side))
    width = draw(st.integers(1, min(64, most_side, MOST_PIXELS // height)) | st.integers(1, most_side))
    settings = st.sampled_from(sorted({part.header.settings for part in parts})) | st.integers(0, (1 << 28) - 1)
    sent = st.sampled_from([part.payload.tobytes() for part in parts])
    piece = st.tuples(sent, st.integers(0, 40), st.integers(1, MOST_PIECE_BYTES)).map(lambda p: p[0][p[1] : p[1] + p[2]])
    payload = b"".join(draw(st.lists(sent | piece | st.binary(max_size=MOST_PIECE_BYTES), min_size=1, max_size=4)))
    return pack(preset_by_name(preset).format, parts[0].header.fingerprint, height, width, draw(settings), payload)


def built(preset: str, count: int, seed: list[int]) -> Iterator[tuple[bytes, np.ndarray | None]]:
    """Streams of a preset that hypothesis builds."""
    found: list[bytes] = []

    @hypothesis.seed(str(seed))
    @hypothesis.settings(
        max_examples=count, database=None, deadline=None, derandomize=False, phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )  # fmt: skip
    @hypothesis.given(streams_of(preset))
    def collect(data: bytes) -> None:
        found.append(data)

    collect()
    yield from ((data, None) for data in found)


DAMAGES = {"prefixes": prefixes, "flips": flips, "mutations": mutations, "built by hypothesis": built}
"""What makes damaged streams, and pictures that they must not change unnoticed, by the kind of damage."""


def tally(job: tuple) -> tuple[str, Counter, float, int]:
    """The kind of damage of a job, counts of its outcomes, the slowest decode in seconds, and how many took too long."""
    kind, *arguments = job
    watch_loops()
    counts, slowest, slow = Counter(), 0.0, 0
    for data, picture in DAMAGES[kind](*arguments):
        what, seconds = outcome(data, picture)
        if seconds > SLOW_SECONDS:
            seconds = min(seconds, outcome(data, picture)[1])
        counts[what if picture is not None or kind != "mutations" else f"valid checksum: {what}"] += 1
        slowest, slow = max(slowest, seconds), slow + (seconds > SLOW_SECONDS)
    return kind, counts, slowest, slow


def jobs(streams: int, seed: int, presets: list[str], every: int) -> list[tuple]:
    """The jobs of a run, arguments of `tally`."""
    whole = {preset: golden()[preset] for preset in presets}
    out: list[tuple] = [(kind, data, every) for kind in ("prefixes", "flips") for part in whole.values() for data in part]
    for preset in presets:
        share = SHARES[preset]
        chunk = CHUNK if preset == "mnist" else CHUNK // 10
        for kind, part in (("mutations", 1 - BUILT_SHARE), ("built by hypothesis", BUILT_SHARE)):
            left = round(streams * share * part)
            out += [(kind, preset, min(chunk, left - at), [seed, len(out), at]) for at in range(0, left, chunk)]
    return out


def main() -> None:
    """Damages, decodes, counts and prints."""
    parser = arguments(__doc__, data=False)
    parser.add_argument("--streams", type=int, default=1_000_000, help="mutated streams")
    parser.add_argument("--every", type=int, default=1, help="only every n-th prefix and flipped bit")
    parser.add_argument("--seed", type=int, default=0, help="of the mutations")
    parser.add_argument("--preset", action="append", choices=list(SHARES), help="only streams of this preset")
    parser.add_argument("--processes", type=int, default=2, help="side by side")
    options = parser.parse_args()
    todo = jobs(options.streams, options.seed, options.preset or list(SHARES), options.every)
    counts: dict[str, Counter] = {}
    slowest, slow = 0.0, 0
    # Unlike a pool of multiprocessing, this one fails if a process dies.
    with ProcessPoolExecutor(options.processes, multiprocessing.get_context("spawn")) as pool:
        for kind, found, worst, late in tqdm(pool.map(tally, todo), total=len(todo), disable=None):
            counts.setdefault(kind, Counter()).update(found)
            slowest, slow = max(slowest, worst), slow + late
    result = {f"{kind}: {what}": n for kind, found in sorted(counts.items()) for what, n in sorted(found.items())}
    result["crashes"] = sum(n for name, n in result.items() if "CRASH" in name)
    result["decodes of more than a second"] = slow
    result["slowest decode, seconds"] = round(slowest, 3)
    result["most memory of a process, MiB"] = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    plain = counts.get("mutations", Counter())
    undetected = plain["undetected: another picture, without a warning"]
    total = sum(n for what, n in plain.items() if not what.startswith("valid checksum"))
    result["share of mutations that go undetected"] = undetected / total if total else 0.0
    print_result(options, result)
    sys.exit(result["crashes"] > 0)


if __name__ == "__main__":
    main()
