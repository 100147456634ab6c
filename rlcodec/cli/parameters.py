"""Parameters of commands: annotated parameters of functions as options and arguments of click."""

import inspect
from dataclasses import dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, get_args, get_origin

import click


@dataclass(frozen=True)
class Option:
    """Annotates a parameter that is an option.

    Attributes:
        help: help text.
        flags: how it is written; by default as the parameter is named, and `--x/--no-x` if it is a bool.
        least: smallest value.
    """

    help: str
    flags: tuple[str, ...] = ()
    least: int | None = None


@dataclass(frozen=True)
class Argument:
    """Annotates a parameter that is given by its position.

    Attributes:
        help: help text.
        metavar: what the help calls it; by default the parameter's name.
    """

    help: str
    metavar: str | None = None


def click_parameter(parameter: inspect.Parameter) -> click.Parameter:
    """A parameter as click's.

    Args:
        parameter: annotated as `Annotated[T, Option(...)]` or `Annotated[T, Argument(...)]`; T is str, int, float, bool, Path,
            a list of one of these, which click gives as a tuple, or one of these or None. Without a default it is required.
    """
    annotation, declared = get_args(parameter.annotation)
    if get_origin(annotation) is UnionType:
        annotation = next(member for member in get_args(annotation) if member is not NoneType)
    several = get_origin(annotation) is list
    kind = get_args(annotation)[0] if several else annotation
    settings: dict[str, Any] = {"type": click.Path(path_type=Path) if kind is Path else kind, "help": declared.help}
    if parameter.default is inspect.Parameter.empty:
        settings["required"] = True
    else:
        settings["default"] = parameter.default
    if isinstance(declared, Argument):
        name = declared.metavar or parameter.name.upper()
        metavar = name if "required" in settings else f"[{name}]"
        return click.Argument([parameter.name], nargs=-1 if several else 1, metavar=metavar, **settings)
    if declared.least is not None:
        settings["type"] = click.IntRange(min=declared.least)
    flag = "--" + parameter.name.replace("_", "-")
    flags = declared.flags or (f"{flag}/--no-{flag[2:]}" if kind is bool else flag,)
    if kind is bool:
        settings["is_flag"] = True
    return click.Option([parameter.name, *flags], multiple=several, show_default=True, **settings)
