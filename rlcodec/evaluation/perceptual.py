"""Perceptual metrics of optional packages: PSNR-HVS-M (extra `metrics`), and CVVDP (extra `cvvdp`)."""

import contextlib
import functools
import importlib
import io
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from rlcodec.errors import OptionError

BLOCK = 8
"""PSNR-HVS-M compares blocks of so many pixels a side."""
CVVDP_DISPLAY = "standard_4k"
"""The display that CVVDP predicts for: 30 inches, 3840x2160 pixels, 200 cd/m², at a distance of 0.75 m."""


@functools.cache
def _psnr_hvs_m() -> Any:
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # the package prints which of its backends it lacks
            return importlib.import_module("psnr_hvsm.numpy")
    except ImportError:
        return None


def psnr_hvs_m_db(original: np.ndarray, shown: np.ndarray) -> float:
    """PSNR-HVS-M of luma (Ponomarenko et al., "On between-coefficient contrast masking of DCT basis functions", 2007).

    Args:
        original: uint8 (height, width) or (height, width, 3).
        shown: of the same shape.

    Returns:
        Decibels over whole blocks of 8x8 pixels, 100 if they are equal; NaN if there are none, or if the package `psnr-hvsm`
        is not installed.
    """
    library, (height, width) = _psnr_hvs_m(), (side - side % BLOCK for side in original.shape[:2])
    if library is None or not height * width:
        return math.nan
    planes = [picture / 255.0 if picture.ndim == 2 else library.bt601ycbcr(picture)[0] for picture in (original, shown)]
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(library.psnr_hvs_hvsm(*(plane[:height, :width] for plane in planes))[1])


@functools.cache
def cvvdp() -> Callable[[np.ndarray, np.ndarray], float]:
    """CVVDP (Mantiuk et al., "ColorVideoVDP", 2024) on a 4K display, on the CPU.

    Returns:
        A function from an original and a shown picture, uint8 of one shape, to just-objectionable differences: 10 is equal.

    Raises:
        OptionError: the package `cvvdp` is not installed.
    """
    try:
        import pycvvdp
        import torch
    except (ImportError, RuntimeError) as error:  # torchvision raises the second where it does not fit torch
        raise OptionError(f"CVVDP needs the package cvvdp: pip install rlcodec[cvvdp] ({error})") from error
    metric = pycvvdp.cvvdp(display_name=CVVDP_DISPLAY, device=torch.device("cpu"))

    def jod(original: np.ndarray, shown: np.ndarray) -> float:
        test, reference = (np.atleast_3d(picture) for picture in (shown, original))
        return float(metric.predict(test, reference, dim_order="HWC")[0])

    return jod
