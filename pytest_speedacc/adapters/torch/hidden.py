"""Weights that a module holds where neither `parameters()` nor `state_dict()` shows them are refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from pytest_speedacc.adapters.answers import counted
from pytest_speedacc.adapters.base import class_name
from pytest_speedacc.adapters.registry import lookup_adapter
from pytest_speedacc.adapters.torch.plain import may_be_learned
from pytest_speedacc.adapters.torch.reachable import reachable
from pytest_speedacc.adapters.torch.serialising import storage, stored
from pytest_speedacc.errors import GateError


def refuse_hidden_weights(model: Any) -> None:
    """Raise `GateError` for what can be reached from a module, may be learned, and is in no `state_dict()`.

    These are modules, parameters, models of other frameworks, plain tensors and arrays, and constants in the code of
    script modules.
    """
    import torch

    for module in model.modules():
        if isinstance(module, torch.jit.ScriptModule) and _code_holds_weights(module):
            raise GateError(
                f"{class_name(module)} is a script module with weights frozen or packed into its code, which "
                "PyTorch does not show. Check the module that it was made from."
            )
    registered = _Registered(model)
    for path, value in reachable(model):
        # A hook that keeps what passed by is more usual than one that adds a plain tensor.
        is_hooked = "_forward_hooks[" in path or "_forward_pre_hooks[" in path
        if reason := _why_weights(value, registered, only_if_certain=is_hooked):
            raise GateError(f"{class_name(model)}.{path} {reason}")


class _Registered:
    """The storages that a model's own parameters and buffers lie in."""

    def __init__(self, model: Any) -> None:
        tensors = [*model.parameters(), *model.buffers()]
        self._storages = {storage(tensor) for tensor in tensors}
        self.in_inference_mode = any(tensor.is_inference() for tensor in tensors)

    def has(self, tensor: Any) -> bool:
        """Whether a tensor is one of them, a view of one, or computed from them alone."""
        if storage(tensor) in self._storages:
            return True
        leaves = list(_leaves(tensor))
        return bool(leaves) and all(storage(leaf) in self._storages for leaf in leaves)


def _leaves(tensor: Any) -> Iterator[Any]:
    """The tensors that one was computed from, as far as gradients would go back to them."""
    waiting, met = [tensor.grad_fn], set()
    while waiting:
        function = waiting.pop()
        if function is None or function in met:
            continue
        met.add(function)
        if hasattr(function, "variable"):
            yield function.variable
        waiting.extend(before for before, _ in function.next_functions)


def _why_weights(value: Any, registered: _Registered, only_if_certain: bool) -> str:
    """What is wrong with something that was reached, and what to do; empty where it plainly was not learned."""
    import torch

    if isinstance(value, torch.nn.Module):
        return _why_a_module(value, registered)
    if isinstance(value, torch.Tensor):
        return _why_a_tensor(value, registered, only_if_certain)
    if isinstance(value, torch.ScriptObject):
        return _why_packed(value)
    if isinstance(value, np.ndarray):
        is_quantised = value.dtype == np.int8 and value.ndim > 1
        return _maybe("array", value.size) if (is_quantised or may_be_learned(value)) and not only_if_certain else ""
    adapter = lookup_adapter(value)
    if adapter is None or not _has_learned(value):
        return ""
    return (
        f"is a {class_name(value)} of {adapter.framework}, whose parameters are not among the module's. "
        "Keep it beside the module, and gate it on its own."
    )


def _why_a_module(module: Any, registered: _Registered) -> str:
    kept = (
        buffer
        for part in module.modules()
        for name, buffer in part._buffers.items()
        if buffer is not None and name not in part._non_persistent_buffers_set
    )
    if all(registered.has(tensor) for tensor in [*module.parameters(), *kept]):
        return ""
    return (
        f"is a {class_name(module)} with weights, and PyTorch does not see them there. "
        "Assign it to an attribute of its own, or make what holds it a torch.nn.ModuleList or ModuleDict."
    )


def _why_a_tensor(tensor: Any, registered: _Registered, only_if_certain: bool) -> str:
    import torch
    from torch.nn.parameter import is_lazy

    if tensor.is_meta or registered.has(tensor):
        return ""
    if isinstance(tensor, torch.nn.Parameter) or tensor.requires_grad:
        numbers = "no shape yet" if is_lazy(tensor) else f"{tensor.numel():,} numbers"
        return (
            f"takes gradients ({numbers}), and PyTorch does not see it there. Assign it to an "
            "attribute as a torch.nn.Parameter, or make what holds it a torch.nn.ParameterList or ParameterDict."
        )
    # What a call in inference mode left behind, such as this plugin's own, is an answer or a cache.
    was_answered = tensor.is_inference() and not registered.in_inference_mode
    if only_if_certain or was_answered or not holds_weights(tensor):
        return ""
    return _maybe("tensor", tensor.numel())


def _why_packed(value: Any) -> str:
    """What PyTorch's backends for quantised layers pack weights into is named so."""
    name = value._type().name()
    return f"is a {name} with weights packed into it. Check the module before that." if "PackedParams" in name else ""


def _maybe(kind: str, numbers: int) -> str:
    return (
        f"is a plain {kind} of {numbers:,} numbers that may be learned, and PyTorch does not see it. Make it a "
        "torch.nn.Parameter if it is, and register_buffer(name, tensor, persistent=False) if it is computed."
    )


def holds_weights(tensor: Any) -> bool:
    """Whether a tensor that is no parameter may be learned, by the numbers in it."""
    import torch
    from torch.utils._python_dispatch import is_traceable_wrapper_subclass

    if tensor.is_quantized or tensor.layout is torch._mkldnn or (tensor.dtype == torch.int8 and tensor.dim() > 1):
        return True
    if is_traceable_wrapper_subclass(tensor):  # made of other tensors, in a way of its own
        return bool(tensor.numel() > 1)
    if not (tensor.is_floating_point() or tensor.is_complex()):
        return False
    values = stored(tensor).detach().cpu().resolve_conj().resolve_neg()
    known = (torch.float16, torch.float32, torch.float64, torch.complex64, torch.complex128)
    return may_be_learned((values if values.dtype in known else values.float()).numpy())


def _has_learned(model: Any) -> bool:
    """Whether a model of another framework has parameters, or such that cannot be counted."""
    adapter = lookup_adapter(model)
    assert adapter is not None
    try:
        adapter.check_usable(model)
    except GateError:  # not fitted
        return False
    try:
        return counted(adapter, model).total > 0
    except GateError:
        return True


def _code_holds_weights(module: Any) -> bool:
    import torch

    try:
        graph = module.inlined_graph
    except (AttributeError, RuntimeError):  # a submodule without a forward of its own
        return False
    if "quantized::" in str(graph):
        return True
    constants = (
        node.t("value")
        for node in graph.findAllNodes("prim::Constant")
        if isinstance(node.output().type(), torch.TensorType) and node.hasAttribute("value")
    )
    return any(map(holds_weights, constants))
