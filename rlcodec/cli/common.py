"""What all commands share: how they are declared, common options, progress bars and messages."""

import inspect
import os
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import is_dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any

import click

from rlcodec.cli.option_parameters import OptionTypes, given_options, option_parameters, take_options
from rlcodec.cli.parameters import Option, click_parameter
from rlcodec.errors import OptionError

EXIT_FAILURE = 2
_quiet = False
"""Whether --quiet is given."""
HELP_OPTIONS = {"help_option_names": ["-h", "--help"]}
"""Settings of click for every command."""
Commands = dict[str, Callable[[], click.Command]]
"""By name what builds a command. It is built whenever it is used, so that presets registered by then have their options."""
commands: Commands = {}
"""Commands and groups of commands whose modules are imported."""


def declare_group(name: str, text: str) -> Commands:
    """Declares a group of commands, which are added to what this returns.

    Args:
        name: of the group.
        text: its help text.
    """
    group: Commands = {}

    def build() -> click.Group:
        built = {key: command() for key, command in group.items()}
        return click.Group(name, built, help=text, no_args_is_help=True, context_settings=HELP_OPTIONS)

    commands[name] = build
    return group


PRESET_HELP = "Name of the preset."
JSON_HELP = "Print JSON."
BACKEND_HELP = "local: the cores of this machine; ray: the cluster of RAY_ADDRESS, or Ray on this machine."
PresetOption = Annotated[str, Option(PRESET_HELP)]
JsonOption = Annotated[bool, Option(JSON_HELP, ("--json",))]
BackendOption = Annotated[str, Option(BACKEND_HELP)]
SeedOption = Annotated[int, Option("Seed of weights, batches and noise.")]
MaxPixelsOption = Annotated[int, Option("Refuse larger streams and images; 2**28 is the maximum.", least=1)]
DataOption = Annotated[Path, Option("Folder of idx files or of images, or one idx file.")]
QUIET = inspect.Parameter(
    "quiet",
    inspect.Parameter.KEYWORD_ONLY,
    default=False,
    annotation=Annotated[bool, Option("Print only errors, warnings and the output of --json.", ("--quiet", "-q"))],
)


class _Callback:
    """A function as a command calls it.

    A parameter of the function whose type is a dataclass becomes several options, one for each field. The options of `types`
    come after the positional parameters of the function and before those that are keyword-only.
    """

    def __init__(self, run: Callable[..., None], types: Callable[[], OptionTypes] | None):
        self.run, self.types = run, types
        self.written = inspect.signature(run, eval_str=True)
        annotations = {name: parameter.annotation for name, parameter in self.written.parameters.items()}
        self.options = {n: kind for n, kind in annotations.items() if isinstance(kind, type) and is_dataclass(kind)}

    def parameters(self) -> list[inspect.Parameter]:
        """Those that the command line gives."""
        by_kind: dict[Any, list[inspect.Parameter]] = defaultdict(list)
        for name, parameter in self.written.parameters.items():
            shown = option_parameters({"": self.options[name]}) if name in self.options else [parameter]
            by_kind[parameter.kind] += shown
        declared = option_parameters(self.types()) if self.types else []
        leading, trailing = by_kind[inspect.Parameter.POSITIONAL_OR_KEYWORD], by_kind[inspect.Parameter.KEYWORD_ONLY]
        return [*leading, *declared, *trailing, QUIET]

    def __call__(self, *, quiet: bool = False, **values: Any) -> None:
        values |= {name: take_options(options, values) for name, options in self.options.items()}
        if self.types:
            types = self.types()
            shown = [parameter.name for parameter in option_parameters(types)]
            values |= given_options(types, {name: values.pop(name) for name in shown})
        with _silence() if quiet else nullcontext():
            self.run(**values)


def command(
    *examples: str, group: Commands = commands, name: str | None = None, types: Callable[[], OptionTypes] | None = None
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Declares a function as a command, which has the option --quiet.

    Args:
        *examples: shown at the end of its help.
        group: that it belongs to.
        name: of the command, if it differs from the function's.
        types: dataclasses of options, whose fields become options of the command. The function gets those that are given as
            keyword arguments, `**options`.
    """

    def register(run: Callable[..., None]) -> Callable[..., None]:
        called = _Callback(run, types)
        key = name or run.__name__

        def build() -> click.Command:
            return click.Command(
                key,
                params=[click_parameter(parameter) for parameter in called.parameters()],
                callback=called,
                help=inspect.getdoc(run),
                epilog="\n\n".join(["Examples:", *examples]),
                context_settings=HELP_OPTIONS,
            )

        group[key] = build
        return run

    return register


@contextmanager
def _silence() -> Iterator[None]:
    """Silences this module and, if the training tools are installed, rich's console, on which they print."""
    global _quiet
    console: Any = SimpleNamespace()
    with suppress(ImportError):
        from rich import get_console

        console = get_console()
    _quiet = console.quiet = True
    try:
        yield
    finally:
        _quiet = console.quiet = False


def say(text: str) -> None:
    """Prints on standard output, unless --quiet."""
    if not _quiet:
        print(text)


def complain(*lines: str) -> None:
    """Prints lines on standard error, each after the name of the program."""
    for line in lines:
        print(f"rlcodec: {line}", file=sys.stderr)


def show(*rows: Sequence[str]) -> None:
    """Prints the rows of a table, the first of which are titles, in aligned columns, unless --quiet."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


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
    with ExitStack() as stack:
        bars: list[Any] = []

        def report(done: int, total: int) -> None:
            if not bars:
                bars.append(stack.enter_context(click.progressbar(length=total, label=title, file=sys.stderr)))
            bars[0].update(done - bars[0].pos)

        yield report
