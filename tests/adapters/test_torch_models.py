"""PyTorch modules: published counts, weights that hide, modes, devices and sizes."""

import functools

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from torch import nn

from pytest_speedacc.adapters import count_parameters, find_adapter, model_size
from pytest_speedacc.errors import GateError


def mnist_classic():
    return nn.Sequential(
        nn.Conv2d(1, 10, 5),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Conv2d(10, 20, 5),
        nn.Dropout2d(),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(320, 50),
        nn.ReLU(),
        nn.Linear(50, 10),
    )


def mnist_current():
    return nn.Sequential(
        nn.Conv2d(1, 32, 3),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(9216, 128),
        nn.ReLU(),
        nn.Linear(128, 10),
    )


def mnist_without_dense_head():
    return nn.Sequential(
        nn.Conv2d(1, 10, 5),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Conv2d(10, 20, 5),
        nn.Dropout2d(),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Conv2d(20, 10, 3),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )


def small_net():
    return nn.Sequential(
        nn.Conv2d(1, 5, 3),
        nn.BatchNorm2d(5),
        nn.LeakyReLU(),
        nn.Conv2d(5, 8, 3),
        nn.LeakyReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, 10),
    )


@pytest.mark.parametrize(
    ("build", "published"),
    [
        pytest.param(mnist_classic, 21_840, id="pytorch examples mnist_hogwild/main.py"),
        pytest.param(mnist_current, 1_199_882, id="pytorch examples mnist/main.py"),
        pytest.param(mnist_without_dense_head, 7_090, id="Netguru 2019, without the dense head"),
        pytest.param(small_net, 518, id="Netguru 2019, small net"),
    ],
)
def test_published_counts(build, published):
    model = build()
    adapter = find_adapter(model)
    assert count_parameters(model) == published
    images = adapter.inputs(model, np.zeros((2, 1, 28, 28)))
    with adapter.running(model):
        raw = adapter.call(model, "predict")(images)
    assert adapter.predictions(model, raw, "predict").shape == (2, 10)


def test_tied_tensors_count_and_weigh_once():
    tied, untied = (nn.Sequential(nn.Embedding(100, 8), nn.Linear(8, 100, bias=False)) for _ in range(2))
    tied[1].weight = tied[0].weight
    assert count_parameters(tied) == 800
    assert count_parameters(untied) == 1600
    assert find_adapter(tied).weights_bytes(tied) == 3200
    assert model_size(untied) - model_size(tied) >= 3200


def test_overlapping_views_count_no_more_than_their_storage():
    storage = torch.zeros(10)
    model = nn.Module()
    model.first, model.second = nn.Parameter(storage[:6]), nn.Parameter(storage[4:])
    assert count_parameters(model) == 10


def test_frozen_parameters_count_and_are_told_apart():
    model = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2))
    model[0].requires_grad_(False)
    count = find_adapter(model).count_parameters(model)
    assert (count.total, count.details) == (15 + 8, {"tensors": 4, "trainable": 8})


class PlainList(nn.Module):
    def __init__(self):
        super().__init__()
        self.parts = [nn.Linear(2, 2)]


class Packed(nn.Module):
    def __init__(self, **buffers):
        super().__init__()
        for name, value in buffers.items():
            self.register_buffer(name, value)


class IntegerParameter(nn.Module):
    def __init__(self):
        super().__init__()
        self.packed = nn.Parameter(torch.zeros(3, dtype=torch.int8), requires_grad=False)


class OwnTensor(torch.Tensor):
    """A stand-in for the packed tensor types of quantisation libraries."""


class Foreign(nn.Module):
    """A stand-in for a module of a quantisation library."""

    __module__ = "bitsandbytes.nn"


def own_tensor():
    model = nn.Linear(2, 2)
    model.weight = nn.Parameter(torch.zeros(2, 2).as_subclass(OwnTensor))
    return model


@functools.cache
def quantised():
    return torch.ao.quantization.quantize_dynamic(nn.Sequential(nn.Linear(400, 300)), {nn.Linear})


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: nn.Sequential(nn.LazyLinear(3)), r"Sequential.0.weight has no shape yet"),
        (lambda: nn.Linear(3, 4, device="meta"), r"Linear.weight is on the meta device"),
        (lambda: nn.Sequential(Foreign()), r"Sequential.0 is a bitsandbytes.nn.Foreign, whose weights are packed"),
        (lambda: torch.jit.script(quantised()), "a script module with weights frozen or packed"),
        (
            lambda: torch.jit.freeze(torch.jit.script(nn.Linear(4, 3).eval())),
            "a script module with weights frozen or packed",
        ),
        (PlainList, r"PlainList.parts\[0\] is a Linear with weights, and PyTorch does not see them there"),
        (
            lambda: Packed(qweight=torch.zeros(3, dtype=torch.int32)),
            "keeps the buffer qweight as int32 weights",
        ),
        (lambda: Packed(w=torch.zeros(3, 3, dtype=torch.int8)), "keeps the buffer w as int8 weights"),
        (IntegerParameter, "keeps packed as packed int8"),
        (own_tensor, "keeps weight as a OwnTensor"),
    ],
    ids=[
        "lazy",
        "meta",
        "quantised elsewhere",
        "quantised script",
        "frozen script",
        "plain list",
        "qweight",
        "int8 buffer",
        "int8 parameter",
        "tensor subclass",
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_a_count_that_would_leave_weights_out_is_refused(build, message):
    with pytest.raises(GateError, match=message):
        count_parameters(build())


@pytest.mark.filterwarnings("ignore")
def test_script_modules_count_while_their_parameters_show():
    assert count_parameters(torch.jit.script(nn.Linear(4, 3))) == 15
    assert count_parameters(torch.jit.trace(nn.Linear(4, 3), torch.zeros(1, 4))) == 15


@pytest.mark.filterwarnings("ignore")
def test_a_quantised_module_has_a_size_a_quarter_of_the_plain_one():
    assert model_size(quantised()) == pytest.approx(model_size(nn.Linear(400, 300)) / 4, rel=0.05)
    with pytest.raises(GateError, match="script module with weights frozen or packed"):
        model_size(torch.jit.script(quantised()))


def test_size_is_header_and_bytes_and_the_same_after_use():
    model = small_net()
    adapter = find_adapter(model)
    serialised = adapter.serialise(model)
    header = int.from_bytes(serialised[:8], "little")
    weights = 4 * 518 + 4 * (5 + 5) + 8  # and BatchNorm's running mean, variance and step count
    assert len(serialised) == 8 + header + weights
    assert adapter.weights_bytes(model) == weights
    with adapter.running(model):
        adapter.call(model, "predict")(torch.zeros(1, 1, 28, 28))
    assert adapter.serialise(model) == serialised
    assert model_size(model.half()) < len(serialised) - 1000


def test_state_that_is_no_tensor_has_no_size():
    class Extra(nn.Linear):
        def get_extra_state(self):
            return object()

    with pytest.raises(GateError, match="_extra_state in its state_dict is a object"):
        model_size(Extra(2, 2))


@pytest.mark.parametrize("script", [False, True], ids=["module", "script module"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_each_training_flag_comes_back_also_after_an_error(script):
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Sequential(nn.Dropout()))
    if script:
        model = torch.jit.script(model)
    list(model.modules())[2].training = False
    before = [module.training for module in model.modules()]
    assert True in before
    assert False in before

    def predict_and_fail():
        with find_adapter(model).running(model):
            assert not any(module.training for module in model.modules())
            assert torch.is_inference_mode_enabled()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        predict_and_fail()
    assert [module.training for module in model.modules()] == before
    assert not torch.is_inference_mode_enabled()


def test_inputs_become_tensors_of_the_models_type_and_integers_stay():
    model = nn.Linear(2, 2).double()
    adapter = find_adapter(model)
    floats, integers = np.ones((3, 2), dtype=np.float32), np.ones((3, 2), dtype=np.int32)
    assert adapter.inputs(model, floats).dtype == torch.float64
    assert adapter.inputs(model, floats.tolist()).dtype == torch.float64
    assert adapter.inputs(model, integers).dtype == torch.int32
    assert adapter.inputs(model, {"x": (integers, floats[::-1])})["x"][1].dtype == torch.float64
    kept = torch.ones(3, 2, dtype=torch.float16)
    assert adapter.inputs(model, kept).dtype == torch.float16
    assert adapter.inputs(model, [kept[0], kept[1]]).shape == (2, 2)


def test_a_model_that_writes_into_its_input_leaves_the_users_array_alone():
    model = nn.ReLU(inplace=True)
    adapter = find_adapter(model)
    array = -np.ones((3, 2), dtype=np.float32)
    with adapter.running(model):
        adapter.call(model, "predict")(adapter.inputs(model, array))
    assert (array == -1).all()


def test_inputs_that_are_no_numbers_are_refused():
    with pytest.raises(GateError, match="Linear takes tensors, and inputs of type <U1"):
        find_adapter(nn.Linear(2, 2)).inputs(nn.Linear(2, 2), ["a", "b"])


def test_scores_of_two_classes_rank_by_their_difference():
    model = nn.Identity()
    adapter = find_adapter(model)
    logits = torch.tensor([[1.0, 3.0], [2.0, -1.0]])
    assert adapter.predictions(model, logits, "decision_function").tolist() == [2.0, -3.0]
    assert adapter.predictions(model, logits, "predict").shape == (2, 2)
    assert adapter.predictions(model, logits[:, :1], "decision_function").tolist() == [1.0, 2.0]
    assert adapter.predictions(model, {"logits": logits.bfloat16()}, "predict").dtype == np.float32


def test_an_output_that_is_no_tensor_is_refused():
    model = nn.LSTM(2, 3)
    adapter = find_adapter(model)
    with pytest.raises(GateError, match="LSTM returned a tuple, not a tensor"):
        adapter.predictions(model, adapter.call(model, "predict")(torch.zeros(1, 1, 2)), "predict")


def test_a_module_offers_no_probabilities():
    model = nn.Linear(2, 2)
    with pytest.raises(GateError, match="Linear has no predict_proba; it has predict and decision_function"):
        find_adapter(model).call(model, "predict_proba")


def test_on_the_processor_there_is_nothing_to_wait_for():
    model = nn.Linear(2, 2)
    assert find_adapter(model).synchronise(model) is None
    assert find_adapter(model).device_memory(model) is None


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_inputs_move_calls_are_awaited_and_memory_is_measured():
    model = nn.Linear(1024, 1024, bias=False).cuda()
    adapter = find_adapter(model)
    inputs = adapter.inputs(model, np.ones((1024, 1024)))
    assert inputs.is_cuda
    memory, synchronise = adapter.device_memory(model), adapter.synchronise(model)
    with adapter.running(model):
        adapter.call(model, "predict")(inputs)  # cuBLAS allocates its workspace once
        memory.reset()
        raw = adapter.call(model, "predict")(inputs)
        synchronise()
    assert 4 * 2**20 <= memory.peak() < 8 * 2**20
    assert adapter.predictions(model, raw, "predict").shape == (1024, 1024)
    assert adapter.weights_bytes(model) == 4 * 2**20


def test_a_compiled_module_is_what_it_was_made_from():
    module = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    compiled = torch.compile(module, backend="eager")
    inputs = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
    assert (count_parameters(compiled), model_size(compiled)) == (count_parameters(module), model_size(module))
    adapter = find_adapter(compiled)
    with adapter.running(compiled):
        raw = adapter.call(compiled, "predict")(adapter.inputs(compiled, inputs))
    with torch.no_grad():
        expected = module(torch.from_numpy(inputs)).numpy()
    assert adapter.predictions(compiled, raw, "predict") == pytest.approx(expected, abs=1e-6)
