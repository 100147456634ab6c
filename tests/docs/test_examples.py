"""Every example of README.md and docs/ runs, in a folder of small samples and with smaller numbers.

A page's blocks run in their order in one folder and one Python. What cannot run says why in a comment above it.
"""

import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from PIL import Image

from rlcodec.agents import hyperparameters
from rlcodec.agents.algorithms.registry import algorithm_names, unregister_algorithm
from rlcodec.cli import main as cli
from rlcodec.cli import training as cli_training
from rlcodec.control.decode_time import StageCost, save_calibration
from rlcodec.core import statistics
from rlcodec.core.weights_file import WEIGHTS
from rlcodec.envs import tasks
from rlcodec.envs.external.task import ExternalTask
from rlcodec.envs.external.trace import MeasuredStreams, external_trace
from rlcodec.envs.measure import MeasureOptions
from rlcodec.envs.tasks import task_of
from rlcodec.evaluation import demo, digit_table
from rlcodec.evaluation.curves import mean_curves, write_curves
from rlcodec.evaluation.rate_distortion import TableOptions, measure_codecs, save_table
from rlcodec.presets import registry
from rlcodec.presets.external.process import ExternalSpec
from rlcodec.training.compact import autoencoder as compact_autoencoder
from rlcodec.training.compact import pretrain as compact_pretrain
from rlcodec.training.mnist import source_search, transformer
from rlcodec.training.photo import pretrain as photo_pretrain
from rlcodec.training.raster import pretrain as raster_pretrain

ROOT = Path(__file__).parents[2]
PAGES = {path.stem: path for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"), reverse=True)]}
"""The page of commands comes after that on training, whose slowest commands it repeats."""
ONCE = ("pretrain", "demo")
"""Commands that run once, even if they occur with other numbers: no later page needs what they write."""
NOT_RUN = {
    "README": ["sets up an environment, and trains for a minute", "sets up an environment, and runs this test among all"],
    "clusters": ["needs a cluster", "RLlib is not among the extras"],
    "shipping": ["another language"],
}
BLOCK = re.compile(r"^(?:<!-- not run: (?P<why>[^>]*) -->\n)?```(?P<kind>\w+)\n(?P<code>.*?)^```$", re.DOTALL | re.MULTILINE)
TESTED = ("sh", "bash", "python", "javascript")
SCALE = 20_000
"""Steps of training are divided by this."""
ALONE = MeasureOptions(workers=1)

SMALLER: list[tuple[str, str | Callable[[re.Match[str]], str]]] = [
    (r"--timesteps (\d+)", lambda found: f"--timesteps {int(found[1]) // SCALE} --envs 8"),
    (r"--imitate \d+", "--imitate 2"),
    (r"--images \d+", "--images 8"),
    (r"(pretrain autoencoder (?:photo|compact) --data photos)/train", r"\1/large"),
    (r"--crop 256", "--crop 64"),
    (r"--(latent|source|lm)-minutes \S+", r"--\1-steps 2"),
    (r"pretrain raster mnist", r"\g<0> --latent-steps 1 --source-steps 1 --lm-steps 1"),
    (r"(pretrain raster raster --data photos)/train", r"\1/large --steps 1"),
    (r"--minutes \S+|--steps \d{3,}", "--steps 1 --batch 1"),
    (r"--nproc-per-node \d+", "--nproc-per-node 1"),
    (r"--seconds \d+", "--seconds 1"),
    (r"rlcodec demo$", "rlcodec demo --seconds 1"),
    (r"(?:rlcodec|python \w+\.py) trace [^#\n]*", r"\g<0> --workers 1 "),
    (r"--codecs \S+", r"\g<0> --workers 1"),
    (r"--run (\S+)", r"--run \1 --episodes 4"),
    (r"evaluate (mnist|compact) --data", r"evaluate \1 --images 4 --data"),
    (r"runs/reference/mnist-shipped", "runs/ppo"),  # whose claims are of the real test digits
    (r"(--codecs policy.* --policy) runs/policy.onnx", r"\1 runs/photo/policy.onnx"),  # one for photographs
    (r"decode streams/ digits/", "decode streams/ shown/"),  # where there are photographs, too
    (r"--backend ray", "--backend local"),  # a cluster takes seconds to start, and has tests of its own
    (r"-m timeit", "-m timeit -n 1 -r 1"),
    (r"-n 200000", "-n 200"),
    (r"(rl_zoo3.enjoy .*)", r"\1 -n 20"),
    (r"num_envs=1024", "num_envs=16"),
    (r"learn\(100_000\)", "learn(64)"),
    (r"n_steps=\d+, batch_size=\d+", "n_steps=32, batch_size=32"),
]


class Block(NamedTuple):
    """An example: its language, its text, and why it is not run, if it is not."""

    kind: str
    code: str
    why: str | None


def blocks_of(page: Path) -> list[Block]:
    """The examples of a page, in their order."""
    found = [Block(match["kind"], match["code"], match["why"]) for match in BLOCK.finditer(page.read_text())]
    return [block for block in found if block.kind in TESTED]


def smaller(code: str) -> str:
    """The example with numbers that take a moment."""
    for pattern, by in SMALLER:
        code = re.sub(pattern, by, code, flags=re.MULTILINE)
    return code if "jxl" not in code or has_jxl() else code.replace("jxl,", "")


def has_jxl() -> bool:
    """Whether Pillow can write JPEG XL here."""
    try:
        import pillow_jxl  # noqa: F401
    except ImportError:
        return False
    return True


def commands_of(code: str) -> Iterator[list[str]]:
    """The commands of a shell block, as lists of words; variables are filled in."""
    variables: dict[str, str] = {}
    pending = ""
    for line in code.replace("\\\n", " ").splitlines():
        pending += line + "\n"
        try:
            words = shlex.split(pending, comments=True)
        except ValueError:  # a quotation goes on
            continue
        pending = ""
        if words and (found := re.fullmatch(r"(\w+)=(.*)", words[0], re.DOTALL)):
            variables[found[1]] = found[2]
            continue
        while "&&" in words:
            yield words[: words.index("&&")]
            words = words[words.index("&&") + 1 :]
        if words:
            yield [variables.get(word.removeprefix("$"), word) for word in words]
    assert not pending


def in_process(monkeypatch: pytest.MonkeyPatch, words: list[str], call: Callable[[], Any]) -> None:
    """Calls something that reads the command line."""
    with monkeypatch.context() as patched:
        patched.setattr(sys, "argv", words)
        try:
            call()
        except SystemExit as end:
            if end.code:
                pytest.fail(f"{shlex.join(words)}: exit code {end.code}")


def run_command(monkeypatch: pytest.MonkeyPatch, words: list[str]) -> None:
    """Runs one command of a shell block, in this process if it is rlcodec or a module of Python."""
    match words:
        case ["rlcodec", *_]:
            in_process(monkeypatch, words, cli.main)
        case ["python", "-m", module, *rest]:
            in_process(monkeypatch, [module, *rest], lambda: runpy.run_module(module, run_name="__main__", alter_sys=True))
        case ["python", script, *rest]:
            subprocess.run([sys.executable, script, *rest], check=True)
        case ["cp", *_]:
            subprocess.run(["bash", "-c", " ".join(words)], check=True)
        case ["torchrun", *rest]:
            safe = os.environ | {"PYTHONSAFEPATH": "1", "CUDA_VISIBLE_DEVICES": ""}  # the folder holds one named rlcodec
            subprocess.run([sys.executable, "-m", "torch.distributed.run", "--standalone", *rest], check=True, env=safe)
        case _:
            pytest.fail(f"{shlex.join(words)}: no such command in these tests")


@pytest.fixture(scope="module")
def samples(tmp_path_factory, digits, ring, rendered, photograph, pictures) -> Path:
    """A folder with everything that examples name."""
    folder = tmp_path_factory.mktemp("samples")
    images = np.stack([*(rendered(ring(side)) for side in range(22, 36)), *digits[:6]])
    for name in (
        "digits",
        "photos/train",
        "photos/val",
        "photos/val720",
        "photos/large",
        "more-photos",
        "data/mnist",
        "runs",
        "agents",
        "rlcodec/weights",
    ):
        (folder / name).mkdir(parents=True)
    Image.fromarray(images[0]).save(folder / "digit.png")
    for i, image in enumerate(images[:3]):
        Image.fromarray(image).save(folder / "digits" / f"{i}.png")
    write_digits(folder / "data/mnist", images)
    for name, chosen in (("train", pictures), ("val", pictures[:2]), ("val720", pictures[:1])):
        for i, picture in enumerate(chosen):
            Image.fromarray(picture[:64, :64]).resize((96, 64)).save(folder / "photos" / name / f"{i}.png")
    for i in range(12):
        photograph.crop((10 * i, i, 10 * i + 130, i + 130)).save(folder / "photos/large" / f"{i}.png")
    for name in ("photo.jpg", "photo.png", "photos/0.jpg", "more-photos/1.jpg"):
        Image.fromarray(pictures[2]).save(folder / name)
    few = {"n_timesteps": 128, "n_envs": 8, "n_steps": 16, "batch_size": 64, "n_epochs": 1, "learning_starts": 8}
    for path in (ROOT / "agents").glob("*.yml"):
        text = path.read_text()
        for setting, value in few.items():
            text = re.sub(rf"{setting}: \d+", f"{setting}: {value}", text)
        (folder / "agents" / path.name).write_text(text)
    shutil.copy(folder / "agents/ppo.yml", folder / "other.yml")
    shutil.copy(WEIGHTS / "mnist-policy.onnx", folder / "runs/policy.onnx")
    digit_task, photo_task = task_of("mnist"), task_of("photo")
    for name in ("train", "test"):
        digit_task.save(folder / f"runs/{name}.npz", digit_task.measure(images[:8], ALONE))
    photo_task.save(folder / "runs/photo.npz", photo_task.measure([picture[:48, :48] for picture in pictures], ALONE))
    bits = np.outer(np.arange(8, 16), (400.0, 800.0, 1600.0))
    spec = ExternalSpec("jpeg", ["low", "middle", "high"], ["detail"])
    external = external_trace(spec, np.full(8, 6144), bits[:, :1], MeasuredStreams(bits, 1e6 / bits))
    ExternalTask(external.spec).save(folder / "runs/jpeg.npz", external)
    for name in ("mnist-shipped", "photo-shipped"):
        shutil.copytree(ROOT / "runs/reference" / name, folder / "runs/reference" / name)
    shutil.copytree(folder / "runs/reference/photo-shipped", folder / "runs/photo-ppo")
    (folder / "runs/photos").mkdir()
    measured = measure_codecs(folder / "photos/val", ["jpeg", "rlcodec:photo"], TableOptions(folder / "codecs.csv", workers=1))
    save_table(measured.table, folder / "runs/photos/codecs.parquet")
    (theirs,) = write_curves(mean_curves(measured.table[measured.table.codec == "jpeg"]), folder, {})
    theirs.rename(folder / "theirs.json")
    return folder


def write_digits(folder: Path, images: np.ndarray) -> None:
    """A set like MNIST, both of its splits alike."""
    header = b"".join(number.to_bytes(4, "big") for number in (0x803, *images.shape))
    for name in ("train", "t10k"):
        (folder / f"{name}-images-idx3-ubyte").write_bytes(header + images.tobytes())


@pytest.fixture(scope="module")
def done() -> set[str]:
    """Commands of ONCE that have run, without their options."""
    return set()


@pytest.fixture
def workplace(tmp_path, samples, made_up, monkeypatch) -> Path:
    """A copy of the samples to work in, where nothing is fetched, timed or trained for long."""
    folder = tmp_path / "work"
    shutil.copytree(samples, folder)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("RLCODEC_CALIBRATION", str(tmp_path / "calibration.json"))
    costs = {preset: dict.fromkeys(stages, StageCost(0.01, 1e-6, 1e-6)) for preset, stages in made_up.stages.items()}
    monkeypatch.setattr("rlcodec.evaluation.calibrate.calibrate", lambda report=None: replace(made_up, stages=costs))
    monkeypatch.setattr(cli_training, "fetch_mnist", lambda target: sorted(target.iterdir()))
    monkeypatch.setattr(hyperparameters, "FOLDER", folder / "agents")
    for name, value in (("TRAIN_IMAGES", 16), ("HELD_OUT_IMAGES", 8)):
        monkeypatch.setattr(demo, name, value)
    few = {"pool": 6, "side": 128}
    monkeypatch.setattr(photo_pretrain, "pretrain_photo", partial(photo_pretrain.pretrain_photo, **few))
    monkeypatch.setattr(raster_pretrain, "pretrain_raster", partial(raster_pretrain.pretrain_raster, side=64))
    for module, setting, value in (
        (digit_table, "MOSAIC", 2),
        (statistics, "RESAMPLES", 10),
        (photo_pretrain, "HELD_BATCHES", 1), (compact_autoencoder, "CROP", 64),
        (compact_pretrain, "CROP", 64), (compact_pretrain, "CROPS_PER_PICTURE", 1),
    ):  # fmt: skip
        monkeypatch.setattr(module, setting, value)
    monkeypatch.setattr(transformer, "SCHEDULE", replace(transformer.SCHEDULE, batch=2))
    monkeypatch.setattr(source_search, "worker_pool", lambda workers: ThreadPoolExecutor(1))
    save_calibration(replace(made_up, stages=costs))
    return folder


@pytest.mark.parametrize("name", [name for name, path in PAGES.items() if any(not block.why for block in blocks_of(path))])
@pytest.mark.timeout(300)  # of which a machine that has compiled nothing yet takes most
@pytest.mark.filterwarnings("ignore")
def test_examples_run(name, workplace, registries_as_before, done, monkeypatch, capfd):
    namespace: dict[str, Any] = {"__name__": "examples"}
    script = ""
    for block in blocks_of(PAGES[name]):
        if block.why:
            continue
        if block.kind == "python":
            code = smaller(block.code)
            script += code
            if "__main__" in code:  # the end of the script that the page's commands call
                named = re.search(r"^python (\w+\.py)", PAGES[name].read_text(), re.MULTILINE)
                Path(named[1]).write_text(script)
            exec(compile(code, str(PAGES[name]), "exec"), namespace)
            continue
        for words in commands_of(smaller(block.code)):
            bare = " ".join(words).partition(" --")[0]
            if words[1] not in ONCE or bare not in done:
                run_command(monkeypatch, words)
                done.add(bare)
    assert "Traceback" not in capfd.readouterr().err


@pytest.fixture
def registries_as_before() -> Iterator[None]:
    """Removes presets, tasks and algorithms that a page has registered."""
    presets, algorithms = registry.preset_names(), algorithm_names()
    yield
    for name in set(registry.preset_names()) - set(presets):
        tasks.unregister_task(name)
        registry.unregister_preset(name)
    for name in set(algorithm_names()) - set(algorithms):
        unregister_algorithm(name)


def test_what_does_not_run_is_known():
    found = {name: [block.why for block in blocks_of(path) if block.why] for name, path in PAGES.items()}
    assert {name: why for name, why in found.items() if why} == NOT_RUN


def test_every_block_has_a_language_that_is_tested_or_is_none():
    kinds = {match["kind"] for path in PAGES.values() for match in BLOCK.finditer(path.read_text())}
    assert kinds <= {*TESTED, "console", "text"}
