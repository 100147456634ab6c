"""How long this machine takes to decode: milliseconds per stage of the decoder, kept in a file, and what they predict.

Objectives count kMAC, which are the same everywhere; only a calibration turns them into milliseconds of one machine.
`rlcodec.calibrating` measures one.
"""

import functools
import json
import math
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rlcodec.errors import DataError, OptionError
from rlcodec.files import make_folder, write_bytes
from rlcodec.model import load_model
from rlcodec.presets import COMPACT, MNIST, PHOTO
from rlcodec.segments import LATENT, MACS_PER_KMAC, PIXELS, CodedSegment, synthesis_macs
from rlcodec.stream import CONTEXT, LM, STOP, TIERS

if TYPE_CHECKING:
    from rlcodec.codec import StreamInfo

FORMAT = 1
VARIABLE = "RLCODEC_CALIBRATION"
FILE = "calibration.json"
AGAIN = "run `rlcodec calibrate`"
START, LATENTS, SYNTHESIS = "start", "latents", "synthesis"
ROWS = tuple(f"rows, {tier}" for tier in TIERS[:LM])
SCAN_ROWS = tuple(f"rows of a scan, {tier}" for tier in TIERS)
COEFFICIENTS, INVERSE = "coefficients", "inverse transform"
CODING = tuple(f"coding, {tier}" for tier in TIERS[:LM])

Work = Mapping[str, tuple[float, float]]
"""What a decode does: by stage, its kMAC and its pixels. A stage that does not run is not there."""


@dataclass(frozen=True)
class StageCost:
    """What a stage of a decoder takes.

    Attributes:
        fixed_ms: milliseconds of a decode in which it runs at all.
        ms_per_kmac: milliseconds for each kMAC.
        ms_per_pixel: milliseconds for each pixel, where the stage does what is not counted in MACs.
    """

    fixed_ms: float
    ms_per_kmac: float
    ms_per_pixel: float


@dataclass(frozen=True)
class Machine:
    """Whose milliseconds a calibration holds.

    Attributes:
        cpu: name of the processor.
        cores: that there are.
        rlcodec: version of it.
    """

    cpu: str
    cores: int
    rlcodec: str


@dataclass(frozen=True)
class Calibration:
    """Milliseconds that decoding takes on one machine.

    Attributes:
        machine: which.
        digests: of the models that ran, by preset.
        stages: costs by preset and stage.
    """

    machine: Machine
    digests: Mapping[str, str]
    stages: Mapping[str, Mapping[str, StageCost]]

    def predicted_ms(self, preset: str, work: Work) -> float:
        """Milliseconds of a decode that does `work`.

        Raises:
            DataError: the calibration is of another model, or lacks a stage.
        """
        if self.digests.get(preset) != model_digest(preset):
            raise DataError(f"the calibration is of another model of preset {preset}; {AGAIN} again")
        total = 0.0
        for stage, (kmac, pixels) in work.items():
            cost = self.stages[preset].get(stage)
            if cost is None:
                raise DataError(f"the calibration lacks the stage {stage!r} of preset {preset}; {AGAIN} again")
            total += cost.fixed_ms + cost.ms_per_kmac * kmac + cost.ms_per_pixel * pixels
        return total

    def to_json(self) -> str:
        """As `load_calibration` reads it."""
        stages = {preset: {stage: asdict(cost) for stage, cost in of.items()} for preset, of in self.stages.items()}
        fields = {"format": FORMAT, **asdict(self.machine), "digests": dict(self.digests), "stages": stages}
        return json.dumps(fields, indent=1) + "\n"


def model_digest(preset: str) -> str:
    """SHA-256 of a preset's model, hexadecimal."""
    if preset == PHOTO.name:
        from rlcodec.photo.model import load_photo_model

        return load_photo_model().digest
    if preset == COMPACT.name:
        from rlcodec.compact.model import load_compact_model

        return load_compact_model().digest
    return load_model(preset).digest


@functools.cache
def this_machine() -> Machine:
    """The machine that this runs on."""
    from rlcodec import __version__

    name = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), name)
    except OSError:
        pass
    return Machine(name, os.cpu_count() or 1, __version__)


def calibration_path() -> Path:
    """Where the calibration is kept: the file that RLCODEC_CALIBRATION names, or one in the user's cache."""
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named)
    import platformdirs

    return platformdirs.user_cache_path("rlcodec") / FILE


def save_calibration(calibration: Calibration, path: Path | None = None) -> Path:
    """Writes a calibration, whole or not at all; its folder is made.

    Args:
        calibration: what to keep.
        path: `calibration_path()` when None.

    Returns:
        The file written.

    Raises:
        OutputError: it cannot be written.
    """
    file = path or calibration_path()
    make_folder(file.parent)
    write_bytes(file, calibration.to_json().encode())
    return file


def load_calibration(path: Path | None = None) -> Calibration:
    """Reads the calibration of this machine.

    Args:
        path: `calibration_path()` when None.

    Raises:
        DataError: it is missing, broken, or was made on another machine or by another version.
    """
    file = path or calibration_path()
    try:
        modified = file.stat().st_mtime_ns
    except OSError as error:
        raise DataError(f"{file}: this machine has no calibration yet; {AGAIN} first") from error
    calibration = _load(file, modified)
    if calibration.machine != this_machine():
        there, here = (f"{m.cpu}, {m.cores} cores, rlcodec {m.rlcodec}" for m in (calibration.machine, this_machine()))
        raise DataError(f"{file}: is the calibration of another machine ({there}; this is {here}); {AGAIN} again")
    return calibration


@functools.lru_cache(maxsize=8)
def _load(file: Path, modified: int) -> Calibration:
    try:
        fields = json.loads(file.read_bytes())
        if fields["format"] != FORMAT:
            raise DataError(f"{file}: has calibration format {fields['format']}; this rlcodec reads {FORMAT}; {AGAIN} again")
        machine = Machine(str(fields["cpu"]), int(fields["cores"]), str(fields["rlcodec"]))
        stages = {
            preset: {stage: StageCost(**{name: float(value) for name, value in cost.items()}) for stage, cost in of.items()}
            for preset, of in fields["stages"].items()
        }
        costs = [value for of in stages.values() for cost in of.values() for value in asdict(cost).values()]
        digests = {str(preset): str(digest) for preset, digest in fields["digests"].items()}
        if not all(math.isfinite(value) and value >= 0 for value in costs) or digests.keys() != stages.keys():
            raise ValueError("a cost makes no sense")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(f"{file}: not a usable calibration ({type(error).__name__}); {AGAIN} again") from error
    return Calibration(machine, digests, stages)


def mnist_work(height: int, width: int, bit_budget: int, segments: Sequence[CodedSegment], scan: bool) -> Work:
    """What decoding a stream of preset "mnist" does.

    Args:
        height: pixels.
        width: pixels.
        bit_budget: binary latents kept.
        segments: that were coded.
        scan: the rows were coded by way of a scan.
    """
    work = {START: (0.0, float(height * width))}
    sent = [s for s in segments if s.tier != STOP]
    if bit_budget or sum(s.segment.kind == PIXELS and s.complete for s in sent) < height:
        # Without latents its output is a constant, whose compute does not count; but it runs.
        work[SYNTHESIS] = synthesis_macs(load_model(MNIST.name), height, width, 1) / MACS_PER_KMAC, 0.0
    for segment in sent:
        if segment.segment.kind == LATENT:
            stage = LATENTS
        else:  # without a scan, tier lm is the network of tier context
            stage = SCAN_ROWS[segment.tier] if scan else ROWS[min(segment.tier, CONTEXT)]
        work[stage] = work.get(stage, (0.0, 0.0))[0] + segment.macs / MACS_PER_KMAC, 0.0
    return work


def photo_work(pixels: float, kmac_by_strip: Sequence[float], width: str) -> Work:
    """What decoding a stream of preset "photo" does.

    Args:
        pixels: of the picture, in whole blocks.
        kmac_by_strip: kMAC of the coefficients of every strip, from the top; cores take them one after another.
        width: of the synthesis.
    """
    from rlcodec.photo.synthesis import KMAC

    loads = [0.0] * this_machine().cores
    for kmac in kmac_by_strip:
        loads[loads.index(min(loads))] += kmac
    synthesis = (KMAC[width] * pixels, 0.0) if KMAC[width] else (0.0, pixels)
    return {COEFFICIENTS: (max(loads), 0.0), INVERSE: (0.0, pixels), f"{SYNTHESIS}, {width}": synthesis}


def compact_work(pixels: float, macs_by_tier: Mapping[int, int]) -> Work:
    """What decoding a stream of preset "compact" does.

    Args:
        pixels: of the picture, in whole positions of the latent.
        macs_by_tier: multiply-accumulates of all segments in each tier that any was sent in.
    """
    from rlcodec.compact.transform import MACS_PER_PIXEL

    work = {SYNTHESIS: (MACS_PER_PIXEL * pixels / MACS_PER_KMAC, 0.0)}
    return work | {CODING[tier]: (macs / MACS_PER_KMAC, 0.0) for tier, macs in sorted(macs_by_tier.items())}


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
    from rlcodec.photo.blocks import BLOCK
    from rlcodec.photo.codec import STRIP_ROWS
    from rlcodec.photo.synthesis import WIDTHS
    from rlcodec.threads import parts_of

    if width not in WIDTHS:
        raise OptionError(f"unknown synthesis {width!r}; there are: {', '.join(WIDTHS)}")
    rows = max(math.ceil((height or math.sqrt(pixels)) / BLOCK), 1)
    strips = [(part.stop - part.start) / rows * coefficient_kmac for part in parts_of(rows, STRIP_ROWS)]
    return calibration.predicted_ms(PHOTO.name, photo_work(pixels, strips, width))


def work_of(info: "StreamInfo") -> Work:
    """What decoding the stream does that `inspect` tells of."""
    if info.preset == PHOTO.name:
        from rlcodec.photo.blocks import padded_size
        from rlcodec.photo.stream import PhotoSetting

        strips: dict[int, float] = {}
        for s in info.segments:
            strips[s.segment.index] = strips.get(s.segment.index, 0.0) + s.macs / MACS_PER_KMAC
        pixels = math.prod(padded_size(info.height, info.width))
        return photo_work(pixels, [strips[i] for i in sorted(strips)], PhotoSetting.from_number(info.bit_budget).width)
    if info.preset == COMPACT.name:
        from rlcodec.compact.transform import STRIDE, latent_size

        macs: dict[int, int] = {}
        for segment in info.segments:
            if segment.tier != STOP:
                macs[segment.tier] = macs.get(segment.tier, 0) + segment.macs
        return compact_work(math.prod(latent_size(info.height, info.width)) * STRIDE**2, macs)
    return mnist_work(info.height, info.width, info.bit_budget, info.segments, info.scan)


def predicted_decode_ms(info: "StreamInfo", calibration: Calibration | None = None) -> float:
    """Predicted milliseconds of decoding a stream on this machine.

    Args:
        info: what `rlcodec.inspect` tells of the stream.
        calibration: of this machine; the one that `rlcodec calibrate` left when None.

    Raises:
        DataError: there is no usable calibration.
    """
    return (calibration or load_calibration()).predicted_ms(info.preset, work_of(info))
