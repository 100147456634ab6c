"""Photographs: BD-rates of preset photo against AVIF by PSNR, MS-SSIM and SSIMULACRA2, and times near 1 bit per pixel.

Rates are of whole files; a curve is the mean over pictures of scores and of rates at each setting. The tables are those of
`rlcodec evaluate PHOTOS --codecs ...`.
"""

import math
from argparse import Namespace
from collections.abc import Callable, Sequence
from pathlib import Path

from common import arguments, print_result
from tqdm import tqdm

from rlcodec.evaluation.curves import MEASURES, bd_rates, mean_curves, summary_of
from rlcodec.evaluation.rate_distortion import TableOptions, measure_codecs

ANCHOR = "avif:444:speed=4"
CODECS = ("rlcodec:photo/plain", "rlcodec:photo/light", "rlcodec:photo/full")


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
            if row.codec in codecs and not math.isnan(row.bd_rate_percent):
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


def main() -> None:
    """Measures and prints."""
    parser = arguments(__doc__, data=False)
    parser.add_argument("photos", type=Path, nargs="+", help="folders of photographs, each measured alone")
    parser.add_argument("--images", type=int, help="at most so many of each folder")
    parser.add_argument("--codec", action="append", help="as for `rlcodec evaluate`; preset photo by default; repeatable")
    parser.add_argument("--anchor", action="append", help=f"what BD-rates are against; {ANCHOR} by default; repeatable")
    parser.add_argument("--out", type=Path, help="folder of the tables; rows that they hold are kept")
    options = parser.parse_args()
    result: dict[str, object] = {}
    for folder in options.photos:
        with tqdm(desc=folder.name, disable=None) as bar:

            def report(done: int, total: int, bar: tqdm = bar) -> None:
                bar.total = total
                bar.update(done - bar.n)

            result |= measured(folder, options.codec or CODECS, options.anchor or (ANCHOR,), options, report)
    print_result(options, result)


if __name__ == "__main__":
    main()
