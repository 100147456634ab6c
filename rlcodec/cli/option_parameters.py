"""Command-line parameters from dataclasses of options, whose fields `rlcodec.options.option` describes."""

import inspect
import os
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, fields
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from rlcodec.cli.parameters import Option

OptionTypes = Mapping[str, type[Any]]
"""Dataclasses of options by the names of their owners, which are presets."""


@dataclass(frozen=True)
class _Declared:
    """A field of one owner's dataclass."""

    owner: str
    field: Field[Any]
    annotation: Any


def option_parameters(types: OptionTypes) -> list[inspect.Parameter]:
    """Keyword parameters for the union of all options, in the order of their declaration, annotated as those of commands.

    Options that not all owners have name those that do in their help text; so do options that owners describe differently.

    Args:
        types: dataclasses of options by the names of their owners.
    """
    return [_parameter(name, declared, len(types)) for name, declared in _declared(types).items()]


def given_options(types: OptionTypes, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of the command line that differ from the defaults of `option_parameters`, ready to build options from.

    Args:
        types: as for `option_parameters`.
        values: of its parameters.
    """
    defaults = {name: _common_default(declared) for name, declared in _declared(types).items()}
    given = {name: value for name, value in values.items() if value is not None and value != defaults[name]}
    return {name: value.absolute() if isinstance(value, Path) else value for name, value in given.items()}


def take_options(options: type[Any], values: dict[str, Any]) -> Any:
    """An instance of a dataclass of options, whose values are removed from those of the command line.

    Args:
        options: the dataclass; a field of several values is a tuple.
        values: of all parameters of a command.
    """
    given = {parameter.name: values.pop(parameter.name) for parameter in option_parameters({"": options})}
    several = [f.name for f in fields(options) if get_origin(f.type) is tuple]
    return options(**given | {name: tuple(given[name] or ()) for name in several})


def _declared(types: OptionTypes) -> dict[str, list[_Declared]]:
    """Every option that the command line shows, with those who declare it."""
    found: dict[str, list[_Declared]] = {}
    for owner, options in types.items():
        hints = get_type_hints(options)
        for option in fields(options):
            if not option.metadata.get("hidden"):
                found.setdefault(option.name, []).append(_Declared(owner, option, hints[option.name]))
    return found


def _common_default(declared: list[_Declared]) -> Any:
    """The default if all owners agree on it, else None, which leaves it to each of them."""
    defaults = [None if one.field.default in (MISSING, ()) else one.field.default for one in declared]
    return defaults[0] if all(default == defaults[0] for default in defaults) else None


def _parameter(name: str, declared: list[_Declared], owner_count: int) -> inspect.Parameter:
    first, default = declared[0], _common_default(declared)
    flag = f"--{name.replace('_', '-')}"
    value_type = _value_type(first.annotation)
    names = (flag,) if value_type is bool and not default else ()
    info = Option(_help_text(declared, owner_count), names, first.field.metadata.get("least"))
    annotation: Any = value_type if default is not None else value_type | None
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[annotation, info])


def _value_type(annotation: Any) -> Any:
    """The type of the values: the annotation without None, `Path` for paths in any form, and lists for tuples."""
    if get_origin(annotation) is tuple:
        return list[get_args(annotation)[0]]  # type: ignore[misc]
    members = [member for member in get_args(annotation) if member is not type(None)] or [annotation]
    classes = [getattr(member, "__origin__", member) for member in members]  # os.PathLike[str] is no class
    return Path if any(issubclass(kind, os.PathLike) for kind in classes) else members[0]


def _help_text(declared: list[_Declared], owner_count: int) -> str:
    owners_of: dict[str, list[str]] = {}
    for one in declared:
        owners_of.setdefault(one.field.metadata.get("help", ""), []).append(one.owner)
    if len(owners_of) == 1 and len(declared) == owner_count:
        return next(iter(owners_of))
    return " ".join(
        f"Preset{'s' * (len(owners) > 1)} {' and '.join(owners)}: {text[:1].lower() + text[1:]}"
        for text, owners in owners_of.items()
    )
