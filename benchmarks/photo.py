"""Photographs: BD-rates of preset photo against AVIF by PSNR, MS-SSIM and SSIMULACRA2, and times near 1 bit per pixel.

Rates are of whole files; a curve is the mean over pictures of scores and of rates at each setting. The tables are those of
`rlcodec evaluate PHOTOS --codecs ...`. Each codec of preset photo is judged by the score that it was told to optimise, other
codecs by all. With --times only times are measured: of every picture at the setting nearest to 1 bit per pixel, all codecs in
turns in one process.
"""

import math
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from common import arguments, in_turns, print_result
from tqdm import tqdm

from rlcodec.evaluation.codecs import Codec, codec_by_name
from rlcodec.evaluation.curves import MEASURES, bd_rates, mean_curves, summary_of
from rlcodec.evaluation.rate_distortion import TableOptions, measure_codecs
from rlcodec.training.data import load_pictures

ANCHOR = "avif:444:speed=4"
PHOTO = "rlcodec:photo"
MEASURE_OF = {"mse": "psnr_db", "psnr": "psnr_db", "ms-ssim": "ms_ssim_db", "ssimulacra2": "ssimulacra2"}
"""The measure by which a codec is judged, by its kind of distortion."""
CODECS = tuple(
    f"{PHOTO}:distortion={kind}{further}"
    for kind in ("psnr", "ms-ssim", "ssimulacra2")
    for further in ("", ":predictor=table", ":synthesis=full")
)
NEAR_BPP = 1.0
FASTER_ANCHOR = "avif:444:speed=6"
TIMED = {
    "table, without repair": f"{PHOTO}:predictor=table:synthesis=plain",
    "default": PHOTO,
    "everything": f"{PHOTO}:synthesis=full",
}
"""Codecs that are timed beside AVIF, by name."""


def measures_of(codec: str, every: bool) -> Sequence[str]:
    """The measures by which a codec is judged; all of them if `every`."""
    if every or not codec.startswith(PHOTO):
        return tuple(MEASURES)
    named = [part.removeprefix("distortion=") for part in codec.split(":") if part.startswith("distortion=")]
    return (MEASURE_OF[named[0] if named else "ssimulacra2"],)


def measured(
    folder: Path, codecs: Sequence[str], anchors: Sequence[str], options: Namespace, report: Callable[[int, int], None]
) -> dict[str, object]:
    """Values by name of the codecs on the photographs of a folder."""
    out = options.out / f"{folder.name}.parquet" if options.out else None
    names = list(dict.fromkeys([*codecs, *anchors]))
    table = measure_codecs(folder, names, TableOptions(out, limit=options.images, workers=1, report=report)).table
    curves = mean_curves(table[table.codec.isin(names)])
    result: dict[str, object] = {f"{folder.name}: pictures": int(curves.pictures.max())}
    for anchor in anchors:
        for row in bd_rates(curves, anchor).itertuples():
            judged = row.codec in codecs and row.measure in measures_of(row.codec, options.every_score)
            if judged and not math.isnan(row.bd_rate_percent):
                unit = " dB" if row.measure.endswith("_db") else ""
                name = f"{folder.name}: BD-rate by {MEASURES[row.measure]} of {row.codec} against {anchor}"
                result[name] = f"{row.bd_rate_percent:+.1f}% from {row.low_db:.1f} to {row.high_db:.1f}{unit}"
    times = summary_of(curves, anchors[0]).set_index("codec")
    for codec, row in times.iterrows():
        encode, decode = (row[name] / times.loc[anchors[0], name] for name in ("encode_ms", "decode_ms"))
        result[f"{folder.name}: encode and decode at {row.at_bpp:.2f} bits per pixel, {codec}"] = (
            f"{row.encode_ms:.1f} and {row.decode_ms:.1f} ms, {encode:.2f} and {decode:.2f} times those of {anchors[0]}"
        )
    return result


def nearest(codec: Codec, picture: np.ndarray) -> tuple[Mapping[str, object], bytes]:
    """The setting whose file of a picture is nearest to NEAR_BPP, by bisection, and the file."""
    settings, wanted = list(codec.fine_settings.values()), NEAR_BPP * picture.shape[0] * picture.shape[1] / 8
    low, high = 0, len(settings) - 1
    files = {at: codec.encode(picture, settings[at]) for at in (low, high)}
    while high - low > 1:
        middle = (low + high) // 2
        files[middle] = codec.encode(picture, settings[middle])
        low, high = (middle, high) if len(files[middle]) < wanted else (low, middle)
    at = min(files, key=lambda at: abs(len(files[at]) - wanted))
    return settings[at], files[at]


def times(folder: Path, options: Namespace) -> dict[str, object]:
    """Times of the codecs on the photographs of a folder, by name, as medians and as ratios to those of AVIF."""
    pictures = load_pictures(folder)[: options.images]
    codecs = {name: codec_by_name(codec) for name, codec in TIMED.items()}
    anchors = {name: codec_by_name(name) for name in (ANCHOR, FASTER_ANCHOR)}
    decodes, encodes = [], []
    for picture in tqdm(pictures, desc=folder.name, disable=None):
        found = {name: nearest(codec, picture) for name, codec in (codecs | anchors).items()}
        runs = [
            lambda codec=codec, name=name, found=found: codec.decode(found[name][1], "RGB")
            for name, codec in ({ANCHOR: anchors[ANCHOR]} | codecs).items()
        ]
        in_turns(runs, 1)
        decodes.append(np.median(in_turns(runs, options.repeats), 0))
        ways = [
            (anchors[FASTER_ANCHOR], found[FASTER_ANCHOR][0]),
            (codecs["default"], found["default"][0]),
            (codecs["default"], {}),  # under the default objective
        ]
        runs = [lambda codec=codec, way=way, picture=picture: codec.encode(picture, way) for codec, way in ways]
        in_turns(runs, 1)
        encodes.append(np.median(in_turns(runs, options.repeats), 0))
    return {
        f"{folder.name}: pictures, repeats of each": f"{len(pictures)}, {options.repeats}",
        **_ratios(f"{folder.name}: decode near {NEAR_BPP:g} bit per pixel", (ANCHOR, *codecs), np.array(decodes)),
        **_ratios(f"{folder.name}: encode", (FASTER_ANCHOR, "at a gain near 1 bit per pixel", "by default"), np.array(encodes)),
    }


def _ratios(what: str, names: Sequence[str], seconds: np.ndarray) -> dict[str, object]:
    """Medians over pictures, and medians of ratios to the first, by name; of seconds, float64 (pictures, names)."""
    ratios = np.median(seconds / seconds[:, :1], 0)
    return {
        f"{what}, {name}": f"{milliseconds:.1f} ms, {ratio:.2f} times that of {names[0]}"
        for name, milliseconds, ratio in zip(names, 1000 * np.median(seconds, 0), ratios, strict=True)
    }


def main() -> None:
    """Measures and prints."""
    parser = arguments(__doc__, data=False)
    parser.add_argument("photos", type=Path, nargs="+", help="folders of photographs, each measured alone")
    parser.add_argument("--images", type=int, help="at most so many of each folder")
    parser.add_argument("--codec", action="append", help="as for `rlcodec evaluate`; preset photo by default; repeatable")
    parser.add_argument("--anchor", action="append", help=f"what BD-rates are against; {ANCHOR} by default; repeatable")
    parser.add_argument(
        "--every-score", action="store_true", help="judge preset photo by all scores, not only by the one it optimises"
    )
    parser.add_argument("--times", action="store_true", help="measure only times, beside AVIF's")
    parser.add_argument("--repeats", type=int, default=9, help="of everything that is timed with --times")
    parser.add_argument("--out", type=Path, help="folder of the tables; rows that they hold are kept")
    options = parser.parse_args()
    result: dict[str, object] = {}
    for folder in options.photos:
        if options.times:
            result |= times(folder, options)
            continue
        with tqdm(desc=folder.name, disable=None) as bar:

            def report(done: int, total: int, bar: tqdm = bar) -> None:
                bar.total = total
                bar.update(done - bar.n)

            result |= measured(folder, options.codec or CODECS, options.anchor or (ANCHOR,), options, report)
    print_result(options, result)


if __name__ == "__main__":
    main()
