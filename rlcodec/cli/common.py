"""What all commands share: how they are declared, common options, progress bars and messages."""

import functools
import inspect
import os
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import is_dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from rlcodec.cli.option_parameters import OptionTypes, given_options, option_parameters, take_options
from rlcodec.errors import OptionError

EXIT_FAILURE = 2
_quiet = False
"""Whether --quiet is given."""
commands: dict[str, typer.Typer] = {}
"""Commands, and groups of them, by name: those whose modules are imported."""


def declare_app(name: str, text: str, **settings: Any) -> typer.Typer:
    """An application of Typer's without commands.

    Args:
        name: of it.
        text: help text.
        **settings: further arguments of `typer.Typer`.
    """
    return typer.Typer(
        name=name,
        help=text,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
        **settings,
    )


def declare_group(name: str, text: str) -> typer.Typer:
    """A group of commands; arguments as those of `declare_app`."""
    group = commands[name] = declare_app(name, text, add_completion=False)
    group.callback()(lambda: None)  # with which a single command is a group, too
    return group


PRESET_HELP = "Name of the preset."
JSON_HELP = "Print JSON."
BACKEND_HELP = "local: the cores of this machine; ray: the cluster of RAY_ADDRESS, or Ray on this machine."
PresetOption = Annotated[str, typer.Option(help=PRESET_HELP)]
JsonOption = Annotated[bool, typer.Option("--json", help=JSON_HELP)]
BackendOption = Annotated[str, typer.Option(help=BACKEND_HELP)]
SeedOption = Annotated[int, typer.Option(help="Seed of weights, batches and noise.")]
MaxPixelsOption = Annotated[int, typer.Option(min=1, help="Refuse larger streams and images; 2**28 is the maximum.")]
DataOption = Annotated[Path, typer.Option(help="Folder of idx files or of images, or one idx file.")]
QUIET = inspect.Parameter(
    "quiet",
    inspect.Parameter.KEYWORD_ONLY,
    default=False,
    annotation=Annotated[bool, typer.Option("--quiet", "-q", help="Print only errors, warnings and the output of --json.")],
)


class _Callback:
    """A command as Typer calls it.

    Its signature is computed whenever the command line is built, so that presets registered by then have their options. A
    parameter of the function that is a dataclass stands for the options that its fields describe. The options of `types` stand
    behind the positional parameters of the function, before those that are keyword-only.
    """

    def __init__(self, run: Callable[..., None], types: Callable[[], OptionTypes] | None):
        functools.update_wrapper(self, run)
        self.run, self.types = run, types
        self.written = inspect.signature(run, eval_str=True)
        annotations = {name: parameter.annotation for name, parameter in self.written.parameters.items()}
        self.options = {n: kind for n, kind in annotations.items() if isinstance(kind, type) and is_dataclass(kind)}

    @property
    def __signature__(self) -> inspect.Signature:
        by_kind: dict[Any, list[inspect.Parameter]] = defaultdict(list)
        for name, parameter in self.written.parameters.items():
            shown = option_parameters({"": self.options[name]}) if name in self.options else [parameter]
            by_kind[parameter.kind] += [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in shown]
        declared = option_parameters(self.types()) if self.types else []
        leading, trailing = by_kind[inspect.Parameter.POSITIONAL_OR_KEYWORD], by_kind[inspect.Parameter.KEYWORD_ONLY]
        return self.written.replace(parameters=[*leading, *declared, *trailing, QUIET])

    def __call__(self, *, quiet: bool = False, **values: Any) -> None:
        values |= {name: take_options(options, values) for name, options in self.options.items()}
        if self.types:
            types = self.types()
            shown = [parameter.name for parameter in option_parameters(types)]
            values |= given_options(types, {name: values.pop(name) for name in shown})
        with _silence() if quiet else nullcontext():
            self.run(**values)


def command(
    *examples: str, group: typer.Typer | None = None, name: str | None = None, types: Callable[[], OptionTypes] | None = None
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Declares a function as a command, which has the option --quiet.

    Args:
        *examples: shown at the end of its help.
        group: that it belongs to, if any.
        name: of the command, if it differs from the function's.
        types: dataclasses of options, whose fields become options of the command. The function gets those that are given as
            keyword arguments, `**options`.
    """

    def register(run: Callable[..., None]) -> Callable[..., None]:
        name_of_it = name or run.__name__
        app = group if group is not None else commands.setdefault(name_of_it, declare_app(name_of_it, "", add_completion=False))
        app.command(name_of_it, epilog="\n\n".join(["Examples:", *examples]))(_Callback(run, types))
        return run

    return register


@contextmanager
def _silence() -> Iterator[None]:
    """Silences this module, and rich's console, on which training prints."""
    global _quiet
    from rich import get_console

    _quiet = get_console().quiet = True
    try:
        yield
    finally:
        _quiet = get_console().quiet = False


def say(text: str) -> None:
    """Prints on standard output, unless --quiet."""
    if not _quiet:
        print(text)


def complain(*lines: str) -> None:
    """Prints lines on standard error, each after the name of the program."""
    for line in lines:
        print(f"rlcodec: {line}", file=sys.stderr)


def show(table: Any, min_columns: int = 0) -> None:
    """Prints a table of rich's, unless --quiet, at least `min_columns` characters wide."""
    from rich import get_console

    console = get_console()  # whose own `quiet` is set by --quiet
    console.print(table, width=max(console.width, min_columns))


def torch_device(name: str) -> str:
    """The name that torch has for a device, "auto", "cpu" or "cuda"; raises OptionError if it does not exist."""
    import torch

    if name not in ("auto", "cpu", "cuda"):
        raise OptionError(f"unknown device {name!r}; there are: auto, cpu, cuda")
    if name == "cuda" and not torch.cuda.is_available():
        raise OptionError("there is no CUDA device that torch can use; use --device cpu")
    if name == "cpu" or not torch.cuda.is_available():
        return "cpu"
    return f"cuda:{os.environ.get('LOCAL_RANK', 0)}"  # which torchrun sets


@contextmanager
def progress(title: str) -> Iterator[Any]:
    """Shows a progress bar on standard error, if that is a terminal; yields a function of (items done, items in all)."""
    if _quiet or not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
