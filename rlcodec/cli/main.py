"""The command line: its entry point and how failures are reported. Commands import training and environments when they run."""

import sys
import warnings
from typing import Annotated, Any

import typer

# isort: off
from rlcodec.cli import coding, collections, policies, evaluate, results, report, training  # noqa: F401 (the order of --help)

# isort: on
from rlcodec.cli.common import EXIT_FAILURE, app, complain
from rlcodec.errors import RlcodecError
from rlcodec.version import __version__

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


@app.callback()
def _options(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    pass


if __name__ == "__main__":
    main()
