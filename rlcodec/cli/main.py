"""The command line: its entry point, its commands by name, and how failures are reported."""

import importlib
import sys
import warnings
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from rlcodec.cli.common import EXIT_FAILURE, commands, complain, declare_app
from rlcodec.errors import RlcodecError
from rlcodec.version import __version__

MODULES = {
    "encode": "coding",
    "decode": "coding",
    "info": "coding",
    "calibrate": "coding",
    "pack": "collections",
    "unpack": "collections",
    "trace": "policies",
    "train": "policies",
    "evaluate": "evaluate",
    "export": "results",
    "validate": "results",
    "report": "report",
    "demo": "training",
    "pretrain": "training",
    "data": "training",
}
"""Modules of the commands, in the order of --help."""
EXIT_INTERRUPTED = 130
TRAINING_EXTRA = "this command needs the training tools: pip install 'rlcodec[train]'"


def main() -> None:
    """Runs the command line; a failure is one line on standard error and exit code 2."""
    warnings.showwarning = _show_warning  # type: ignore[assignment]
    try:
        app()
    except RlcodecError as error:
        complain(" ".join(str(error).split()))
        sys.exit(EXIT_FAILURE)
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.split(".")[0] == "rlcodec":
            raise
        complain(f"{TRAINING_EXTRA} (missing: {error.name})")
        sys.exit(EXIT_FAILURE)
    except OSError as error:  # for instance a full disk, reported by a library that writes a file
        complain(f"{error.filename or 'input or output'}: {error.strerror or error}")
        sys.exit(EXIT_FAILURE)
    except KeyboardInterrupt:
        complain("interrupted")
        sys.exit(EXIT_INTERRUPTED)


def _show_warning(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
    if category.__module__.startswith("rlcodec"):
        complain(str(message))


def _version(wanted: bool) -> None:
    if wanted:
        print(f"rlcodec {__version__}")
        raise typer.Exit


class _Commands(Mapping[str, Any]):
    """The commands of `MODULES` as click's. A command's module is imported when the command is run or its help is needed."""

    def __getitem__(self, name: str) -> Any:
        importlib.import_module(f"rlcodec.cli.{MODULES[name]}")
        return typer.main.get_command(commands[name])

    def __iter__(self) -> Iterator[str]:
        return iter(MODULES)

    def __len__(self) -> int:
        return len(MODULES)


class _Group(TyperGroup):
    """The group of all commands."""

    def __init__(self, **settings: Any):
        super().__init__(**settings | {"commands": _Commands()})

    def list_commands(self, ctx: Any) -> list[str]:
        return list(MODULES)


app = declare_app("rlcodec", "Learned image compression whose encoder is driven by a policy.", cls=_Group)


@app.callback()
def _options(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    pass


if __name__ == "__main__":
    main()
