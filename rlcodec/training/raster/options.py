"""Options of training preset `raster`."""

from dataclasses import dataclass
from pathlib import Path

from rlcodec.options import option
from rlcodec.training.options import PretrainOptions


@dataclass(frozen=True, kw_only=True)
class RasterPretrainOptions(PretrainOptions):
    """Options of training preset `raster`; `steps` is the number of pictures of each kind that are coded.

    Attributes:
        small: folder of small gray pictures, as `rlcodec.training.data.load_images` reads them, that train the states for small
            pictures beside small parts of the photographs; none if None.
    """

    small: Path | None = option("Folder of small gray pictures, for instance digits, that the states for small pictures know.")
