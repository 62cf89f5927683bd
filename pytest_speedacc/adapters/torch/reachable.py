"""What a module holds beside its registered parameters, buffers and submodules, and the way there."""

from __future__ import annotations

import array
import functools
import gc
import sys
import types
import weakref
from collections import OrderedDict, deque
from collections.abc import Iterator
from typing import Any

import numpy as np

from pytest_speedacc.adapters.registry import lookup_adapter
from pytest_speedacc.adapters.torch.code import of_forward, of_function

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
_STANDARD = sys.stdlib_module_names - {
    *("argparse", "array", "builtins", "collections", "functools", "itertools", "operator", "types", "weakref"),
}
"""The standard library without its containers: a logger or a lock leads to half of the process, and to no weights."""
_COMPUTED_FROM = ("_orig", "_v")
"""What torch.nn.utils calls the parameter behind an attribute that it computes anew before each call."""


def reachable(model: Any) -> Iterator[tuple[str, Any]]:
    """Each tensor, array, packed object, unregistered module and foreign model that a module leads to, with its path.

    Through attributes of any name, those of its classes, what the code of `forward` reads, containers, plain objects,
    closures, weak references but to what the module is a part of, and forward hooks. Each comes once, and no code of
    the user's classes is run.
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
        if isinstance(value, weakref.ref):
            target = value()
            if not isinstance(target, torch.nn.Module) or all(part is not model for part in target.modules()):
                waiting.append((path, target))
            continue
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
    return isinstance(value, np.ndarray) and value.dtype != object and value.dtype.names is None


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
    yield from ((f"{prefix}{name}", function) for name, function in of_forward(type(module)))
    held = dict(_of_classes(type(module))) | vars(module)
    for name, value in held.items():
        is_registry = name in ("_parameters", "_buffers", "_modules")
        is_idle = name.endswith("_hooks") and not name.startswith("_forward")
        if not is_registry and not is_idle and not any(f"{name}{end}" in module._parameters for end in _COMPUTED_FROM):
            yield f"{prefix}{name}", value


def _of_classes(kind: type) -> Iterator[tuple[str, Any]]:
    """What a class and its bases hold for all of their objects, without methods, properties and the like."""
    for base in reversed(kind.__mro__):
        if base.__module__.split(".")[0] not in ("torch", *sys.stdlib_module_names):
            for name, value in vars(base).items():
                if name[:2] != "__" and not hasattr(type(value), "__get__"):
                    yield name, value


def _inside(value: Any) -> Iterator[tuple[str, Any]]:
    """What a container, a function or a plain object holds."""
    if isinstance(value, dict):
        yield from ((f"[{key!r:.40}]", inner) for key, inner in dict.items(value))
        yield from ((f".keys()[{index}]", key) for index, key in enumerate(dict.keys(value)))
    elif isinstance(value, list | tuple | set | frozenset | deque):
        yield from ((f"[{index}]", inner) for index, inner in enumerate(value))
    elif isinstance(value, np.ndarray):
        fields = ((f"[{name!r}]", value[name]) for name in value.dtype.names or ())
        yield from fields if value.dtype.names else ((f"[{index}]", inner) for index, inner in enumerate(value.flat))
    elif isinstance(value, array.array | memoryview):
        yield "", np.asarray(value)
    elif isinstance(value, functools.partial):
        yield from ((".func", value.func), (".args", value.args), (".keywords", value.keywords))
    elif isinstance(value, types.MethodType):
        yield from ((".__self__", value.__self__), (".__func__", value.__func__))
    elif isinstance(value, types.FunctionType):
        yield from of_function(value)
    if type(value) in _CONTAINERS:
        return
    yield from ((f".{name}", inner) for name, inner in _own(value, "__dict__", {}).items())
    yield from ((f".{name}", inner) for name, inner in _of_classes(type(value)))
    for base in type(value).__mro__:
        if "__slots__" in vars(base):
            slots = (name for name, kind in vars(base).items() if isinstance(kind, types.MemberDescriptorType))
            yield from ((f".{name}", _own(value, name, None)) for name in slots)
    # What views, iterators and frames of pandas keep in C has no other name. Of a function it would be all globals.
    if not isinstance(value, types.FunctionType):
        yield from ((f".{type(inner).__name__}", inner) for inner in gc.get_referents(value))


def _own(value: Any, name: str, otherwise: Any) -> Any:
    """An attribute past the class's own `__getattr__`, which may connect, load or refuse."""
    try:
        return object.__getattribute__(value, name)
    except AttributeError:
        return otherwise
