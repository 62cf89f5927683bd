"""ONNX models, as onnxruntime sessions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pytest_speedacc.adapters.base import Adapter, ParameterCount, class_name, to_array
from pytest_speedacc.adapters.labels import ranking_scores
from pytest_speedacc.adapters.onnx.counting import count_document
from pytest_speedacc.errors import GateError


class OnnxAdapter(Adapter):
    """Sessions are run with all of a batch's inputs, and asked for the one output that is scored."""

    framework = "ONNX"
    counted = (
        "An upper bound: every floating-point number in the initializers and constants of the graph, and every number "
        "in the attributes of the classical operators (ai.onnx.ml: linear models, trees, support vectors). The format "
        "does not tell learned numbers from others. A quantised weight is the one number that it stands for, without "
        "scales and zero points; how many have 8 bits or fewer is said beside the total. Operators of other domains "
        "are refused, but for onnxruntime's quantised ones."
    )
    serialisation = "The model file that the session was made from, with the files of external data that belong to it."
    own_format = True

    def recognises(self, names: frozenset[str]) -> bool:
        return "onnxruntime.capi.onnxruntime_inference_collection.InferenceSession" in names

    def responses(self, model: Any) -> tuple[str, ...]:
        """A classifier converted from scikit-learn has labels and probabilities; any other model has one output."""
        return ("predict", "predict_proba") if _is_classifier(model) else ("predict", "decision_function")

    def classes(self, model: Any) -> Any:
        """The labels of a classifier, as its operator declares them."""
        return _class_labels(model) if _is_classifier(model) else None

    def is_untyped(self, model: Any) -> bool:
        return not _is_classifier(model)

    def responder(self, model: Any, response: str) -> Callable[[Any], Any]:
        names = [each.name for each in model.get_inputs()]
        outputs = [model.get_outputs()[int(response == "predict_proba")].name]
        if len(names) > 1:
            return lambda batch: model.run(outputs, batch)[0]
        return lambda batch: model.run(outputs, {names[0]: batch})[0]

    def inputs(self, model: Any, inputs: Any) -> Any:
        """Arrays of the types that the session declares; several inputs are a dict of arrays by name."""
        declared = {each.name: each.type for each in model.get_inputs()}
        if len(declared) == 1 and not isinstance(inputs, Mapping):
            return _typed(inputs, next(iter(declared.values())))
        if not isinstance(inputs, Mapping) or inputs.keys() != declared.keys():
            raise GateError(f"the session takes {', '.join(declared)}: pass a dict of arrays with these names.")
        arrays = {name: _typed(inputs[name], kind) for name, kind in declared.items()}
        return arrays if len(arrays) > 1 else next(iter(arrays.values()))

    def predictions(self, model: Any, raw: Any, response: str) -> np.ndarray:
        """The output as an array; probabilities that come as one dict a sample are laid out by class."""
        if isinstance(raw, list) and raw and isinstance(raw[0], Mapping):
            raw = [[row[name] for name in sorted(row)] for row in raw]
        array = to_array(raw, response)
        return ranking_scores(array) if response == "decision_function" else array

    def count_parameters(self, model: Any) -> ParameterCount:
        import onnx

        try:
            return count_document(onnx.load_from_string(_document(model)))
        except GateError as error:
            raise GateError(
                f"the parameters of this {class_name(model)} cannot be counted: {error}. "
                "Count the model before its conversion, or gate its size instead (max_model_size)."
            ) from error

    def serialise(self, model: Any) -> bytes:
        import onnx

        document = _document(model)
        external = {
            entry.value
            for tensor in onnx.external_data_helper._get_all_tensors(onnx.load_from_string(document))
            for entry in tensor.external_data
            if entry.key == "location"
        }
        folder = Path(model._model_path or ".").parent
        return b"".join([document, *((folder / name).read_bytes() for name in sorted(external))])


def _document(model: Any) -> bytes:
    """The model file. onnxruntime keeps it, or where it lay, under these two names since version 1.4."""
    if getattr(model, "_model_bytes", None):
        document: bytes = model._model_bytes
        return document
    path = Path(getattr(model, "_model_path", None) or "")
    if not path.is_file():
        raise GateError(
            f"the file that this {class_name(model)} was made from is not at {path} any more: keep it there, or make "
            "the session from its bytes."
        )
    if path.suffix == ".ort":
        raise GateError(f"{path.name} is in ORT format, which cannot be counted: make the session from the .onnx file.")
    return path.read_bytes()


def _is_classifier(model: Any) -> bool:
    types = [each.type for each in model.get_outputs()]
    return len(types) == 2 and types[0] in ("tensor(int64)", "tensor(string)")


def _class_labels(model: Any) -> list[str] | list[int] | None:
    """None where no operator declares any, or the file cannot be read: what needs the labels is refused then."""
    try:
        import onnx

        graph = onnx.load_from_string(_document(model)).graph
    except (ImportError, GateError):
        return None
    for attribute in (attribute for node in graph.node for attribute in node.attribute):
        if attribute.name.startswith("classlabels"):
            return [label.decode() for label in attribute.strings] or list(attribute.ints)
    return None


def _typed(values: Any, declared: str) -> np.ndarray:
    """An array of the declared type, such as ``tensor(float)``."""
    names = {"float": "float32", "double": "float64", "string": "object"}
    kind = declared.removeprefix("tensor(").removesuffix(")")
    return np.ascontiguousarray(values, dtype=names.get(kind, kind))
