"""Options of encoding with preset `raster`."""

from dataclasses import dataclass

from rlcodec.options import EncodeOptions, option
from rlcodec.presets.raster.settings import DEFAULT_PREDICTOR, check_max_error, check_predictor


@dataclass(frozen=True, kw_only=True)
class RasterOptions(EncodeOptions):
    """Options of encoding with preset `raster`, which is lossless unless `max_error` allows errors.

    Attributes:
        predictor: "table", which is fastest; "context", which mixes several predictions; or "ensemble", which mixes more of
            them and takes the fewest bytes.
        max_error: the largest difference of a decoded sample from the original, 0 to 8; 0 is lossless.
    """

    predictor: str = option(
        "Predictor of the entropy coder: table is fastest, context takes fewer bytes, ensemble the fewest.", DEFAULT_PREDICTOR
    )
    max_error: int = option("Largest error of a sample, 0 (lossless) to 8.", 0, least=0)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_predictor(self.predictor)
        check_max_error(self.max_error)


OPTIONS = RasterOptions
