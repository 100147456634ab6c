"""What the parts of the command line share: the application, options, progress and messages."""

import functools
import inspect
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from rlcodec.errors import OptionError

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Learned image compression whose encoder is driven by a policy.",
    context_settings={"help_option_names": ["-h", "--help"]},
)
pretrain_app = typer.Typer(no_args_is_help=True, help="Train a preset's networks from images.")
data_app = typer.Typer(no_args_is_help=True, help="Fetch data sets.")
app.add_typer(pretrain_app, name="pretrain")
app.add_typer(data_app, name="data")

PresetOption = Annotated[str, typer.Option(help="Whose model to use.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
DeviceOption = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
CodingDeviceOption = Annotated[
    str | None, typer.Option(help="cuda, or another of torch's: runs the network of tier lm there, for many files at once.")
]
ResumeOption = Annotated[bool, typer.Option(help="Go on from the checkpoint that is there.")]
FilesResumeOption = Annotated[
    bool, typer.Option("--resume", help="Of many files leave those alone that are written already, by a run that was cut.")
]
SeedOption = Annotated[int, typer.Option(help="Of weights, batches and noise.")]
MaxPixelsOption = Annotated[int, typer.Option(min=1, help="Refuse images and streams with more pixels; 2**28 are the most.")]
WorkersOption = Annotated[int | None, typer.Option(help="Threads; as many as cores if not given.")]
EngineOption = Annotated[
    str, typer.Option(help="local: this machine's cores; or ray: the cluster that RAY_ADDRESS names, else this machine.")
]
SynthesisOption = Annotated[
    str | None,
    typer.Option(help="Preset photo: plain, light or full, what decoders spend on repair."),
]
DataOption = Annotated[Path, typer.Option(help="Folder of idx files or of images, or one idx file.")]


QUIET = inspect.Parameter(
    "quiet",
    inspect.Parameter.KEYWORD_ONLY,
    default=False,
    annotation=Annotated[
        bool, typer.Option("--quiet", "-q", help="Print nothing but errors, warnings and what --json asks for.")
    ],
)


def command(
    *examples: str, group: typer.Typer = app, name: str | None = None
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Registers a command, with examples at the end of its help and with --quiet, which silences rich's console."""

    def register(run: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(run)
        def with_quiet(*arguments: Any, quiet: bool = False, **options: Any) -> None:
            from rich import get_console

            get_console().quiet = quiet
            run(*arguments, **options)

        own = inspect.signature(run, eval_str=True)
        with_quiet.__signature__ = own.replace(parameters=[*own.parameters.values(), QUIET])  # type: ignore[attr-defined]
        with_quiet.__annotations__ = run.__annotations__ | {QUIET.name: QUIET.annotation}
        group.command(name, epilog="\n\n".join(["Examples:", *examples]))(with_quiet)
        return run

    return register


def say(text: str) -> None:
    """Prints on standard output, unless --quiet."""
    from rich import get_console

    if not get_console().quiet:
        print(text)


def show(table: Any, narrowest: int = 0) -> None:
    """Prints one of rich's tables, unless --quiet; no narrower than so many columns."""
    from rich import get_console

    console = get_console()
    console.print(table, width=max(console.width, narrowest))


def announce_compilation() -> None:
    """Says that the first run on a machine compiles, where it will."""
    from rich import get_console

    from rlcodec.core.kernel import is_compiled
    from rlcodec.presets.mnist.pixel_coder import code_pixel_row

    if not is_compiled(code_pixel_row) and not get_console().quiet:
        print("rlcodec: compiling the kernels for this machine, once (about 25 s)", file=sys.stderr)


def torch_device(name: str) -> str:
    """What torch calls a device; raises OptionError where there is none."""
    import torch

    if name not in ("auto", "cpu", "cuda"):
        raise OptionError(f"unknown device {name!r}; there are: auto, cpu, cuda")
    if name == "cuda" and not torch.cuda.is_available():
        raise OptionError("there is no CUDA device that torch can use; take --device cpu")
    if name == "cpu" or not torch.cuda.is_available():
        return "cpu"
    return f"cuda:{os.environ.get('LOCAL_RANK', 0)}"  # which torchrun sets


@contextmanager
def progress(title: str) -> Iterator[Any]:
    """A progress bar on standard error where that is a terminal; yields a function of (done, of all)."""
    from rich import get_console
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=get_console().quiet or not console.is_terminal) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
