"""Hugging Face transformers: models that take their inputs by name, and pipelines that take them as they come."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import numpy as np

from pytest_speedacc.adapters.base import Adapter, ParameterCount, to_array
from pytest_speedacc.adapters.torch import CudaMemory, TorchAdapter
from pytest_speedacc.errors import GateError

CLASSIFIES = ("audio-classification", "image-classification", "text-classification")


class TransformersAdapter(TorchAdapter):
    """Models are called with a tokenizer's mapping unpacked, and with anything else as it is."""

    framework = "transformers"
    counted = "As PyTorch's: tied embeddings once, a pooler or head that the class brings along included."

    def recognises(self, names: frozenset[str]) -> bool:
        return "transformers.modeling_utils.PreTrainedModel" in names


class PipelineAdapter(Adapter):
    """Pipelines take what they take in production, preprocessing and all: texts, images, paths."""

    framework = "transformers pipelines"
    counted = "Those of the pipeline's model, as PyTorch's; a tokenizer's vocabulary is a look-up and counts nothing."
    serialisation = "That of the pipeline's model, as PyTorch's, without the tokenizer."
    own_format = True

    def recognises(self, names: frozenset[str]) -> bool:
        return "transformers.pipelines.base.Pipeline" in names

    def check_usable(self, model: Any) -> None:
        _TORCH.check_usable(model.model)

    def responses(self, model: Any) -> tuple[str, ...]:
        """Labels, and the probabilities of all of them, of a pipeline that classifies; else whatever it returns."""
        return ("predict", "predict_proba") if model.task in CLASSIFIES else ("predict",)

    def classes(self, model: Any) -> Any:
        """The names of its labels, which are numbered as well."""
        names = getattr(model.model.config, "id2label", None) if model.task in CLASSIFIES else None
        return None if names is None else tuple(names[number] for number in sorted(names))

    def responder(self, model: Any, response: str) -> Callable[[Any], Any]:
        pipeline: Callable[..., Any] = model
        # As many labels as there are: None, which asks for all, is refused by some kinds of pipeline.
        return partial(pipeline, top_k=len(model.model.config.id2label)) if response == "predict_proba" else pipeline

    def running(self, model: Any) -> AbstractContextManager[None]:
        return _TORCH.running(model.model)

    def inputs(self, model: Any, inputs: Any) -> Any:
        """A list, which is what a pipeline takes for a batch: of a Series or an array it would make something else."""
        return inputs if isinstance(inputs, list) else list(inputs)

    def predictions(self, model: Any, raw: Any, response: str) -> np.ndarray:
        if response == "predict_proba":
            labels = [model.model.config.id2label[number] for number in sorted(model.model.config.id2label)]
            return to_array([[_scores(each)[label] for label in labels] for each in raw], response)
        if not all(isinstance(each, Mapping) and "label" in each for each in raw):
            raise GateError(
                f"the {model.task} pipeline returns no labels. "
                "Pass predict= with a function that returns its predictions as one array."
            )
        return to_array([each["label"] for each in raw], response)

    def count_parameters(self, model: Any) -> ParameterCount:
        return _TORCH.count_parameters(model.model)

    def serialise(self, model: Any) -> bytes:
        return _TORCH.serialise(model.model)

    def weights_bytes(self, model: Any) -> int | None:
        return _TORCH.weights_bytes(model.model)

    def synchronise(self, model: Any) -> Callable[[], None] | None:
        return _TORCH.synchronise(model.model)

    def device_memory(self, model: Any) -> CudaMemory | None:
        return _TORCH.device_memory(model.model)

    def device_name(self, model: Any) -> str:
        return _TORCH.device_name(model.model)


_TORCH = TorchAdapter()


def _scores(answers: list[Mapping[str, Any]]) -> dict[str, float]:
    return {answer["label"]: answer["score"] for answer in answers}
