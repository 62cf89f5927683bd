"""The elements of a module's parameters, each storage once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from pytest_speedacc.adapters.base import ParameterCount, class_name
from pytest_speedacc.adapters.torch.hidden import refuse_hidden_weights
from pytest_speedacc.adapters.torch.serialising import distinct, stored
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
    refuse_hidden_weights(model)
    for module_name, module in model.named_modules():
        for reason in _packed_weights(module):
            where = f"{class_name(model)}.{module_name}" if module_name else class_name(model)
            raise GateError(
                f"{where} {reason}, so model.parameters() would leave weights out. "
                "Count the model before that, or gate its size instead (max_model_size)."
            )
    parameters = [(stored(parameter), parameter.requires_grad) for parameter in distinct(model.parameters())]
    elements: Counter[int] = Counter()
    capacity: dict[int, int] = {}
    for numbers, _ in parameters:
        storage = numbers.untyped_storage()
        elements[storage._cdata] += numbers.numel()
        capacity[storage._cdata] = storage.nbytes() // numbers.element_size()
    # Overlapping views of one storage are no more scalars than it holds.
    total = sum(min(count, capacity[storage]) for storage, count in elements.items())
    trainable = sum(numbers.numel() for numbers, is_trainable in parameters if is_trainable)
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
        if buffer.layout is torch._mkldnn:
            yield f"keeps the buffer {name} in a layout of oneDNN's own"
        elif buffer.is_quantized or name == "qweight" or (buffer.dtype == torch.int8 and buffer.dim() > 1):
            yield f"keeps the buffer {name} as {str(buffer.dtype).removeprefix('torch.')} weights"
