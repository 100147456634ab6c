"""Pretraining is registered by preset and part, and users can add their own."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from rlcodec.errors import OptionError
from rlcodec.options import option
from rlcodec.training import registry
from rlcodec.training.options import PretrainOptions
from rlcodec.training.registry import AUTOENCODER, RASTER, Pretraining, pretraining_of, register_pretraining


@dataclass(frozen=True, kw_only=True)
class ToyPretrainOptions(PretrainOptions):
    """Options of a pretraining that a user adds."""

    cells: int | None = option("Cells a side.")


def pretrain_toy(data: Path, options: ToyPretrainOptions) -> Path:
    """Writes its arguments to a file."""
    options.out.mkdir()
    (options.out / "arguments.txt").write_text(f"{data.name} {options.cells} {options.device}")
    return options.out


def test_an_unknown_part_is_refused_with_the_known_ones(run, tmp_path):
    with pytest.raises(OptionError, match="no pretraining of raster photo; there are: autoencoder mnist, raster mnist"):
        pretraining_of("photo", RASTER)
    code, _, err = run("pretrain", "raster", "photo", "--data", tmp_path)
    assert code == 2
    assert "there are: autoencoder mnist" in err


def test_options_of_other_presets_are_refused(run, tmp_path):
    code, _, err = run("pretrain", "autoencoder", "photo", "--data", tmp_path, "--learning-rate", 0.1)
    assert (code, err) == (2, "rlcodec: learning_rate is an option of presets mnist and compact, not of photo\n")


@pytest.mark.parametrize("option_and_value", [("--steps", 0), ("--minutes", -1), ("--batch", 0)])
def test_limits_are_positive(run, tmp_path, option_and_value):
    code, _, err = run("pretrain", "autoencoder", "mnist", "--data", tmp_path, *option_and_value)
    assert code == 2
    assert "must be positive" in err


def test_users_can_add_their_own(run, tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "_pretrainings", dict(registry._pretrainings))
    command = ("pretrain", "autoencoder", "toy", "--data", tmp_path, "--out", tmp_path / "out", "--device", "cpu")
    assert run(*command)[0] == 2
    register_pretraining("toy", AUTOENCODER, Pretraining(ToyPretrainOptions, pretrain_toy))
    assert run(*command, "--cells", 4)[0] == 0
    with pytest.raises(OptionError, match="already"):
        register_pretraining("toy", AUTOENCODER, pretraining_of("toy", AUTOENCODER))
    assert (tmp_path / "out" / "arguments.txt").read_text() == f"{tmp_path.name} 4 cpu"
