"""The demo: train, evaluate, export, encode and decode in about two minutes, on what the package ships."""

import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from rich import get_console
from rich.table import Table

from rlcodec.agents.evaluate import contest_of, evaluate_policy
from rlcodec.agents.export import export_policy
from rlcodec.agents.hyperparameters import read_settings
from rlcodec.agents.ppo import train_ppo
from rlcodec.api import decode, encode_image
from rlcodec.control.objective import NAMED
from rlcodec.control.onnx_policy import load_policy
from rlcodec.core.files import make_folder, write_bytes
from rlcodec.core.metrics import psnr_db
from rlcodec.core.preset_ids import MNIST
from rlcodec.envs.mnist.trace import build_trace
from rlcodec.envs.sample_images import sample_images
from rlcodec.envs.tasks import task_of
from rlcodec.errors import DataError, RlcodecError
from rlcodec.evaluation.figures import plot_digits, plot_rate_quality, plot_shares, save_figure
from rlcodec.evaluation.photographs import SAMPLE_BYTES, SAMPLE_CROP, at_equal_bytes, plot_shown, sample_photograph
from rlcodec.presets.base import Encoded
from rlcodec.training.data import load_images

TRAIN_IMAGES, HELD_OUT_IMAGES, CODED_DIGITS = 600, 200, 6
STEPS_PER_SECOND = 20_000
"""Planned for, not measured: sets how fast the learning rate falls."""


def demo_images(data: Path | None) -> np.ndarray:
    """Training and held-out images, uint8 (n, h, w)."""
    wanted = TRAIN_IMAGES + HELD_OUT_IMAGES
    images = load_images(data, limit=wanted) if data is not None else sample_images(wanted)
    if len(images) < 20:
        raise DataError(f"{len(images)} images are too few for the demo; at least 20 are needed")
    return images


def run_demo(out: Path, data: Path | None, seconds: float, seed: int) -> None:
    """Runs the demo and leaves policy, tables, plots, streams and images in `out`.

    Raises:
        DataError: the images are unusable.
        OutputError: the folder cannot be written.
    """
    console, started = get_console(), time.monotonic()
    make_folder(out)
    task = task_of(MNIST.name)
    images = demo_images(data)
    held_out = max(len(images) // 4, 1)
    console.print(f"1  measuring {len(images)} digits with the codec, every segment under every tier")
    traced = build_trace(images)
    train, test = traced.take(slice(held_out, None)), traced.take(slice(0, held_out))

    console.print(f"2  training a policy with PPO for {seconds:.0f} s")
    timesteps = max(int(seconds * STEPS_PER_SECOND), 1)
    settings = replace(read_settings(), n_timesteps=timesteps, seconds=seconds, seed=seed)
    trained, predictor = train_ppo(train, task, settings, out / "run", resume=False)

    console.print("3  exporting it as ONNX; from here on nothing needs torch")
    policy_file = out / "policy.onnx"
    export_policy(trained, predictor, task, policy_file, {"seed": seed, "seconds": seconds})
    policy = load_policy(policy_file, task.model)

    console.print(f"4  evaluating it on {held_out} held-out digits against best fixed settings and the oracle")
    found = evaluate_policy(contest_of(task, test, predictor), lambda seen: policy.logits(seen).argmax(1))
    write_bytes(out / "evaluation.csv", found.table.to_csv(index=False).encode())
    save_figure(plot_shares(found.table), out / "shares.png")
    save_figure(plot_rate_quality(found.table), out / "rate-quality.png")

    console.print("5  encoding and decoding digits with it")
    digits = [test.images[i] for i in range(min(CODED_DIGITS, held_out))]
    columns = {name: [encode_image(d, policy=policy_file, objective=name) for d in digits] for name in NAMED}
    columns["lossless"] = [encode_image(d, lossless=True) for d in digits]
    save_figure(plot_digits(digits, columns), out / "digits.png")
    files = _write_files(out / "digits", digits, columns)
    write_bytes(out / "files.csv", files.to_csv(index=False).encode())

    table = Table("objective", "bytes", "bits per pixel", "PSNR dB", "decoder kMAC per pixel", title="means over the digits")
    for name, group in files.groupby("objective", sort=False):
        quality = "exact" if np.isinf(group["psnr_db"]).all() else f"{group['psnr_db'].mean():.2f}"
        table.add_row(
            str(name), f"{group['bytes'].mean():.0f}", f"{group['rate_bpp'].mean():.3f}", quality,
            f"{group['decoder_kmac_per_pixel'].mean():.2f}",
        )  # fmt: skip
    console.print(table)

    console.print("6  a photograph, beside JPEG, WebP and AVIF at equal bytes")
    photograph = sample_photograph()
    shown = at_equal_bytes(photograph, SAMPLE_BYTES)
    save_figure(plot_shown(photograph, shown, SAMPLE_CROP), out / "photo.png")
    write_bytes(out / "photo.rlc", shown["rlcodec"].data)
    for name, one in shown.items():
        quality = psnr_db(np.asarray(photograph), one.pixels)
        console.print(f"   {name}: {len(one.data)} bytes, {quality:.2f} dB")
    console.print(
        f"share of the gap from best fixed setting to oracle: {found.share:.2f} "
        f"(95% interval {found.low:.2f} to {found.high:.2f}, {found.objectives} objectives)"
    )
    summary = {"share": found.share, "low": found.low, "high": found.high, "seconds": time.monotonic() - started}
    write_bytes(out / "summary.json", json.dumps(summary, indent=1).encode())
    console.print(f"done in {summary['seconds']:.0f} s; everything is in {out}")


def _write_files(folder: Path, digits: list[np.ndarray], columns: dict[str, list[Encoded]]) -> pd.DataFrame:
    """Writes streams and decoded images; decoding must give what the encoder promised."""
    make_folder(folder)
    rows = []
    for name, encoded in columns.items():
        for i, one in enumerate(encoded):
            picture = decode(one.data)
            if not np.array_equal(np.asarray(picture), one.picture):
                raise RlcodecError(f"digit {i}, {name}: the decoder shows another image than the encoder promised")
            write_bytes(folder / f"{i}-{name}.rlc", one.data)
            picture.save(folder / f"{i}-{name}.png")
            Image.fromarray(digits[i]).save(folder / f"{i}.png")
            rows.append(
                {
                    "digit": i,
                    "objective": name,
                    "bytes": len(one.data),
                    "rate_bpp": 8 * len(one.data) / digits[i].size,
                    "psnr_db": one.psnr_db,
                    "decoder_kmac_per_pixel": one.decoder_macs / 1000 / digits[i].size,
                }
            )
    return pd.DataFrame(rows)
