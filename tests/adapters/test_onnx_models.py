"""ONNX sessions: hand-derived counts, a stated upper bound for scikit-learn's, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from pytest_speedacc.adapters import count_parameters, find_adapter, model_size
from pytest_speedacc.adapters.onnx import OnnxAdapter
from pytest_speedacc.errors import GateError

OPSETS = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]


def document(nodes, weights=(), inputs=None, outputs=None):
    """A model file."""
    graph = helper.make_graph(
        nodes,
        "graph",
        inputs or [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 8])],
        outputs or [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(array, name) for name, array in dict(weights).items()],
    )
    return helper.make_model(graph, opset_imports=OPSETS, ir_version=9).SerializeToString()


def session(source):
    return onnxruntime.InferenceSession(source, providers=["CPUExecutionProvider"])


def mlp():
    """8 -> 4 -> 3, with a shape that is no parameter."""
    random = np.random.default_rng(0)
    weights = {
        "w1": random.normal(size=(8, 4)).astype("float32"),
        "b1": np.zeros(4, "float32"),
        "w2": random.normal(size=(4, 3)).astype("float32"),
        "b2": np.zeros(3, "float32"),
        "shape": np.array([-1, 3], "int64"),
    }
    nodes = [
        helper.make_node("Gemm", ["x", "w1", "b1"], ["h"]),
        helper.make_node("Relu", ["h"], ["r"]),
        helper.make_node("Gemm", ["r", "w2", "b2"], ["z"]),
        helper.make_node("Reshape", ["z", "shape"], ["y"]),
    ]
    return document(nodes, weights)


def test_weights_and_biases_are_counted_and_shapes_are_not():
    model = session(mlp())
    assert type(find_adapter(model)) is OnnxAdapter
    assert count_parameters(model) == (8 * 4 + 4) + (4 * 3 + 3)
    assert model_size(model) == len(mlp())


def test_a_session_from_a_file_is_counted_as_one_from_bytes(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(mlp())
    model = session(str(path))
    assert (count_parameters(model), model_size(model)) == (51, len(mlp()))
    path.unlink()
    with pytest.raises(GateError, match=r"is not at .*model\.onnx any more: keep it there"):
        count_parameters(model)


def test_weights_kept_beside_the_model_file_are_counted_and_sized(tmp_path):
    path = tmp_path / "model.onnx"
    product = document([helper.make_node("MatMul", ["x", "w"], ["y"])], {"w": np.ones((8, 2), "float32")})
    onnx.save_model(
        onnx.load_from_string(product), path, save_as_external_data=True, location="weights.bin", size_threshold=0
    )
    model = session(str(path))
    assert count_parameters(model) == 16
    assert model_size(model) == path.stat().st_size + (tmp_path / "weights.bin").stat().st_size


def test_constants_and_the_branches_of_a_condition_are_counted():
    def branch(name, size):
        constant = helper.make_node(
            "Constant", [], [name], value=numpy_helper.from_array(np.ones(size, "float32"), name)
        )
        return helper.make_graph([constant], name, [], [helper.make_tensor_value_info(name, TensorProto.FLOAT, [size])])

    condition = [
        helper.make_node("Constant", [], ["yes"], value=numpy_helper.from_array(np.array(True), "yes")),
        helper.make_node("If", ["yes"], ["b"], then_branch=branch("then", 8), else_branch=branch("else", 1)),
        helper.make_node("Add", ["x", "b"], ["y"]),
    ]
    assert count_parameters(session(document(condition))) == 9


def test_a_linear_classifier_counts_at_least_what_scikit_learn_does():
    pytest.importorskip("skl2onnx")
    from skl2onnx import to_onnx
    from sklearn.datasets import load_digits
    from sklearn.linear_model import LogisticRegression

    inputs, targets = load_digits(return_X_y=True)
    inputs = inputs.astype("float32")
    original = LogisticRegression(max_iter=20).fit(inputs, targets)
    model = session(to_onnx(original, inputs[:1], options={"zipmap": False}).SerializeToString())
    assert count_parameters(original) <= count_parameters(model) <= count_parameters(original) + 20
    adapter = find_adapter(model)
    assert adapter.responses(model) == ("predict", "predict_proba")
    batch = adapter.inputs(model, inputs[:50].astype("float64"))
    labels = adapter.predictions(model, adapter.call(model, "predict")(batch), "predict")
    assert (labels == original.predict(inputs[:50])).mean() > 0.97
    table = adapter.predictions(model, adapter.call(model, "predict_proba")(batch), "predict_proba")
    assert table == pytest.approx(original.predict_proba(inputs[:50]), abs=1e-3)


def test_a_tree_counts_at_least_its_splits_and_leaves():
    pytest.importorskip("skl2onnx")
    from skl2onnx import to_onnx
    from sklearn.datasets import load_diabetes
    from sklearn.tree import DecisionTreeRegressor

    inputs, targets = load_diabetes(return_X_y=True)
    inputs = inputs.astype("float32")
    original = DecisionTreeRegressor(max_depth=4).fit(inputs, targets)
    model = session(to_onnx(original, inputs[:1]).SerializeToString())
    assert count_parameters(model) >= count_parameters(original)


@pytest.mark.parametrize(
    ("nodes", "weights", "why"),
    [
        (
            [
                helper.make_node("Cast", ["w"], ["d"], to=TensorProto.FLOAT),
                helper.make_node("MatMul", ["x", "d"], ["y"]),
            ],
            {"w": np.ones((8, 2), "int8")},
            "w is of type int8",
        ),
        (
            [helper.make_node("FusedMatMul", ["x", "w"], ["y"], domain="com.microsoft")],
            {"w": np.ones((8, 2), "float32")},
            r"the operator com\.microsoft\.FusedMatMul may hold weights",
        ),
    ],
    ids=["int8 weights", "another domain"],
)
def test_what_cannot_be_counted_whole_is_refused(nodes, weights, why, monkeypatch):
    monkeypatch.setattr(f"{__name__}.OPSETS", [*OPSETS, helper.make_opsetid("com.microsoft", 1)])
    with pytest.raises(GateError, match=f"cannot be counted: {why}"):
        count_parameters(session(document(nodes, weights)))


def test_several_inputs_come_by_name_and_in_the_declared_types():
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 2]) for name in "ab"]
    model = session(document([helper.make_node("Add", ["a", "b"], ["y"])], inputs=inputs))
    adapter = find_adapter(model)
    arrays = adapter.inputs(model, {"a": np.ones((3, 2)), "b": [[1, 2]] * 3})
    raw = adapter.call(model, "predict")(arrays)
    assert adapter.predictions(model, raw, "predict").tolist() == [[2, 3]] * 3
    assert adapter.predictions(model, raw, "decision_function").tolist() == [1, 1, 1]
    with pytest.raises(GateError, match="the session takes a, b: pass a dict of arrays with these names"):
        adapter.inputs(model, np.ones((3, 2)))
