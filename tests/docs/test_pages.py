"""The pages build without a warning, links lead somewhere, commands in tables exist, what is generated is up to date."""

import re
import runpy
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from rlcodec.cli import main as cli

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
LINK = re.compile(r"\]\(([^)#\s]+)(?:#([^)\s]+))?\)")
COMMAND = re.compile(r"`((?:rlcodec |python benchmarks/|python docs/)[^`]*)`")
LONGEST_README = 150


def test_pages_build_without_a_warning(tmp_path):
    command = [
        sys.executable,
        "-m",
        "sphinx",
        "-W",
        "-n",
        "-q",
        "--keep-going",
        "-d",
        tmp_path / "trees",
        "docs",
        tmp_path / "pages",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "pages" / "quickstart.html").exists()


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_links_lead_to_files_and_headings(page):
    for name, heading in LINK.findall(page.read_text()):
        if "://" in name:
            continue
        target = page.parent / name
        assert target.exists(), f"{page.name}: {name}"
        if heading:
            headings = re.findall(r"^#+ (.*)$", target.read_text(), re.MULTILINE)
            assert heading in [re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in headings], heading


@pytest.mark.parametrize("script", ["make_cli", "make_design"])
def test_what_is_generated_is_up_to_date(script):
    found = runpy.run_path(str(ROOT / "docs" / f"{script}.py"))
    if script == "make_cli":
        assert found["PAGE"].read_text() == found["page"](), "run python docs/make_cli.py"
    else:
        assert found["PICTURE"].read_text() == found["picture"](), "run python docs/make_design.py"


def options_of(words: list[str]) -> set[str]:
    """Options of a command of rlcodec."""
    command = cli.app
    for word in words:
        if not isinstance(command, click.Group) or word.startswith("-"):
            break
        command = command.get_command(click.Context(command), word)
    return {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_commands_in_the_text_exist_with_their_options(page):
    for text in COMMAND.findall(page.read_text()):
        program, *words = shlex.split(text)
        wanted = {word for word in words if word.startswith("--")}
        if program == "rlcodec":
            known = options_of(words) | {"--help"}
            assert wanted <= known, text
        else:
            source = (ROOT / words[0]).read_text() + (ROOT / "benchmarks" / "common.py").read_text()
            assert all(f'"{option}"' in source for option in wanted), text


def test_readme_is_short():
    assert len((ROOT / "README.md").read_text().splitlines()) < LONGEST_README
