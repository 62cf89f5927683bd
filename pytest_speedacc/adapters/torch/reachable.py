"""What a module holds beside its registered parameters, buffers and submodules, and the way there."""

from __future__ import annotations

import functools
import sys
import types
import weakref
from collections import OrderedDict, deque
from collections.abc import Iterator
from typing import Any

import numpy as np

from pytest_speedacc.adapters.registry import lookup_adapter

_HOLD_NO_WEIGHTS = (
    "gym.spaces.",
    "gymnasium.spaces.",
    "lightning.fabric.",
    "lightning.pytorch.core.optimizer.",
    "lightning.pytorch.trainer.",
    "lightning_fabric.",
    "pytorch_lightning.core.optimizer.",
    "pytorch_lightning.trainer.",
    "torch.nn.modules.loss.",
    "torchmetrics.",
    "torchvision.models.detection.anchor_utils.",
    "transformers.cache_utils.",
)
"""Where classes are defined whose objects hold numbers, none of them learned: metrics, losses, trainers, caches."""
QUANTISED = ("torch.ao.nn.intrinsic.quantized.", "torch.ao.nn.quantized.")
"""PyTorch's own quantised modules, which give back what they have packed when they are counted."""
_SCALARS = (bool, int, float, complex, str, bytes, type, types.ModuleType, types.NoneType, *weakref.ProxyTypes)
_CONTAINERS = frozenset([dict, OrderedDict, list, tuple, set, frozenset, deque])
"""The usual ones, told apart at once: each module alone has a dozen."""
_STANDARD = sys.stdlib_module_names - {"argparse", "builtins", "collections", "functools", "types"}
"""The standard library without its containers: a logger or a lock leads to half of the process, and to no weights."""
_COMPUTED_FROM = ("_orig", "_v")
"""What torch.nn.utils calls the parameter behind an attribute that it computes anew before each call."""


def reachable(model: Any) -> Iterator[tuple[str, Any]]:
    """Each tensor, array, packed object, unregistered module and foreign model that a module leads to, with its path.

    Through attributes of any name, those of the class, containers, plain objects, closures and forward hooks. Each
    comes once, and no code of the user's classes is run.
    """
    import torch

    registered = {id(module) for module in model.modules()}
    met: dict[int, Any] = {}  # holds what was met, so that no id is given away twice
    waiting: deque[tuple[str, Any]] = deque()
    for name, module in model.named_modules():
        waiting.extend(_attributes(module, name))
    while waiting:
        path, value = waiting.popleft()
        if isinstance(value, _SCALARS) or id(value) in registered or id(value) in met:
            continue
        met[id(value)] = value
        if type(value) in _CONTAINERS:
            waiting.extend((f"{path}{step}", inner) for step, inner in _inside(value))
            continue
        if _defined_in(value, _HOLD_NO_WEIGHTS):
            continue
        if isinstance(value, torch.nn.Module):
            yield path, value
            for name, module in value.named_modules(prefix=path):
                waiting.extend(_attributes(module, name))
        elif isinstance(value, torch.Tensor | torch.ScriptObject) or _is_numbers(value) or _is_model(value):
            yield path, value
        # Of torch, what is no module is an optimiser, a loader, a distribution, or compiled code.
        elif not _defined_in(value, ("torch.",)) and type(value).__module__.split(".")[0] not in _STANDARD:
            waiting.extend((f"{path}{step}", inner) for step, inner in _inside(value))


def _defined_in(value: Any, places: tuple[str, ...]) -> bool:
    return any(f"{base.__module__}.".startswith(places) for base in type(value).__mro__)


def _is_numbers(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype != object


def _is_model(value: Any) -> bool:
    """Of another framework. A pipeline leads to its model, which may be a registered one."""
    return lookup_adapter(value) is not None and not _defined_in(value, ("transformers.",))


def _attributes(module: Any, path: str) -> Iterator[tuple[str, Any]]:
    """What a module and its class hold under names; hooks that take no part in a call are left out."""
    import torch

    prefix = f"{path}." if path else ""
    if _defined_in(module, (*_HOLD_NO_WEIGHTS, *QUANTISED)):
        return
    if isinstance(module, torch.jit.ScriptModule):
        kind = vars(module).get("_concrete_type")
        for name in kind.get_attributes() if kind is not None else ():
            yield f"{prefix}{name}", module._c.getattr(name)
        return
    held = dict(_of_class(type(module))) | vars(module)
    for name, value in held.items():
        is_registry = name in ("_parameters", "_buffers", "_modules")
        is_idle = name.endswith("_hooks") and not name.startswith("_forward")
        if not is_registry and not is_idle and not any(f"{name}{end}" in module._parameters for end in _COMPUTED_FROM):
            yield f"{prefix}{name}", value


def _of_class(base: type) -> Iterator[tuple[str, Any]]:
    import torch

    kinds = (torch.Tensor, torch.nn.Module, np.ndarray, list, tuple, set, dict)
    if base.__module__.split(".")[0] not in ("torch", "builtins"):
        yield from (
            (name, value) for name, value in vars(base).items() if isinstance(value, kinds) and name[:2] != "__"
        )


def _inside(value: Any) -> Iterator[tuple[str, Any]]:
    """What a container, a function or a plain object holds."""
    if isinstance(value, dict):
        yield from ((f"[{key!r:.40}]", inner) for key, inner in dict.items(value))
    elif isinstance(value, list | tuple | set | frozenset | deque):
        yield from ((f"[{index}]", inner) for index, inner in enumerate(value))
    elif isinstance(value, np.ndarray):
        yield from ((f"[{index}]", inner) for index, inner in enumerate(value.flat))
    elif isinstance(value, functools.partial):
        yield from ((".func", value.func), (".args", value.args), (".keywords", value.keywords))
    elif isinstance(value, types.MethodType):
        yield from ((".__self__", value.__self__), (".__func__", value.__func__))
    elif isinstance(value, types.FunctionType):
        yield from ((".__defaults__", value.__defaults__), (".__kwdefaults__", value.__kwdefaults__))
        for name, cell in zip(value.__code__.co_freevars, value.__closure__ or (), strict=True):
            try:
                yield f".{name}", cell.cell_contents
            except ValueError:  # not assigned yet
                continue
    if type(value) in _CONTAINERS:
        return
    yield from ((f".{name}", inner) for name, inner in _own(value, "__dict__", {}).items())
    for base in type(value).__mro__:
        if "__slots__" in vars(base):
            slots = (name for name, kind in vars(base).items() if isinstance(kind, types.MemberDescriptorType))
            yield from ((f".{name}", _own(value, name, None)) for name in slots)


def _own(value: Any, name: str, otherwise: Any) -> Any:
    """An attribute past the class's own `__getattr__`, which may connect, load or refuse."""
    try:
        return object.__getattribute__(value, name)
    except AttributeError:
        return otherwise
