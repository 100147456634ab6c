"""Writes docs/cli.md: every command with its help and its examples."""

import inspect
from pathlib import Path

import click

from rlcodec.cli.main import app

PAGE = Path(__file__).with_name("cli.md")
INTRODUCTION = """# Commands

`docs/make_cli.py` writes this page from the command line's own help. `rlcodec --show-completion SHELL` prints a script that
completes commands and options in bash, zsh or fish: append it to the shell's start-up file. Errors are one line on standard
error and exit code 2; `--json` prints what a script wants, `--quiet` nothing but errors.

"""


def page() -> str:
    """The page as it should be."""
    context = click.Context(app, info_name=app.name, **app.context_settings)
    return INTRODUCTION + "\n".join(_body(context)) + "\n\n" + "\n\n".join(_sections(context, 2)) + "\n"


def _sections(context: click.Context, level: int) -> list[str]:
    """Sections of the commands of a group, each followed by those of its own commands."""
    sections = []
    for child in _commands(context):
        lines = [f"{'#' * level} {child.command_path}", "", inspect.cleandoc(child.command.help or ""), ""]
        sections += ["\n".join(lines + _body(child)), *_sections(child, level + 1)]
    return sections


def _commands(context: click.Context) -> list[click.Context]:
    """Contexts of the commands of a group; none of a command."""
    group = context.command
    if not isinstance(group, click.Group):
        return []
    found = [(name, group.get_command(context, name)) for name in group.list_commands(context)]
    return [click.Context(command, context, name, **command.context_settings) for name, command in found if command]


def _body(context: click.Context) -> list[str]:
    """Usage, parameters, commands and examples of a command."""
    command = context.command
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    lines = ["**Usage**:", "", "```console", f"$ {usage}", "```"]
    records: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": [], "Commands": []}
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record:
            records["Arguments" if isinstance(parameter, click.Argument) else "Options"].append(record)
    for child in _commands(context):
        first_sentence = inspect.cleandoc(child.command.help or "").split("\n\n")[0].split(". ")[0].replace("\n", " ")
        records["Commands"].append((str(child.info_name), first_sentence.rstrip(".") + "."))
    for title, entries in records.items():
        if entries:
            lines += ["", f"**{title}**:", "", *(f"* `{name}`: {text}" for name, text in entries)]
    if command.epilog:
        _, *examples = command.epilog.split("\n\n")
        lines += ["", "```sh", *examples, "```"]
    return lines


if __name__ == "__main__":
    PAGE.write_text(page())
