"""Photographs: BD-rates of rlcodec against JPEG, WebP and AVIF, by PSNR and MS-SSIM, and times; whole files, one run.

The table is that of `rlcodec evaluate PHOTOS --codecs ...`.
"""

from pathlib import Path

from common import arguments, print_result
from tqdm import tqdm

from rlcodec.evaluation.codecs import PHOTO_FORMATS
from rlcodec.evaluation.curves import MEASURES, bd_rates, mean_curves, summary_of
from rlcodec.evaluation.rate_distortion import TableOptions, measure_codecs

CODECS = ("rlcodec:photo/light", "rlcodec:photo/full", "rlcodec:compact", *PHOTO_FORMATS)


def main() -> None:
    """Measures and prints."""
    parser = arguments(__doc__)
    parser.add_argument("--out", type=Path, help="where the table goes, .csv or .parquet")
    options = parser.parse_args()
    with tqdm(desc="pictures", disable=None) as bar:

        def report(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        measured = measure_codecs(
            options.data, CODECS, TableOptions(options.out, limit=options.images, workers=1, report=report)
        )
    curves = mean_curves(measured.table)
    if not options.json:
        print(curves.to_string(index=False, float_format=lambda value: f"{value:.4f}"))
    result: dict[str, object] = {"pictures": measured.table.image.nunique()}
    for anchor in PHOTO_FORMATS:
        for row in bd_rates(curves, anchor).itertuples():
            if row.bd_rate_percent == row.bd_rate_percent:
                name = f"BD-rate by {MEASURES[row.measure]} of {row.codec} against {anchor}"
                result[name] = f"{row.bd_rate_percent:+.1f}% from {row.low_db:.1f} to {row.high_db:.1f} dB"
    for row in summary_of(curves, PHOTO_FORMATS[0]).itertuples():
        result[f"times near 1 bit per pixel, medians, {row.codec}, {row.at}"] = (
            f"encode {row.encode_ms:.0f} ms, decode {row.decode_ms:.1f} ms"
        )
    print_result(options, result)


if __name__ == "__main__":
    main()
