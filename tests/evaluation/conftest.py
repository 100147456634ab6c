"""A report of two photographs by three codecs, a run that learned, and what the shipped policies claim."""

import json
import math
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image
from torch.utils.tensorboard import SummaryWriter

from rlcodec.evaluation.rate_distortion import TableOptions, load_table, measure_codecs
from rlcodec.evaluation.report.content import Content, gather
from rlcodec.evaluation.report.html import render
from rlcodec.evaluation.report.sources import read_sources

REFERENCE = Path(__file__).parents[2] / "runs" / "reference" / "photo-shipped"
REWARDS = (1.0, 2.5, 4.25)


@dataclass(frozen=True)
class Reported:
    """A report, what it was made of, and where: `folder` holds photos/, codecs.csv and ppo/."""

    folder: Path
    table: pd.DataFrame
    content: Content
    page: str


@pytest.fixture(scope="session")
def reported(tmp_path_factory, photograph: Image.Image) -> Reported:
    """A report of everything at once."""
    folder = tmp_path_factory.mktemp("report")
    (folder / "photos").mkdir()
    photograph.save(folder / "photos" / "wide.png")
    photograph.crop((60, 20, 220, 200)).save(folder / "photos" / "tall.png")
    options = TableOptions(folder / "codecs.csv", workers=1)
    measure_codecs(folder / "photos", ["rlcodec:photo", "jpeg", "policy:shipped"], options)
    (folder / "ppo").mkdir()
    (folder / "ppo" / "run.json").write_text(json.dumps({"settings": {"seed": 7, "n_timesteps": 30}}))
    with SummaryWriter(folder / "ppo" / "ppo_1") as board:
        for step, reward in enumerate(REWARDS):
            board.add_scalar("train/loss", 1 / (step + 1), 10 * step)
            board.add_scalar("rollout/ep_rew_mean", reward, 10 * step)
        board.add_scalar("train/clip_fraction", math.nan, 0)
    content = gather(read_sources([folder / "codecs.csv", folder / "ppo", REFERENCE]))
    page = render(content, ["codecs.csv", "ppo"])
    (folder / "report.html").write_text(page, encoding="utf-8", newline="")
    return Reported(folder, load_table(folder / "codecs.csv"), content, page)
