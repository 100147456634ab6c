"""The demo: train, evaluate, export, encode and decode in about two minutes, on images that scikit-learn brings."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from rich import get_console
from rich.table import Table

from rlcodec.agents.evaluate import evaluate_policy
from rlcodec.agents.export import export_trained
from rlcodec.agents.hyperparameters import read_settings
from rlcodec.agents.training import train
from rlcodec.api import DEFAULT_PRESET, decode, encode_image
from rlcodec.core.files import make_folder, write_bytes
from rlcodec.core.metrics import psnr_db
from rlcodec.core.segments import MACS_PER_KMAC
from rlcodec.core.ssimulacra2 import ssimulacra2
from rlcodec.envs.sample_images import sample_images
from rlcodec.envs.tasks import task_of
from rlcodec.errors import DataError, RlcodecError
from rlcodec.evaluation.figures import plot_digits, plot_rate_quality, plot_shares, save_figure
from rlcodec.evaluation.photographs import SAMPLE_BYTES, SAMPLE_CROP, at_equal_bytes, sample_photograph
from rlcodec.evaluation.versions import plot_versions
from rlcodec.options import LOSSLESS
from rlcodec.presets.base import Encoded
from rlcodec.presets.registry import preset_by_name
from rlcodec.training.data import load_images

TRAIN_IMAGES, HELD_OUT_IMAGES, CODED_DIGITS, LEAST_IMAGES = 600, 200, 6, 20
STEPS_PER_SECOND = 20_000
"""An estimate, which decides how fast the learning rate falls."""


def run_demo(out: Path, data: Path | None, seconds: float, seed: int) -> None:
    """Runs the demo and leaves policy, tables, plots, streams and images in a folder.

    Args:
        out: the folder.
        data: folder of idx files or of images; the digits of scikit-learn if None.
        seconds: of training.
        seed: of training.

    Raises:
        DataError: the images are unusable.
        OutputError: the folder cannot be written.
    """
    console, started = get_console(), time.monotonic()
    make_folder(out)
    task, wanted = task_of(DEFAULT_PRESET), TRAIN_IMAGES + HELD_OUT_IMAGES
    images = load_images(data, limit=wanted) if data is not None else sample_images(wanted)
    if len(images) < LEAST_IMAGES:
        raise DataError(f"{len(images)} images are too few for the demo; at least {LEAST_IMAGES} are needed")
    held_out = max(len(images) // 4, 1)
    console.print(f"1  measuring {len(images)} digits with the codec, every segment in every tier")
    trace = task.measure(images)

    console.print(f"2  training a policy with PPO for {seconds:.0f} s")
    steps = max(int(seconds * STEPS_PER_SECOND), 1)
    settings = replace(read_settings(), n_timesteps=steps, seconds=seconds, seed=seed)
    trained = train(trace.take(slice(held_out, None)), task, settings, out / "run")

    console.print("3  exporting it as ONNX; from here on nothing needs torch")
    policy_file = out / "policy.onnx"
    export_trained(trained, policy_file)
    policy = task.load_policy(policy_file)

    console.print(f"4  evaluating it on {held_out} held-out digits against best fixed settings and the oracle")
    evaluation = evaluate_policy(task.hindsight(trace.take(slice(0, held_out)), policy.predictor), policy)
    write_bytes(out / "evaluation.csv", evaluation.table.to_csv(index=False).encode())
    save_figure(plot_shares(evaluation.table), out / "shares.png")
    save_figure(plot_rate_quality(evaluation.table), out / "rate-quality.png")

    console.print("5  encoding and decoding digits with it")
    console.print(_code_digits(list(images[: min(CODED_DIGITS, held_out)]), policy_file, out))

    console.print("6  a photograph, beside JPEG, WebP and AVIF at equal bytes")
    photograph = sample_photograph()
    versions = at_equal_bytes(photograph, SAMPLE_BYTES)
    save_figure(plot_versions(photograph, versions, SAMPLE_CROP), out / "photo.png")
    write_bytes(out / "photo.rlc", versions["rlcodec"].data)
    for name, version in versions.items():
        quality = f"{psnr_db(photograph, version.pixels):.2f} dB, SSIMULACRA2 {ssimulacra2(photograph, version.pixels):.1f}"
        console.print(f"   {name}: {len(version.data)} bytes, {quality}")
    console.print(
        f"share of the gap from best fixed setting to oracle: {evaluation.share:.2f} "
        f"(95% interval {evaluation.low:.2f} to {evaluation.high:.2f}, {evaluation.objectives} objectives)"
    )
    taken = time.monotonic() - started
    summary = {"share": evaluation.share, "low": evaluation.low, "high": evaluation.high, "seconds": taken}
    write_bytes(out / "summary.json", json.dumps(summary, indent=1).encode())
    console.print(f"done in {taken:.0f} s; everything is in {out}")


def code_digits(digits: Sequence[np.ndarray], policy: Path | None = None) -> dict[str, list[Encoded]]:
    """Codes digits, uint8 (height, width) each, under every named objective of a policy, the shipped one if None."""
    columns = {
        name: [encode_image(digit, policy=policy, objective=name) for digit in digits]
        for name in preset_by_name(DEFAULT_PRESET).objectives
    }
    return columns | {LOSSLESS: [encode_image(digit, lossless=True) for digit in digits]}


def _code_digits(digits: Sequence[np.ndarray], policy: Path, out: Path) -> Table:
    """Codes digits under every named objective, and writes streams, pictures and a figure; returns the means."""
    columns = code_digits(digits, policy)
    save_figure(plot_digits(digits, columns), out / "digits.png")
    files = _write_files(out / "digits", digits, columns)
    write_bytes(out / "files.csv", files.to_csv(index=False).encode())
    means = Table("objective", "bytes", "bits per pixel", "PSNR dB", "decoder kMAC per pixel", title="means over the digits")
    for name, group in files.groupby("objective", sort=False):
        quality = "exact" if np.isinf(group["psnr_db"]).all() else f"{group['psnr_db'].mean():.2f}"
        means.add_row(
            str(name), f"{group['bytes'].mean():.0f}", f"{group['rate_bpp'].mean():.3f}", quality,
            f"{group['decoder_kmac_per_pixel'].mean():.2f}",
        )  # fmt: skip
    return means


def _write_files(folder: Path, digits: Sequence[np.ndarray], columns: Mapping[str, Sequence[Encoded]]) -> pd.DataFrame:
    """Writes streams and decoded pictures, which must be those that the encoder predicted."""
    make_folder(folder)
    rows = []
    for name, column in columns.items():
        for number, (digit, encoded) in enumerate(zip(digits, column, strict=True)):
            picture = decode(encoded.data)
            if not np.array_equal(np.asarray(picture), encoded.picture):
                raise RlcodecError(f"digit {number}, {name}: the decoder shows another picture than the encoder predicted")
            write_bytes(folder / f"{number}-{name}.rlc", encoded.data)
            picture.save(folder / f"{number}-{name}.png")
            Image.fromarray(digit).save(folder / f"{number}.png")
            rows.append(
                {
                    "digit": number,
                    "objective": name,
                    "bytes": len(encoded.data),
                    "rate_bpp": 8 * len(encoded.data) / digit.size,
                    "psnr_db": encoded.psnr_db,
                    "decoder_kmac_per_pixel": encoded.decoder_macs / MACS_PER_KMAC / digit.size,
                }
            )
    return pd.DataFrame(rows)
