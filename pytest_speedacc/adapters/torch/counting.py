"""The elements of a module's parameters, and the many ways in which weights hide from `parameters()`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from pytest_speedacc.adapters.base import ParameterCount, class_name
from pytest_speedacc.adapters.torch.serialising import distinct
from pytest_speedacc.errors import GateError

_QUANTISED_PACKAGES = (
    "auto_gptq.",
    "awq.",
    "bitsandbytes.",
    "gptqmodel.",
    "optimum.quanto.",
    "torch.ao.nn.intrinsic.quantized.",
    "torch.ao.nn.quantized.",
    "torchao.",
)


def count_parameters(model: Any) -> ParameterCount:
    """The elements of `model.parameters()`, those that share their storage once.

    Raises `GateError` for packed, quantised or frozen-in weights, and for submodules kept out of sight.
    """
    refuse_unseen_weights(model)
    for module_name, module in model.named_modules():
        for reason in _packed_weights(module):
            where = f"{class_name(model)}.{module_name}" if module_name else class_name(model)
            raise GateError(
                f"{where} {reason}, so model.parameters() would leave weights out. "
                "Count the model before that, or gate its size instead (max_model_size)."
            )
    parameters = distinct(model.parameters())
    elements: Counter[int] = Counter()
    capacity: dict[int, int] = {}
    for parameter in parameters:
        storage = parameter.untyped_storage()
        elements[storage._cdata] += parameter.numel()
        capacity[storage._cdata] = storage.nbytes() // parameter.element_size()
    # Overlapping views of one storage are no more scalars than it holds.
    total = sum(min(count, capacity[storage]) for storage, count in elements.items())
    trainable = sum(parameter.numel() for parameter in parameters if parameter.requires_grad)
    return ParameterCount(total, {"tensors": len(parameters), "trainable": min(trainable, total)})


def _packed_weights(module: Any) -> Iterator[str]:
    """Reasons to think that a module has weights which its parameters do not show one by one."""
    import torch

    qualified = f"{type(module).__module__}."
    if qualified.startswith(_QUANTISED_PACKAGES):
        yield f"is a {type(module).__module__}.{class_name(module)}, whose weights are packed or quantised"
    for name, parameter in module.named_parameters(recurse=False):
        if type(parameter) is not torch.nn.Parameter:
            yield f"keeps {name} as a {type(parameter).__name__}"
        elif not (parameter.is_floating_point() or parameter.is_complex()) or "x2" in str(parameter.dtype):
            yield f"keeps {name} as packed {str(parameter.dtype).removeprefix('torch.')}"
    for name, buffer in module.named_buffers(recurse=False):
        if buffer.is_quantized or name == "qweight" or (buffer.dtype == torch.int8 and buffer.dim() > 1):
            yield f"keeps the buffer {name} as {str(buffer.dtype).removeprefix('torch.')} weights"


def _script_holds_weights(module: Any) -> bool:
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
    return any(constant.is_floating_point() and constant.numel() > 1 for constant in constants)


def refuse_unseen_weights(model: Any) -> None:
    """Raise `GateError` for weights that neither `parameters()` nor `state_dict()` shows.

    These are constants in a script module's code, and modules in a plain list or dict.
    """
    import torch

    registered = {id(module) for module in model.modules()}
    for module in model.modules():
        if isinstance(module, torch.jit.ScriptModule) and _script_holds_weights(module):
            raise GateError(
                f"{class_name(module)} is a script module with weights frozen or packed into its code, which "
                "PyTorch does not show. Check the module that it was made from."
            )
        for name, value in vars(module).items():
            held = list(value.values()) if isinstance(value, Mapping) else value
            if name.startswith("_") or not isinstance(held, list | tuple):
                continue
            if any(isinstance(item, torch.nn.Module) and id(item) not in registered for item in held):
                raise GateError(
                    f"{class_name(module)}.{name} is a plain {type(value).__name__} of modules, whose "
                    "parameters PyTorch does not see. Make it a torch.nn.ModuleList or ModuleDict."
                )
