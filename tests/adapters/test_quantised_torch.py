"""Quantised modules count the numbers that their weights stand for; exported programs and LoRA count as their parts."""

from __future__ import annotations

import functools

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from torch import nn
from torch.ao import quantization

from pytest_speedacc import count_parameters, model_size
from pytest_speedacc.adapters import find_adapter
from pytest_speedacc.errors import GateError
from pytest_speedacc.measure.measurement import measure_statics
from pytest_speedacc.measure.subject import CallOptions, prepare

# torch.ao.quantization says that it will move to torchao, and torch.export warns about itself.
pytestmark = pytest.mark.filterwarnings("ignore")

LINEAR = 8 * 6


def counted(model):
    count = find_adapter(model).count_parameters(model)
    return count.total, {name: number for name, number in count.details.items() if name != "tensors"}


def dynamic(model, *kinds, dtype=torch.qint8):
    return quantization.quantize_dynamic(model.eval(), set(kinds), dtype=dtype)


class Convolutional(nn.Module):
    def __init__(self):
        super().__init__()
        self.quant, self.dequant = quantization.QuantStub(), quantization.DeQuantStub()
        self.conv, self.norm, self.act = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU()
        self.head = nn.Linear(4, 2)

    def forward(self, batch):
        mapped = self.act(self.norm(self.conv(self.quant(batch)))).mean(dim=(2, 3))
        return self.dequant(self.head(mapped))


@functools.cache
def engine():
    return next(
        each for each in ("fbgemm", "x86", "onednn", "qnnpack") if each in torch.backends.quantized.supported_engines
    )


def static(model, fuse=None):
    torch.backends.quantized.engine = engine()
    model.eval().qconfig = quantization.get_default_qconfig(engine())
    if fuse:
        model = quantization.fuse_modules(model, fuse)
    prepared = quantization.prepare(model)
    prepared(torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0)))
    return quantization.convert(prepared)


def test_a_dynamic_layer_counts_as_before_and_says_what_is_in_eight_bits():
    model = nn.Sequential(nn.Linear(8, 6), nn.ReLU(), nn.LayerNorm(6))
    before = count_parameters(model)
    assert before == LINEAR + 6 + 12
    # The bias and the normalisation stay as they were.
    assert counted(dynamic(model, nn.Linear)) == (before, {"trainable": 12, "in 8 bits": LINEAR})


@pytest.mark.parametrize("dtype", [torch.qint8, torch.float16])
def test_recurrent_layers_count_as_before(dtype):
    model = nn.ModuleDict({"lstm": nn.LSTM(3, 4, 2, bidirectional=True), "cell": nn.GRUCell(3, 4)})
    lstm = 2 * (16 * 3 + 16 * 4) + 2 * (16 * 8 + 16 * 4)
    cell = 12 * 3 + 12 * 4
    biases = 4 * 2 * 16 + 2 * 12
    assert count_parameters(model) == lstm + cell + biases
    total, details = counted(dynamic(model, nn.LSTM, nn.GRUCell, dtype=dtype))
    assert total == lstm + cell + biases
    assert details.get("in 8 bits", 0) == (lstm + cell if dtype is torch.qint8 else 0)


def test_embeddings_of_eight_and_four_bits():
    for qconfig, bits in (
        (quantization.float_qparams_weight_only_qconfig, 8),
        (quantization.float_qparams_weight_only_qconfig_4bit, 4),
    ):
        model = nn.Sequential(nn.EmbeddingBag(10, 8))
        model.qconfig = qconfig
        converted = quantization.convert(quantization.prepare(model))
        assert counted(converted) == (80, {"trainable": 0, f"in {bits} bits": 80})


@pytest.mark.parametrize("fuse", [None, ["conv", "norm", "act"]], ids=["plain", "fused"])
def test_static_layers_count_as_before(fuse):
    model = Convolutional()
    convolution, head = 4 * 3 * 9, 2 * 4
    assert count_parameters(model) == convolution + 4 + 2 * 4 + head + 2
    # What is fused into a convolution is no number of its own any more.
    norm = 0 if fuse else 8
    total, details = counted(static(Convolutional(), fuse))
    assert (total, details["in 8 bits"]) == (convolution + 4 + norm + head + 2, convolution + head)


def test_what_a_quantised_graph_keeps_packed_is_refused():
    """Conversion of graphs makes such an attribute of each functional layer."""
    model = nn.Module()
    weight = torch.quantize_per_tensor(torch.ones(6, 8), 0.1, 0, torch.qint8)
    model._packed_weight_0 = torch.ops.quantized.linear_prepack(weight, None)
    with pytest.raises(GateError, match=r"Module\._packed_weight_0 is a LinearPackedParams.* with weights packed into"):
        count_parameters(model)


def test_parameters_of_eight_bits_are_told_apart():
    model = nn.Sequential(nn.Linear(8, 6))
    model[0].weight = nn.Parameter(model[0].weight.detach().to(torch.float8_e4m3fn), requires_grad=False)
    assert counted(model) == (LINEAR + 6, {"trainable": 6, "in 8 bits": LINEAR})


class Net(nn.Module):
    def __init__(self, **held):
        super().__init__()
        self.body, self.scale = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3)), nn.Parameter(torch.ones(3))
        self.tied = self.body[0]
        for name, value in held.items():
            setattr(self, name, value)

    def forward(self, batch):
        answer = self.tied(batch) + self.body(batch) * self.scale
        return answer @ self.table if hasattr(self, "table") else answer


def exported(model):
    samples = torch.export.Dim("samples", min=1)
    return torch.export.export(model.eval(), (torch.ones(2, 4),), dynamic_shapes=({0: samples},))


class TestExported:
    def test_it_counts_weighs_and_answers_as_its_module(self):
        model = Net()
        program = exported(model)
        adapter = find_adapter(program)
        assert adapter.framework == "torch.export"
        parameters = (4 * 3 + 3) + 2 * 3 + 3
        assert count_parameters(program) == count_parameters(model) == parameters
        buffers = 3 + 3  # running mean and variance; a step count is 8 bytes more
        assert adapter.weights_bytes(program) == 4 * (parameters + buffers) + 8
        assert 0 < model_size(program) - adapter.weights_bytes(program) < 2000
        batch = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")
        with torch.no_grad():
            expected = model(torch.from_numpy(batch)).numpy()
        for each in (program, program.module()):
            found = find_adapter(each)
            with found.running(each):
                raw = found.call(each, "predict")(found.inputs(each, batch))
            assert found.predictions(each, raw, "predict") == pytest.approx(expected, abs=1e-5)
            assert count_parameters(each) == parameters

    def test_it_is_measured_from_its_inputs_to_its_score(self):
        model = Net()
        inputs = np.random.default_rng(0).normal(size=(40, 4)).astype("float32")
        with torch.no_grad():
            targets = model.eval()(torch.from_numpy(inputs)).argmax(dim=1).numpy()
        subject = prepare(exported(model), inputs, targets, CallOptions())
        with subject.adapter.running(subject.model):
            statics = measure_statics(subject)
        assert (statics.accuracy.value, statics.parameters.total, statics.unstable) == (1, 24, 0)

    def test_constants_that_may_be_weights_are_refused(self):
        program = exported(Net(table=torch.randn(3, 3)))
        for refused in (count_parameters, model_size):
            with pytest.raises(GateError, match="table is a plain tensor of 9 numbers that may be learned"):
                refused(program)
        assert count_parameters(exported(Net(table=torch.eye(3)))) == 24

    def test_one_that_a_module_holds_is_not_counted_as_nothing(self):
        holder = nn.Sequential(nn.Linear(2, 2))
        holder.program = exported(Net())
        with pytest.raises(GateError, match=r"Sequential\.program is a ExportedProgram of torch\.export"):
            count_parameters(holder)


class TestLora:
    @pytest.fixture
    def base(self):
        return nn.Sequential(nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, 2))

    def test_total_and_trainable_are_told_apart(self, base):
        peft = pytest.importorskip("peft")
        whole = (8 * 6 + 6) + (6 * 2 + 2)
        adapted = peft.get_peft_model(base, peft.LoraConfig(r=2, target_modules=["0"]))
        added = 2 * 8 + 6 * 2
        assert counted(adapted) == (whole + added, {"trainable": added})
        assert adapted.get_nb_trainable_parameters() == (added, whole + added)
        assert model_size(adapted) > 4 * (whole + added)
        assert counted(adapted.merge_and_unload())[0] == whole

    def test_of_a_transformer(self):
        peft, transformers = pytest.importorskip("peft"), pytest.importorskip("transformers")
        config = transformers.BertConfig(
            vocab_size=20, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32
        )
        base = transformers.BertForSequenceClassification(config)
        whole, head = count_parameters(base), 2 * 16 + 2
        adapted = peft.get_peft_model(base, peft.LoraConfig(task_type="SEQ_CLS", r=4))
        # Query and value of each layer; the head is kept beside a trainable copy of it.
        added = 2 * 2 * (4 * 16 + 16 * 4) + head
        assert counted(adapted) == (whole + added, {"trainable": added})
