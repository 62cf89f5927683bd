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


def pieces(tensor: Any) -> dict[str, Any]:
    """The dense tensors that one is made of, by name: itself, or what a sparse or nested one stores, values first."""
    import torch

    if tensor.is_nested:
        return {"values": tensor.values()}
    if tensor.layout is torch.sparse_coo:
        return {"values": tensor._values(), "indices": tensor._indices()}
    if tensor.layout in (torch.sparse_csr, torch.sparse_bsr):
        return {"values": tensor.values(), "columns": tensor.col_indices(), "rows": tensor.crow_indices()}
    if tensor.layout in (torch.sparse_csc, torch.sparse_bsc):
        return {"values": tensor.values(), "columns": tensor.ccol_indices(), "rows": tensor.row_indices()}
    return {"": tensor}


def stored(tensor: Any) -> Any:
    """The numbers that a tensor stores: of a sparse one those that are not left out."""
    return next(iter(pieces(tensor).values()))


def storage(tensor: Any) -> Hashable:
    """The memory that a tensor's numbers lie in."""
    from torch.nn.parameter import is_lazy

    try:
        key: Hashable = id(tensor) if is_lazy(tensor) else stored(tensor).untyped_storage()._cdata
    except NotImplementedError:  # a layout of oneDNN's own
        key = id(tensor)
    return key


def _place(tensor: Any) -> Hashable:
    dense = stored(tensor)
    return storage(tensor), dense.storage_offset(), tuple(dense.shape), dense.stride(), dense.dtype


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
    elif isinstance(value, torch.Tensor) and len(parts := pieces(value)) > 1 and _is_own(value):
        yield from ((f"{name}.{piece}", dense) for piece, dense in parts.items())
        yield f"{name}.shape", str(tuple(value.shape))
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
        return _is_own(value) and value.layout == torch.strided
    return value is None or isinstance(value, bool | int | float | str | torch.dtype)


def _is_own(tensor: Any) -> bool:
    """Whether a tensor is of PyTorch's own types, and not of one that keeps numbers beside it."""
    import torch

    return type(tensor) in (torch.Tensor, torch.nn.Parameter, torch.nn.Buffer) and not tensor.is_nested


def _tensor_bytes(tensor: Any) -> bytes:
    import torch

    data: bytes = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
    return data
