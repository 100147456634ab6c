"""Which parts of which presets can be pretrained; functions are imported when they are first called."""

import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rlcodec.errors import OptionError
from rlcodec.training.mnist.options import MnistRasterOptions
from rlcodec.training.options import AutoencoderOptions, PretrainOptions
from rlcodec.training.raster.options import RasterPretrainOptions

AUTOENCODER, RASTER = "autoencoder", "raster"
Pretrain = Callable[[Path, PretrainOptions], Path]
"""From a folder of images and an instance of the options to the file or folder that was written."""


@dataclass(frozen=True)
class Pretraining:
    """How a part of a preset is pretrained.

    Attributes:
        options: dataclass of its options.
        function: a `Pretrain`, or the module and name of one, "module:name".
    """

    options: type[PretrainOptions]
    function: Pretrain | str

    def run(self, data: Path, options: PretrainOptions) -> Path:
        """Trains and exports the part; returns the file or folder that was written.

        Raises:
            DataError: the images are unusable.
            ModelError: weights that the part builds on are unusable.
        """
        function = pkgutil.resolve_name(self.function) if isinstance(self.function, str) else self.function
        return function(data, options)


_pretrainings: dict[tuple[str, str], Pretraining] = {
    ("mnist", AUTOENCODER): Pretraining(AutoencoderOptions, "rlcodec.training.mnist.pretrain:pretrain_autoencoder"),
    ("mnist", RASTER): Pretraining(MnistRasterOptions, "rlcodec.training.mnist.pretrain:pretrain_raster"),
    ("photo", AUTOENCODER): Pretraining(PretrainOptions, "rlcodec.training.photo.pretrain:pretrain_photo"),
    ("raster", RASTER): Pretraining(RasterPretrainOptions, "rlcodec.training.raster.pretrain:pretrain_raster"),
    ("compact", AUTOENCODER): Pretraining(AutoencoderOptions, "rlcodec.training.compact.pretrain:pretrain_compact"),
}


def register_pretraining(preset: str, part: str, pretraining: Pretraining) -> None:
    """Adds the pretraining of a part of a preset.

    Args:
        preset: name of the preset.
        part: "autoencoder" or "raster".
        pretraining: its options and function.

    Raises:
        OptionError: the part of the preset has one already.
    """
    if (preset, part) in _pretrainings:
        raise OptionError(f"preset {preset} has a pretraining of part {part} already")
    _pretrainings[preset, part] = pretraining


def pretraining_options(part: str) -> dict[str, type[PretrainOptions]]:
    """Dataclasses of options of pretraining a part, by the names of presets."""
    return {preset: entry.options for (preset, trained), entry in _pretrainings.items() if trained == part}


def pretraining_of(preset: str, part: str) -> Pretraining:
    """The pretraining of a part of a preset.

    Raises:
        OptionError: there is none.
    """
    if (preset, part) not in _pretrainings:
        names = ", ".join(f"{part} {preset}" for preset, part in _pretrainings)
        raise OptionError(f"there is no pretraining of {part} {preset}; there are: {names}")
    return _pretrainings[preset, part]
