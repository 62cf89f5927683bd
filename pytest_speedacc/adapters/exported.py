"""Programs of torch.export, which give back the module that they stand for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from pytest_speedacc.adapters.base import ParameterCount
from pytest_speedacc.adapters.torch import TorchAdapter


class ExportedAdapter(TorchAdapter):
    """Programs of torch.export are run, counted and sized as the module that they give back."""

    framework = "torch.export"
    counted = (
        "As PyTorch's, of program.module(): its parameters, without buffers. Constants that were lifted out of the "
        "code are refused where they may be weights."
    )
    serialisation = "That of program.module(), as PyTorch's, without the program's code."

    def recognises(self, names: frozenset[str]) -> bool:
        return "torch.export.exported_program.ExportedProgram" in names

    def responder(self, model: Any, response: str) -> Callable[[Any], Any]:
        predict: Callable[[Any], Any] = model.module()
        return predict

    @contextmanager
    def running(self, model: Any) -> Iterator[None]:
        """Inference mode; the program has the mode that it was exported in."""
        import torch

        with torch.inference_mode():
            yield

    def count_parameters(self, model: Any) -> ParameterCount:
        return super().count_parameters(model.module())

    def serialise(self, model: Any) -> bytes:
        return super().serialise(model.module())
