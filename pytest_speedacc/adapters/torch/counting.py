"""The elements of a module's parameters, each storage once, and of what PyTorch's own quantised modules pack."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from pytest_speedacc.adapters.base import ParameterCount, class_name, in_few_bits
from pytest_speedacc.adapters.torch.hidden import refuse_hidden_weights
from pytest_speedacc.adapters.torch.reachable import QUANTISED
from pytest_speedacc.adapters.torch.serialising import distinct, stored
from pytest_speedacc.errors import GateError

_INNER = ("EmbeddingPackedParams", "LinearPackedParams", "PackedParameter")
"""Modules within such modules that hold what the outer one gives back unpacked."""
_REFUSED = (
    "auto_gptq.",
    "awq.",
    "bitsandbytes.",
    "gptqmodel.",
    "optimum.quanto.",
    "torch.ao.nn.quantized.reference.",
    "torch.ao.nn.sparse.quantized.",
    "torchao.",
)


def count_parameters(model: Any) -> ParameterCount:
    """The elements of `model.parameters()`, those that share their storage once, and of packed weights.

    Raises `GateError` for weights that are hidden, frozen in, or packed by other libraries.
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
    unpacked = [tensor for module in model.modules() for tensor in _unpacked(module)]
    widths = [(tensor.numel(), _bits(tensor)) for tensor in [*(numbers for numbers, _ in parameters), *unpacked]]
    return ParameterCount(
        total + sum(tensor.numel() for tensor in unpacked),
        {"tensors": len(widths), "trainable": min(trainable, total), **in_few_bits(widths)},
    )


def _unpacked(module: Any) -> Iterator[Any]:
    """The weights and biases that a quantised module of PyTorch's packs out of sight of `parameters()`."""
    if not f"{type(module).__module__}.".startswith(QUANTISED) or class_name(module) in _INNER:
        return
    if hasattr(module, "_weight_bias"):
        yield from _tensors(module._weight_bias())
    elif class_name(module).startswith("Embedding"):
        yield module.weight()
    else:
        yield from (each for each in _tensors(list(vars(module).values())) if each.is_quantized)


def _tensors(held: Any) -> Iterator[Any]:
    import torch

    if isinstance(held, torch.Tensor):
        yield held
    elif isinstance(held, Mapping | list | tuple):
        for inner in held.values() if isinstance(held, Mapping) else held:
            yield from _tensors(inner)


def _bits(tensor: Any) -> int:
    """How many bits an element has in memory; of the packed types PyTorch gives those of two or four."""
    import torch

    return {torch.quint4x2: 4, torch.quint2x4: 2}.get(tensor.dtype, 8 * int(tensor.element_size()))


def _packed_weights(module: Any) -> Iterator[str]:
    """Reasons to think that a module has weights which neither its parameters nor `_unpacked` show one by one."""
    import torch

    qualified = f"{type(module).__module__}."
    if qualified.startswith(_REFUSED):
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
