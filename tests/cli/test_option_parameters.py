"""Options of the command line come from dataclasses: those of every preset, a new one included, and no others."""

import inspect
from dataclasses import dataclass
from pathlib import Path

import click
import pytest
from PIL import Image
from toy import toy_registered

import rlcodec
from rlcodec.cli import main as cli
from rlcodec.cli.option_parameters import given_options, option_parameters
from rlcodec.errors import OptionError
from rlcodec.options import KeywordOptions, PathLike, option, options_from
from rlcodec.presets.registry import encode_option_types


@dataclass(frozen=True, kw_only=True)
class Common(KeywordOptions):
    """Options of all."""

    file: PathLike | None = option("A file.")
    fast: bool = option("Be quick.", False)
    limit: int = option("The most.", 7, least=1)
    threads: int | None = option("Not shown.", hidden=True)


@dataclass(frozen=True, kw_only=True)
class First(Common):
    """Options of the first."""

    level: int | None = option("Level, 0 to 9.")


@dataclass(frozen=True, kw_only=True)
class Second(Common):
    """Options of the second."""

    level: int | None = option("Level, 1 to 3.")
    width: str = option("Width.", "small")


TYPES = {"first": First, "second": Second}


def test_parameters_are_the_union_in_order():
    parameters = {parameter.name: parameter for parameter in option_parameters(TYPES)}
    assert list(parameters) == ["file", "fast", "limit", "level", "width"]
    assert all(parameter.kind is inspect.Parameter.KEYWORD_ONLY for parameter in parameters.values())
    assert [parameter.default for parameter in parameters.values()] == [None, False, 7, None, "small"]
    info = {name: parameter.annotation.__metadata__[0] for name, parameter in parameters.items()}
    assert (info["file"].help, info["limit"].least) == ("A file.", 1)
    assert info["level"].help == "Preset first: level, 0 to 9. Preset second: level, 1 to 3."
    assert info["width"].help == "Preset second: width."


def test_only_what_differs_from_defaults_is_given():
    values = {"file": Path("here"), "fast": False, "limit": 7, "level": 0, "width": "small"}
    assert given_options(TYPES, values) == {"file": Path("here").absolute(), "level": 0}
    assert given_options(TYPES, values | {"fast": True, "limit": 8, "width": "large"}).keys() == values.keys()


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"width": "large"}, "width is an option of preset second, not of first"),
        ({"wdith": "large"}, "there is no option wdith; preset first has: file, fast, limit, threads, level"),
        ({"wdith": None}, "there is no option wdith"),
    ],
)
def test_options_of_others_are_named_as_such(keywords, message):
    with pytest.raises(OptionError, match=message):
        options_from(keywords, "first", TYPES)


def test_options_of_others_may_be_left_open():
    assert options_from({"width": None, "level": 3}, "first", TYPES) == First(level=3)


@pytest.mark.parametrize("words", ["encode", "pack"])
def test_commands_have_the_options_of_all_presets(words):
    command = cli.app.get_command(click.Context(cli.app), words)
    shown = {option for parameter in command.params for option in parameter.opts}
    names = {name for options in encode_option_types().values() for name in options.names()}
    assert {f"--{name.replace('_', '-')}" for name in names} <= shown


def test_a_preset_adds_its_options(run, tmp_path, digit):
    Image.fromarray(digit).save(tmp_path / "digit.png")
    arguments = ("encode", tmp_path / "digit.png", tmp_path / "digit.rlc", "--preset", "toy")
    assert run(*arguments, "--levels", 1)[0] == 2
    with toy_registered():
        assert run(*arguments, "--levels", 1)[0] == 0
        assert (tmp_path / "digit.rlc").read_bytes() == rlcodec.encode(digit, preset="toy", levels=1)
        code, _, err = run(*arguments, "--gain", 3)
        assert (code, err) == (2, "rlcodec: gain is an option of preset photo, not of toy\n")
    assert "--levels" not in run("encode", "--help")[1]
