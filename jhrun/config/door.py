"""The closed door: the one place where a name in a configuration becomes an object.

A group opens for the public classes and functions of its own package alone, and for packages that the user names
on the command line of this very call. Nothing is imported before its name has passed.
"""

import importlib
import inspect
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec, module_from_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from jhrun.config.groups import nearest
from jhrun.config.plugins import located
from jhrun.config.rules import of_kind
from jhrun.config.values import written_as
from jhrun.errors import ConfigError, DataError, JhrunError, UnsafeError, out_of_memory
from jhrun.training import Interrupted

PACKAGES = {
    "dataset": ("jhrun.data",),
    "model": ("jhrun.models",),
    "objective": ("jhrun.objectives", "jhrun.terms"),
    "regularizer": ("jhrun.terms", "jhrun.penalties"),
    "solver": ("jhrun.linalg",),
    "optimizer": ("jhrun.optimizers",),
    "averaging": ("jhrun.training.averages",),
    "attack": ("jhrun.attacks",),
    "analysis": ("jhrun.evaluation.analyses",),
    "logger": ("jhrun.loggers",),
}

FAILURES: dict[str, type[JhrunError]] = {"dataset": DataError}
"""What an error in a plugin's own code becomes; in the other groups, an error of the configuration."""


def build(group: str, node: Mapping[str, Any], *, plugins: Sequence[str] = (), **context: Any) -> Any:
    """The object that a configuration describes.

    Args:
        group: whose package may be used.
        node: ``_target_`` and the arguments, as plain Python values.
        plugins: packages that the user trusts in this call.
        **context: arguments that come from the program, not from the configuration.

    Returns:
        Whatever the target makes of its arguments.

    Raises:
        ConfigError: an argument is unknown, missing or refused.
        UnsafeError: the target is not one of the group, or a key is not an argument.
        JhrunError: likewise, as the target says it; of a plugin's data set, every error is one of the data.
        Interrupted: the work was asked to stop meanwhile.
    """
    factory = examined(group, node, plugins=plugins, given=tuple(context))
    arguments = {str(key): value for key, value in node.items() if key != "_target_"}
    try:
        return factory(**context, **arguments)
    except (JhrunError, Interrupted):
        raise
    except Exception as error:
        refusal = _failure(error, group, node["_target_"], plugins)
        raise refusal from error


def _failure(error: Exception, group: str, name: str, plugins: Sequence[str]) -> Exception:
    """What to raise where a factory failed: in a plugin's own code, every error is told with its place there."""
    place = in_plugin(error, plugins)
    if place and not out_of_memory(error):
        kind = FAILURES.get(group, ConfigError)
        return kind(f"{name} raised {type(error).__name__} ({error})", place, "mend it there")
    if isinstance(error, TypeError | ValueError):
        return ConfigError(str(error), f"{group}: {name}", "change or leave out what it names")
    return error


def in_plugin(error: BaseException, plugins: Sequence[str]) -> str | None:
    """The last line of a plugin's own code that an error came through.

    Args:
        error: raised.
        plugins: packages that the user trusts in this call.

    Returns:
        File and line; None where it came through none.
    """
    places = [
        f"{frame.f_code.co_filename}, line {number}"
        for frame, number in traceback.walk_tb(error.__traceback__)
        if str(frame.f_globals.get("__name__")).split(".")[0] in plugins
    ]
    return places[-1] if places else None


def examined(
    group: str, node: Mapping[str, Any], *, plugins: Sequence[str] = (), given: Sequence[str] = (), key: str = ""
) -> Callable[..., Any]:
    """What a configuration would build, looked at without building it.

    Args:
        group: whose package may be used.
        node: ``_target_`` and the arguments, as plain Python values.
        plugins: packages that the user trusts in this call.
        given: arguments that come from the program.
        key: where the node stands; the group if not given.

    Returns:
        The class or function.

    Raises:
        ConfigError: an argument is unknown.
        UnsafeError: the target is not one of the group, or a key is not an argument.
    """
    factory = target(group, node.get("_target_"), plugins)
    parameters = inspect.signature(factory).parameters
    known = [name for name in parameters if name not in given]
    takes_all = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    for name in map(str, node):
        if name.startswith("_") and name != "_target_":
            raise UnsafeError(f"'{name}' is not allowed", group, "give arguments of the class alone")
        # what the program itself gives is no key either
        if name != "_target_" and (name in given or not (takes_all or name in known)):
            remedy = nearest(name, known) if known else "leave it out: there is nothing to set"
            raise ConfigError(f"there is no key '{key or group}.{name}'", f"{node['_target_']}", remedy)
        if name in parameters:
            try:
                of_kind(node[name], parameters[name].annotation)
            except ValueError as error:
                what = f"{key or group}.{name}={written_as(node[name])}: {error}"
                raise ConfigError(what, f"{node['_target_']}", "") from error
    return factory


def parameters(group: str, name: Any, plugins: Sequence[str] = ()) -> Mapping[str, inspect.Parameter]:
    """The arguments of what a ``_target_`` names, their annotations as objects where they can be found.

    Args:
        group: one of ``PACKAGES``.
        name: dotted.
        plugins: packages that the user trusts in this call.

    Returns:
        Parameters by name.
    """
    found = target(group, name, plugins)
    try:
        # of a module with ``from __future__ import annotations`` they are text
        return inspect.signature(found, eval_str=True).parameters
    except NameError:
        return inspect.signature(found).parameters


def target(group: str, name: Any, plugins: Sequence[str] = ()) -> Callable[..., Any]:
    """What a ``_target_`` names, if the group may open for it.

    Args:
        group: one of ``PACKAGES``.
        name: dotted.
        plugins: packages that the user trusts in this call.

    Returns:
        A class or function.

    Raises:
        UnsafeError: the name lies elsewhere, or is not public there.
        ConfigError: nothing has this name, or the plugin cannot be imported.
    """
    if isinstance(plugins, str):
        raise ConfigError(f"plugins={plugins} is no list", "plugins", f"write plugins=[{plugins}]")
    refuse_foreign(group, name, plugins)
    module_name, _, attribute = str(name).rpartition(".")
    trusted = module_name.split(".")[0] in plugins
    module = _plugin(module_name, group) if trusted else _module(module_name, name, group)
    found = getattr(module, attribute, None)
    if found is None:
        names = [known for known in vars(module) if not known.startswith("_")]
        raise ConfigError(f"{module_name} has no '{attribute}'", f"{group}._target_", nearest(attribute, names))
    public = getattr(module, "__all__", None)
    listed = attribute in public if public is not None else getattr(found, "__module__", None) == module_name
    if not callable(found) or not (trusted or listed):
        refusal = _refusal(group, name)
        raise refusal
    return found  # type: ignore[no-any-return]


def _module(module_name: str, name: Any, group: str) -> ModuleType:
    """A module of ours."""
    try:
        return importlib.import_module(module_name)
    except ImportError as error:
        what = f"_target_ '{name}' is not there ({error})"
        raise ConfigError(what, f"{group}._target_", "check its spelling") from error


def _plugin(module_name: str, group: str) -> ModuleType:
    """A module of a package that the user trusts, be it installed or in the current folder."""
    package = module_name.split(".", maxsplit=1)[0]
    try:
        if package not in sys.modules and find_spec(package) is None:
            _load_from_here(package)
        return importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            what = f"plugin {package} needs a package that is not installed ({error.name})"
            raise ConfigError(what, f"{group}._target_", "install it beside jhrun") from error
        what = f"there is no module '{error.name}', neither installed nor in {Path.cwd()}"
        remedy = "install its package, or call from the folder that holds it"
        raise ConfigError(what, f"{group}._target_", remedy) from error
    except Exception as error:
        places = [f.filename + f", line {f.lineno}" for f in traceback.extract_tb(error.__traceback__)]
        if isinstance(error, SyntaxError):
            places.append(f"{error.filename}, line {error.lineno}")
        what = f"plugin {module_name} cannot be imported ({type(error).__name__}: {error})"
        raise ConfigError(what, places[-1], "mend it there") from error


def _load_from_here(package: str) -> None:
    """Import a package from the current folder, and nothing else from there: ``sys.path`` stays as it is.

    Raises:
        ModuleNotFoundError: it is not there.
    """
    spec = located(package)
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(f"No module named '{package}'", name=package)
    module = module_from_spec(spec)
    sys.modules[package] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[package]
        raise


def refuse_foreign(group: str, name: Any, plugins: Sequence[str], key: str | None = None) -> None:
    """Refuse a ``_target_`` that lies elsewhere, judged by its name alone: nothing is imported.

    Args:
        group: one of ``PACKAGES``, or another key, which opens for nothing.
        name: dotted.
        plugins: packages that the user trusts in this call.
        key: where it stands, for the message; the group's own ``_target_`` if not given.

    Raises:
        UnsafeError: it does.
    """
    module_name, _, attribute = str(name).rpartition(".")
    trusted = module_name.split(".")[0] in plugins
    own = group in PACKAGES and (trusted or any(_own(package, module_name) for package in PACKAGES[group]))
    if not own or not attribute or attribute.startswith("_"):
        refusal = _refusal(group, name, key)
        raise refusal


def _refusal(group: str, name: Any, key: str | None = None) -> UnsafeError:
    whose = " and ".join(PACKAGES.get(group, ("jhrun, which builds nothing here",)))
    what = f"_target_ '{name}' is none of the public classes of {whose}"
    remedy = "if you trust the code, name its package in this call: plugins=[package]"
    return UnsafeError(what, key or f"{group}._target_", remedy)


def _own(package: str, module_name: str) -> bool:
    """Whether a module is the package itself or lies directly in it, judged without importing it."""
    if module_name == package:
        return True
    parent, _, name = module_name.rpartition(".")
    # find_spec imports the parent, which is ours
    return (
        parent == package and name.isidentifier() and _is_package(package) and find_spec(module_name) is not None
    )


def _is_package(name: str) -> bool:
    spec = find_spec(name)
    return spec is not None and spec.submodule_search_locations is not None
