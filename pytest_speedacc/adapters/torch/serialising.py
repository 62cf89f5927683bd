"""A module's state as bytes that depend on its tensors alone, whatever the version of PyTorch."""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import Any

from pytest_speedacc.errors import GateError


def serialise(state: Mapping[str, Any]) -> bytes:
    """The safetensors layout of a state dict: header length, JSON header, each distinct tensor once.

    `torch.save` pads its records and adds some from version to version; this layout does neither.
    Packed weights are written as the tensors they hold. Raises `GateError` for state of any other kind.
    """
    header: dict[str, Any] = {}
    offsets: dict[Hashable, tuple[int, int]] = {}
    chunks: list[bytes] = []
    end = 0
    for name, value in sorted(_flatten("", state), key=lambda item: item[0]):
        if not _is_tensor(value):
            header[name] = str(value)
            continue
        place = _place(value)
        if place not in offsets:
            chunks.append(_tensor_bytes(value))
            offsets[place] = (end, end + len(chunks[-1]))
            end += len(chunks[-1])
        header[name] = {
            "dtype": str(value.dtype).removeprefix("torch."),
            "shape": list(value.shape),
            "data_offsets": offsets[place],
        }
    encoded = json.dumps(header, separators=(",", ":")).encode()
    return b"".join([len(encoded).to_bytes(8, "little"), encoded, *chunks])


def distinct(tensors: Iterable[Any]) -> list[Any]:
    """The tensors without those that are the same elements of the same storage as an earlier one."""
    return list({_place(tensor): tensor for tensor in tensors}.values())


def _place(tensor: Any) -> Hashable:
    storage = tensor.untyped_storage()._cdata
    return storage, tensor.storage_offset(), tuple(tensor.shape), tensor.stride(), tensor.dtype


def _is_tensor(value: Any) -> bool:
    import torch

    return isinstance(value, torch.Tensor)


def _flatten(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Plain tensors and settings under dotted names."""
    import torch

    if isinstance(value, Mapping | list | tuple):
        items = value.items() if isinstance(value, Mapping) else enumerate(value)
        for key, inner in items:
            yield from _flatten(f"{name}.{key}" if name else str(key), inner)
    elif isinstance(value, torch.Tensor) and value.is_quantized:
        yield name, value.int_repr()
        per_channel = value.qscheme() in (torch.per_channel_affine, torch.per_channel_symmetric)
        if per_channel:
            scale, zero = value.q_per_channel_scales(), value.q_per_channel_zero_points()
        else:
            scale, zero = torch.tensor(value.q_scale()), torch.tensor(value.q_zero_point())
        yield f"{name}.scale", scale
        yield f"{name}.zero_point", zero
    elif _is_plain(value):
        yield name, value
    else:
        raise GateError(
            f"the model has no size: {name} in its state_dict is a {type(value).__name__}, not a plain "
            "tensor. Convert it, or drop the limit on the size."
        )


def _is_plain(value: Any) -> bool:
    """Whether a tensor's elements are all there is to it, or a setting's text is."""
    import torch

    if isinstance(value, torch.Tensor):
        plain_types = (torch.Tensor, torch.nn.Parameter, torch.nn.Buffer)
        return type(value) in plain_types and value.layout == torch.strided
    return value is None or isinstance(value, bool | int | float | str | torch.dtype)


def _tensor_bytes(tensor: Any) -> bytes:
    import torch

    data: bytes = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
    return data
