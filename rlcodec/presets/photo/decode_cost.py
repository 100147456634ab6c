"""The work that decoding a stream of preset `photo` takes, by stage."""

import math
from collections.abc import Sequence

from rlcodec.control.decode_time import SYNTHESIS, Calibration, Work, this_machine
from rlcodec.core.preset_ids import PHOTO
from rlcodec.errors import OptionError

COEFFICIENTS, INVERSE = "coefficients", "inverse transform"


def photo_work(pixels: float, kmac_by_strip: Sequence[float], width: str) -> Work:
    """What decoding a stream of preset "photo" does.

    Args:
        pixels: of the picture, in whole blocks.
        kmac_by_strip: kMAC of the coefficients of every strip, from the top; cores take them one after another.
        width: of the synthesis.
    """
    from rlcodec.presets.photo.repair import KMAC

    loads = [0.0] * this_machine().cores
    for kmac in kmac_by_strip:
        loads[loads.index(min(loads))] += kmac
    synthesis = (KMAC[width] * pixels, 0.0) if KMAC[width] else (0.0, pixels)
    return {COEFFICIENTS: (max(loads), 0.0), INVERSE: (0.0, pixels), f"{SYNTHESIS}, {width}": synthesis}


def photo_decode_ms(
    calibration: Calibration, pixels: float, coefficient_kmac: float, width: str, height: int | None = None
) -> float:
    """Predicted milliseconds of decoding a photograph on all cores.

    Args:
        calibration: of this machine.
        pixels: of the picture.
        coefficient_kmac: kMAC of decoding all coefficients.
        width: of the synthesis.
        height: of the picture in pixels, which says how many strips there are for the cores to share; of a square when None.

    Raises:
        DataError: the calibration is of another model, or does not know the width.
        OptionError: there is no such width.
    """
    from rlcodec.parallel.threads import parts_of
    from rlcodec.presets.photo.repair import WIDTHS
    from rlcodec.presets.photo.strips import STRIP_ROWS
    from rlcodec.presets.photo.transform import BLOCK

    if width not in WIDTHS:
        raise OptionError(f"unknown synthesis {width!r}; there are: {', '.join(WIDTHS)}")
    rows = max(math.ceil((height or math.sqrt(pixels)) / BLOCK), 1)
    strips = [(part.stop - part.start) / rows * coefficient_kmac for part in parts_of(rows, STRIP_ROWS)]
    return calibration.predicted_ms(PHOTO.name, photo_work(pixels, strips, width))
