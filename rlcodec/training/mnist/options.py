"""Options of training the raster-encoder of preset `mnist`. Importing them does not import torch."""

from dataclasses import dataclass
from pathlib import Path

from rlcodec.options import option
from rlcodec.training.options import PretrainOptions


@dataclass(frozen=True, kw_only=True)
class MnistRasterOptions(PretrainOptions):
    """Options of training the raster-encoder of preset `mnist`; `steps` and `minutes` are those of the pixel network.

    Attributes:
        transforms: file of the auto-encoder's transforms; if None, the one in `out`, or else the shipped ones.
        latent_steps: as `steps`, of the latent network.
        latent_minutes: as `minutes`, of the latent network.
        source_steps: as `steps`, of the network of bilevel sources in tier "context".
        source_minutes: as `minutes`, of that network.
        lm_steps: as `steps`, of the network in tier "lm".
        lm_minutes: as `minutes`, of that network.
    """

    transforms: Path | None = option("Transforms of the auto-encoder; by default those in --out, or else the shipped ones.")
    latent_steps: int | None = option("Largest number of optimiser steps of the latent network.")
    latent_minutes: float | None = option("Limit on wall time of the latent network in minutes.")
    source_steps: int | None = option("Largest number of optimiser steps of the network of bilevel sources in tier context.")
    source_minutes: float | None = option("Limit on wall time of the network of bilevel sources in tier context in minutes.")
    lm_steps: int | None = option("Largest number of optimiser steps of the network of tier lm.")
    lm_minutes: float | None = option("Limit on wall time of the network of tier lm in minutes.")
