"""The command line: its entry point, its commands by name, and how failures are reported."""

import importlib
import signal
import sys
import threading
import warnings
from typing import Any

import click

from rlcodec.cli.common import EXIT_FAILURE, HELP_OPTIONS, commands, complain
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
SHELLS = ("bash", "zsh", "fish")
EXIT_INTERRUPTED, EXIT_TERMINATED = 130, 143
TRAINING_EXTRA = "this command needs the training tools: pip install 'rlcodec[train]'"


def main() -> None:
    """Runs the command line; a failure is one line on standard error and exit code 2."""
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _terminate)
    warnings.showwarning = _show_warning  # type: ignore[assignment]
    try:
        sys.exit(app.main(prog_name="rlcodec", standalone_mode=False))
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
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
    except (KeyboardInterrupt, click.Abort):
        complain("interrupted")
        sys.exit(EXIT_INTERRUPTED)


def _terminate(*_: Any) -> None:
    """Ends the command as an interruption does, so that nothing is left behind; a second signal ends the process at once."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.excepthook = lambda _: None  # the thread of a pool fails if processes end while it cancels their work
    sys.exit(EXIT_TERMINATED)


def _show_warning(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
    if category.__module__.startswith("rlcodec"):
        complain(str(message))


class _Group(click.Group):
    """All commands. A command's module is imported when the command is run or described."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in MODULES:
            return None
        importlib.import_module(f"rlcodec.cli.{MODULES[cmd_name]}")
        return commands[cmd_name]()

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in MODULES:
            raise click.NoSuchCommand(args[0], possibilities=MODULES, ctx=ctx)
        return super().resolve_command(ctx, args)


def _show_completion(ctx: click.Context, _: click.Parameter, shell: str | None) -> None:
    if shell is None:
        return
    from click.shell_completion import get_completion_class

    completion = get_completion_class(shell)
    assert completion is not None
    print(completion(app, {}, "rlcodec", "_RLCODEC_COMPLETE").source())
    ctx.exit()


app = _Group(
    "rlcodec",
    help="Learned image compression whose encoder is driven by a policy.",
    no_args_is_help=True,
    context_settings=HELP_OPTIONS,
)
click.version_option(__version__, message="%(prog)s %(version)s", help="Print the version.")(app)
click.option(
    "--show-completion",
    type=click.Choice(SHELLS),
    callback=_show_completion,
    expose_value=False,
    is_eager=True,
    help="Print a script that completes commands and options in a shell, for its start-up file.",
)(app)


if __name__ == "__main__":
    main()
