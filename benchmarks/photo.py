"""Photographs: rate against PSNR and MS-SSIM beside COMPACT, JPEG, WebP and AVIF, BD-rates, times; whole files, one run."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from bjontegaard import bd_rate
from common import arguments
from PIL import Image

import rlcodec
from rlcodec.core.container import unpack
from rlcodec.core.metrics import ms_ssim, psnr_db
from rlcodec.evaluation.photographs import CLASSICAL, classical_bytes, classical_pixels
from rlcodec.presets.photo.decoder import decode_picture

QUALITIES = (10, 25, 45, 65, 80, 90)
GAINS = (6, 12, 18, 24, 30, 36)


def classical(name: str, quality: int) -> tuple[Callable, Callable]:
    """Encoder and decoder of one of Pillow's formats."""
    return (
        lambda picture: classical_bytes(picture, name, quality),
        classical_pixels,
    )


def ours(gain: int, width: str) -> tuple[Callable, Callable]:
    """Encoder and decoder of rlcodec with one width of the synthesis."""
    return (
        lambda picture: rlcodec.encode(picture, preset="photo", gain=gain),
        lambda data: np.asarray(decode_picture(unpack(data), width).image),
    )


def measure(pictures: list[Image.Image]) -> pd.DataFrame:
    """One row for each codec, setting and picture."""
    runs = [(name, q, *classical(name, q)) for name in CLASSICAL for q in QUALITIES]
    runs += [(f"rlcodec {width}", g, *ours(g, width)) for width in ("light", "full") for g in GAINS]
    runs.append(
        ("COMPACT", 0, lambda picture: rlcodec.encode(picture, preset="compact"), lambda d: np.asarray(rlcodec.decode(d)))
    )
    rows = []
    for name, setting, encode, decode in runs:
        decode(encode(pictures[0]))
        taken = []
        for picture in pictures:
            started = time.perf_counter()
            data = encode(picture)
            coded = time.perf_counter()
            shown = decode(data)
            taken.append((data, shown, coded - started, time.perf_counter() - coded))
        for number, (picture, (data, shown, encoding, decoding)) in enumerate(zip(pictures, taken, strict=True)):
            original = np.asarray(picture)
            rows.append(
                {
                    "codec": name, "setting": setting, "picture": number, "bpp": 8 * len(data) / original[..., 0].size,
                    "psnr_db": psnr_db(original, shown), "ms_ssim": ms_ssim(original, shown),
                    "encode_ms": 1000 * encoding, "decode_ms": 1000 * decoding,
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


def main() -> None:
    """Measures and prints."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--out", type=Path, help="where the rows go, .csv")
    options = parser.parse_args()
    files = sorted(options.data.glob("*.png"))[: options.images]
    table = measure([Image.open(f).convert("RGB") for f in files])
    if options.out:
        table.to_csv(options.out, index=False)
    means = table.groupby(["codec", "setting"]).mean(numeric_only=True).drop(columns="picture").reset_index()
    print(means.to_string(index=False, float_format=lambda v: f"{v:.4f}"))
    curves = {name: group.sort_values("bpp") for name, group in means.groupby("codec") if len(group) > 1}
    for quality in ("psnr_db", "ms_ssim"):
        for anchor in CLASSICAL:
            for name, test in curves.items():
                if name != anchor:
                    a, scale = curves[anchor], (lambda v: v) if quality == "psnr_db" else (lambda v: -10 * np.log10(1 - v))
                    rate = bd_rate(
                        a.bpp, scale(a[quality]), test.bpp, scale(test[quality]), "pchip", require_matching_points=False,
                        min_overlap=0,
                    )  # fmt: skip
                    low = max(c[quality].min() for c in (a, test))
                    high = min(c[quality].max() for c in (a, test))
                    print(f"BD-rate by {quality} of {name} against {anchor}: {rate:+.1f}% over {low:.4g} to {high:.4g}")
    print(f"{len(files)} pictures; decode ms: median over pictures at the settings nearest to 1 bit per pixel")
    for name, group in curves.items():
        at = group.iloc[(group.bpp - 1).abs().argmin()].setting
        rows = table[(table.codec == name) & (table.setting == at)]
        print(f"  {name} {at}: encode {rows.encode_ms.median():.0f} ms, decode {rows.decode_ms.median():.1f} ms")


if __name__ == "__main__":
    main()
