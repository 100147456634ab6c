"""Writes docs/cli.md: every command with its help, as typer tells it, and its examples."""

import html
import re
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).with_name("cli.md")
INTRODUCTION = """# Commands

`docs/make_cli.py` writes this page from the command line's own help. Completion of commands and options:
`rlcodec --install-completion` for the shell that it is called from (bash, zsh, fish or PowerShell), and
`rlcodec --show-completion` prints the script instead. Errors are one line on standard error and exit code 2; `--json` prints
what a script wants, `--quiet` nothing but errors.

"""


def page() -> str:
    """The page as it should be."""
    command = [sys.executable, "-m", "typer", "rlcodec.cli.main", "utils", "docs", "--name", "rlcodec"]
    text = html.unescape(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    text = re.sub(r"^# `rlcodec`\n\n.*?\n\n", "", text, flags=re.DOTALL)
    text = re.sub(r"^(#+) `(.*)`$", r"\1 \2", text, flags=re.MULTILINE)
    text = re.sub(r"^\* `([a-z]+)`: .*\.\.\.$", lambda line: _entry(line[1], text), text, flags=re.MULTILINE)
    return INTRODUCTION + re.sub(r"Examples:\n\n((?:rlcodec .*\n\n?)+)", _block, text).rstrip() + "\n"


def _entry(name: str, text: str) -> str:
    """A command in a list, with all of the first sentence of its help."""
    found = re.search(rf"^##+ rlcodec (?:[a-z]+ )?{name}\n\n(.*?\.)(?=\s)", text, flags=re.DOTALL | re.MULTILINE)
    assert found, name
    return f"* `{name}`: {' '.join(found[1].split())}"


def _block(examples: re.Match[str]) -> str:
    return "```sh\n" + re.sub(r"\n+", "\n", examples[1]) + "```\n\n"


if __name__ == "__main__":
    PAGE.write_text(page())
