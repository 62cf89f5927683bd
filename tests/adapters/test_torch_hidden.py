"""Weights that a module holds out of PyTorch's sight are refused by name and path; what was not learned is not."""

from __future__ import annotations

import argparse
import array
import functools
import itertools
import logging
import math
import threading
import weakref
from collections import OrderedDict, deque
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from torch import nn
from torch.nn.utils import parametrize, prune
from torch.testing._internal.two_tensor import TwoTensor

from pytest_speedacc import count_parameters, model_size
from pytest_speedacc.adapters import find_adapter
from pytest_speedacc.adapters.torch.plain import may_be_learned
from pytest_speedacc.errors import GateError

# torch.nn.utils' older functions say that they are deprecated, and torch.jit says so of all of it.
pytestmark = pytest.mark.filterwarnings("ignore")

BODY = 4 * 3 + 3


class Net(nn.Module):
    """A counted linear layer, and whatever a test hangs on it."""

    def __init__(self, **held):
        super().__init__()
        self.body = nn.Linear(4, 3)
        for name, value in held.items():
            setattr(self, name, value)

    def forward(self, batch):
        return self.body(batch)


class Plain:
    def __init__(self, **held):
        vars(self).update(held)


class Slotted:
    __slots__ = ("__kept",)

    def __init__(self, kept):
        self.__kept = kept


@dataclass
class Record:
    layer: object


def random(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def closure(value):
    return lambda batch: batch @ value


def layer():
    return nn.Linear(4, 2)


def hooked(value, register="register_forward_hook"):
    model = Net()
    getattr(model.body, register)(lambda module, batch, *answer: value(*answer) if callable(value) else None)
    return model


class OfTheClass(nn.Module):
    table = random(3, 3)


class OfTheBase(OfTheClass):
    pass


class WithHelper(nn.Module):
    helper = Plain(w=random(3, 3))


TABLE = random(3, 3)
SHARED_HEAD = nn.Linear(4, 2)


class ReadsAGlobal(Net):
    def forward(self, batch):
        return self.scaled(super().forward(batch))

    def scaled(self, batch):
        return [each @ TABLE for each in batch]


class CallsAGlobal(Net):
    @property
    def head(self):
        return SHARED_HEAD

    @torch.no_grad()
    def forward(self, batch):
        return self.head(batch)


class CallsAFunction(Net):
    def forward(self, batch):
        return scaled(batch)


def scaled(batch):
    return batch @ TABLE


class HasADefault(Net):
    def forward(self, batch, table=TABLE):
        return batch @ table


def of_a_closure():
    table = random(3, 3)

    class Closed(Net):
        def forward(self, batch):
            return batch @ table

    return Closed()


class Validates(Net):
    """Whose `forward` reads neither of the two."""

    def forward(self, batch):
        return batch.TABLE

    def validate(self):
        return self(TABLE)


KEPT = [nn.Linear(4, 2)]


def frame():
    import pandas

    return pandas.DataFrame(random(9, 3).numpy())


def fitted():
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression().fit(np.eye(4), [0, 1, 0, 1])


def computed_from_a_hidden_one():
    return random(5).requires_grad_() * 2


def scripted():
    class Attribute(nn.Module):
        def __init__(self):
            super().__init__()
            self.weights = random(3, 3)

        def forward(self, batch):
            return batch @ self.weights

    return torch.jit.trace(Attribute(), torch.zeros(1, 3))


HIDDEN = {
    "dict of lists": (lambda: Net(ms={"a": [layer()]}), r"Net\.ms\['a'\]\[0\] is a Linear with weights"),
    "underscore": (lambda: Net(_ms=[layer()]), r"Net\._ms\[0\] is a Linear"),
    "tuple in a deque": (lambda: Net(ms=deque([(layer(),)])), r"Net\.ms\[0\]\[0\] is a Linear"),
    "ordered dict": (lambda: Net(ms=OrderedDict(a=layer())), r"Net\.ms\['a'\] is a Linear"),
    "set": (lambda: Net(ms={layer()}), r"Net\.ms\[0\] is a Linear"),
    "array of objects": (lambda: Net(ms=np.array([layer(), None])), r"Net\.ms\[0\] is a Linear"),
    "plain object": (lambda: Net(head=Plain(inner=Plain(layer=layer()))), r"Net\.head\.inner\.layer is a Linear"),
    "slots": (lambda: Net(head=Slotted(layer())), r"Net\.head\._Slotted__kept is a Linear"),
    "dataclass": (lambda: Net(head=Record(layer())), r"Net\.head\.layer is a Linear"),
    "namespace": (lambda: Net(args=argparse.Namespace(head=layer())), r"Net\.args\.head is a Linear"),
    "partial": (
        lambda: Net(f=functools.partial(nn.functional.linear, weight=random(3, 3))),
        r"Net\.f.*weight'\] is a pl",
    ),
    "bound method": (lambda: Net(head=layer().forward), r"Net\.head\.__self__ is a Linear"),
    "closure": (lambda: Net(head=closure(random(3, 3))), r"Net\.head\.value is a plain tensor of 9 numbers"),
    "nested": (lambda: nn.Sequential(Net(), Net(ms=[layer()])), r"Sequential\.1\.ms\[0\] is a Linear"),
    "hidden in a hidden one": (
        lambda: Net(ms=[nn.Sequential(Net(ms=[layer()]).train())]),
        r"Net\.ms\[0\] is a Sequent",
    ),
    "below one without weights": (
        lambda: Net(ms=[nn.ReLU(), Plain(a=[nn.Sequential()])], last=[_with(nn.ReLU(), inner=[layer()])]),
        r"Net\.last\[0\]\.inner\[0\] is a Linear",
    ),
    "statistics alone": (lambda: Net(ms=[nn.BatchNorm1d(3, affine=False)]), r"Net\.ms\[0\] is a BatchNorm1d"),
    "lazy": (lambda: Net(ms=[nn.LazyLinear(3)]), r"Net\.ms\[0\] is a LazyLinear"),
    "hook": (lambda: hooked(layer()), r"Net\.body\._forward_hooks.*\.value is a Linear"),
    "early hook": (lambda: hooked(layer(), "register_forward_pre_hook"), r"Net\.body\._forward_pre_hooks.*value is a"),
    "list of parameters": (
        lambda: Net(ws=[nn.Parameter(random(4, 2))]),
        r"Net\.ws\[0\] takes gradients \(8 numbers\), and PyTorch does not see it there.*ParameterList",
    ),
    "parameter without a shape": (
        lambda: Net(ws=[nn.UninitializedParameter()]),
        r"Net\.ws\[0\] takes gradients \(no shape yet\)",
    ),
    "parameter of ones": (lambda: Net(ws={"a": nn.Parameter(torch.ones(4))}), r"Net\.ws\['a'\] takes gradients \(4"),
    "tensor with gradients": (lambda: Net(w=torch.zeros(3).requires_grad_()), r"Net\.w takes gradients \(3 numbers\)"),
    "computed from a hidden one": (lambda: Net(w=computed_from_a_hidden_one()), r"Net\.w takes gradients"),
    "plain tensor": (
        lambda: Net(w=random(100, 100)),
        r"Net\.w is a plain tensor of 10,000 numbers that may be learned.*Make it a torch\.nn\.Parameter if it is, and "
        r"register_buffer\(name, tensor, persistent=False\) if it is computed",
    ),
    "a few numbers": (lambda: Net(w=random(3)), r"Net\.w is a plain tensor of 3 numbers"),
    "half precision": (lambda: Net(w=random(4, 4).half()), r"Net\.w is a plain tensor of 16"),
    "bfloat16": (lambda: Net(w=random(4, 4).bfloat16()), r"Net\.w is a plain tensor of 16"),
    "complex": (lambda: Net(w=torch.complex(random(9), random(9))), r"Net\.w is a plain tensor of 9"),
    "sparse": (lambda: Net(w=random(4, 4).to_sparse()), r"Net\.w is a plain tensor of 16"),
    "int8": (lambda: Net(w=torch.ones(4, 4, dtype=torch.int8)), r"Net\.w is a plain tensor of 16"),
    "quantised": (lambda: Net(w=torch.quantize_per_tensor(random(9), 0.1, 0, torch.qint8)), r"Net\.w is a plain ten"),
    "of two tensors": (lambda: Net(w=TwoTensor(random(9), random(9))), r"Net\.w is a plain tensor of 9"),
    "of the class": (OfTheClass, r"OfTheClass\.table is a plain tensor of 9 numbers"),
    "of a base of the class": (OfTheBase, r"OfTheBase\.table is a plain tensor of 9 numbers"),
    "object of the class": (WithHelper, r"WithHelper\.helper\.w is a plain tensor of 9 numbers"),
    "class of an object": (
        lambda: Net(head=type("Head", (), {"__module__": __name__, "w": random(3, 3)})()),
        r"Net\.head\.w is a plain tensor of 9",
    ),
    "global of a method": (ReadsAGlobal, r"ReadsAGlobal\.scaled\.TABLE is a plain tensor of 9 numbers"),
    "global of a property": (CallsAGlobal, r"CallsAGlobal\.head\.SHARED_HEAD is a Linear with weights"),
    "global of a function": (CallsAFunction, r"CallsAFunction\.forward\.scaled\.TABLE is a plain tensor of 9"),
    "global of a kept function": (lambda: Net(f=scaled), r"Net\.f\.TABLE is a plain tensor of 9"),
    "cached function": (lambda: Net(f=functools.lru_cache(scaled)), r"Net\.f\..*TABLE is a plain tensor of 9"),
    "default": (HasADefault, r"HasADefault\.forward\.__defaults__\[0\] is a plain tensor of 9"),
    "closure of a method": (of_a_closure, r"Closed\.forward\.table is a plain tensor of 9"),
    "key": (lambda: Net(names={layer(): "a"}), r"Net\.names\.keys\(\)\[0\] is a Linear"),
    "weak reference": (lambda: Net(head=weakref.ref(KEPT[0])), r"Net\.head is a Linear"),
    "weak values": (lambda: Net(head=weakref.WeakValueDictionary(a=KEPT[0])), r"Net\.head\.data\['a'\] is a Linear"),
    "weak keys": (lambda: Net(head=weakref.WeakKeyDictionary({KEPT[0]: 1})), r"Net\.head\.data\.keys\(\)\[0\] is a Li"),
    "read-only": (lambda: Net(heads=MappingProxyType({"a": layer()})), r"Net\.heads\..* is a Linear"),
    "view": (lambda: Net(heads={"a": layer()}.values()), r"Net\.heads\..* is a Linear"),
    "iterator": (lambda: Net(heads=itertools.cycle([layer()])), r"Net\.heads\..* is a Linear"),
    "generator": (lambda: Net(heads=(head for head in KEPT)), r"Net\.heads\..* is a Linear"),
    "frame": (lambda: Net(w=frame()), r"Net\.w\..* is a plain array of 27 numbers"),
    "fields": (
        lambda: Net(w=random(9, 2).numpy().view([("a", "f4"), ("b", "f4")])),
        r"Net\.w\['a'\] is a plain array of 9 numbers",
    ),
    "standard library's array": (lambda: Net(w=array.array("d", random(9).tolist())), r"Net\.w is a plain array of 9"),
    "memory": (lambda: Net(w=memoryview(random(9).numpy())), r"Net\.w is a plain array of 9"),
    "int8 array": (lambda: Net(w=np.ones((4, 4), np.int8)), r"Net\.w is a plain array of 16"),
    "set from outside": (lambda: _with(nn.Module(), w=random(2, 2)), r"Module\.w is a plain tensor of 4"),
    "array": (lambda: Net(w=random(10, 10).numpy()), r"Net\.w is a plain array of 100 numbers that may be learned"),
    "scikit-learn": (
        lambda: Net(first=fitted()),
        r"Net\.first is a LogisticRegression of scikit-learn, whose parameters are not among the module's",
    ),
    "constants of a script": (scripted, "a script module with weights frozen or packed into its code"),
}


def _with(module, **held):
    vars(module).update(held)
    return module


@pytest.mark.parametrize("name", HIDDEN)
def test_hidden_weights_are_refused_by_path(name):
    build, message = HIDDEN[name]
    for refused in (count_parameters, model_size):
        with pytest.raises(GateError, match=message):
            refused(build())


def test_attributes_of_a_script_module_are_refused(tmp_path):
    (tmp_path / "attribute.py").write_text(
        "import torch\n"
        "class Attribute(torch.nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.first = torch.nn.Linear(3, 3)\n"
        "        self.weights = [torch.randn(3, 3)]\n"
        "    def forward(self, batch):\n"
        "        return self.first(batch) @ self.weights[0]\n"
    )
    namespace = {}
    path = tmp_path / "attribute.py"  # TorchScript reads the source of what it compiles
    exec(compile(path.read_text(), path, "exec"), namespace)
    namespace["Attribute"].__module__ = __name__
    for model in (script := torch.jit.script(namespace["Attribute"]()), _saved_and_loaded(script, tmp_path)):
        with pytest.raises(GateError, match=r"weights\[0\] is a plain tensor of 9 numbers"):
            count_parameters(model)


def _saved_and_loaded(script, folder):
    torch.jit.save(script, folder / "script.pt")
    return torch.jit.load(folder / "script.pt")


class Kind(Enum):
    FIRST = "first"


def waves(positions, width):
    angles = torch.arange(positions)[:, None] / 10_000 ** (torch.arange(0, width, 2) / width)
    return torch.cat([angles.sin(), angles.cos()], dim=1)


def rotations(positions, width):
    """Llama's freqs_cis."""
    angles = torch.outer(torch.arange(positions), 1 / 10_000 ** (torch.arange(0, width, 2) / width))
    return torch.polar(torch.ones_like(angles), angles)


def causal(length):
    return torch.full((length, length), -math.inf).triu(1)


def optimised(net):
    net.optimizer = torch.optim.Adam(net.parameters())
    net(torch.ones(2, 4)).sum().backward()
    net.optimizer.step()
    net.schedule = torch.optim.lr_scheduler.StepLR(net.optimizer, 1)
    return net


def watched(net):
    """A model whose hook keeps what passes by, after a call."""
    kept = {}
    net.body.register_forward_hook(lambda module, batch, answer: kept.update(answer=answer.detach()))
    net(random(2, 4))
    return net


def called(net):
    """A module that keeps its last answer, after the calls of a gate."""
    net.body.register_forward_hook(lambda module, batch, answer: setattr(net, "last", [answer, random(2, 3)]))
    adapter = find_adapter(net)
    with adapter.running(net):
        adapter.call(net, "predict")(random(2, 4))
    return net


def unconnectable():
    class Proxy:
        def __getattr__(self, name):
            raise RuntimeError("not connected")

    return Proxy()


def shared(net):
    net.also = [net.body, {"a": net.body.weight}, net.body.weight[:2], net.body.weight.T.detach()]
    net.product = net.body.weight @ net.body.weight.T
    net.call, net.lazily, net.__dict__["parent"] = net.body.forward, closure(net.body), weakref.proxy(net)
    return net


def scaler():
    from sklearn.preprocessing import LabelEncoder, StandardScaler

    return [StandardScaler(), LabelEncoder().fit(["a", "b"])]


UNLEARNED = {
    "shared": lambda: shared(Net()),
    "settings": lambda: Net(
        a=1, b=[0.1, 0.2], c={"d": "e"}, kind=Kind.FIRST, dtype=torch.float32, size=torch.Size([2])
    ),
    "objects": lambda: Net(a=logging.getLogger(), b=threading.Lock(), c=np.random.default_rng(), d=unconnectable()),
    "optimiser": lambda: optimised(Net()),
    "loader": lambda: Net(data=torch.utils.data.DataLoader(torch.utils.data.TensorDataset(random(9, 4)))),
    "loss": lambda: Net(losses=[nn.CrossEntropyLoss(weight=random(3))]),
    "functions": lambda: Net(f=nn.functional.relu, g=[nn.ReLU(), nn.Dropout()], h=functools.partial(nn.Linear, 3)),
    "distribution": lambda: Net(prior=torch.distributions.Normal(torch.zeros(3), torch.ones(3))),
    "mask": lambda: Net(mask=causal(9), lowest=causal(9).clamp(torch.finfo(torch.float32).min), seen=causal(9) == 0),
    "one number": lambda: Net(scale=torch.tensor(0.123456789), temperature=torch.tensor([0.0723456])),
    "written": lambda: Net(mean=torch.tensor([0.485, 0.456, 0.406]), anchors=torch.tensor([[10.0, 13], [373, 326]])),
    "integers": lambda: Net(index=torch.randint(0, 99, (9, 9)), order=torch.arange(9.0), bits=torch.ones(9).bool()),
    "constant": lambda: Net(
        start=torch.full((2, 8), 1 / 3),
        h0=np.zeros((2, 8)),
        mean=torch.full((4, 4), 1 / 3).tril(),
        empty=torch.empty(0),
    ),
    "waves": lambda: Net(positions=waves(64, 16)[None], table=waves(5000, 64).numpy()),
    "rotations": lambda: Net(freqs_cis=rotations(128, 64)),
    "frequencies": lambda: Net(inv_freq=1 / 10_000 ** (torch.arange(0, 64, 2) / 64), window=torch.hann_window(64)),
    "schedule": lambda: Net(alphas=torch.cumprod(1 - torch.linspace(1e-4, 0.02, 1000), 0)),
    "buffer": lambda: _buffered(Net()),
    "watched": lambda: watched(Net()),
    "called": lambda: called(Net()),
    "unfitted": lambda: Net(first=scaler()),
    "hidden without a state": lambda: Net(_acts=[nn.ReLU(), nn.Sequential(nn.Flatten())], loose=[Net()][1:]),
    "compiled in place": lambda: _compiled(Net()),
    "compiled": lambda: _called(torch.compile(Net(), backend="eager")),
    "traced": lambda: torch.jit.trace(Net(), torch.zeros(1, 4)),
    "fx": lambda: torch.fx.symbolic_trace(Net()),
    "data parallel": lambda: nn.DataParallel(Net()),
    "data that other methods read": Validates,
    "classes": lambda: Net(kinds=[Net, OfTheClass], by_name={Net: 1}),
    "weight norm, old": lambda: _called(_with_norm(Net(), nn.utils.weight_norm)),
    "spectral norm, old": lambda: _called(_with_norm(Net(), nn.utils.spectral_norm)),
    "weight norm": lambda: _with_norm(Net(), nn.utils.parametrizations.weight_norm),
    "spectral norm": lambda: _with_norm(Net(), nn.utils.parametrizations.spectral_norm),
    "pruned": lambda: _called(_with_norm(Net(), lambda body: prune.random_unstructured(body, "weight", 0.5))),
    "symmetric": lambda: _with_norm(
        Net(), lambda body: parametrize.register_parametrization(body, "weight", nn.Identity())
    ),
}


def _with_norm(net, change):
    change(net.body)
    return net


def _called(net):
    with torch.no_grad():
        net(torch.ones(1, 4))
    return net


def _compiled(net):
    net.compile(backend="eager")
    return _called(net)


def _buffered(net):
    net.register_buffer("table", random(9, 9), persistent=False)
    return net


@pytest.mark.parametrize("name", UNLEARNED)
def test_what_was_not_learned_is_not_refused(name):
    model = UNLEARNED[name]()
    truth = {"weight norm, old": BODY + 3, "weight norm": BODY + 3}.get(name, BODY)
    assert count_parameters(model) == truth
    assert model_size(model) > 4 * truth


@pytest.mark.parametrize(
    ("build", "truth"),
    [
        (lambda: nn.MultiheadAttention(8, 2), 3 * 8 * 8 + 3 * 8 + 8 * 8 + 8),
        (lambda: nn.LSTM(3, 4, num_layers=2), 4 * (4 * 3 + 4 * 4 + 8) + 4 * (4 * 4 + 4 * 4 + 8)),
        (lambda: nn.GRU(3, 4).double(), 3 * (4 * 3 + 4 * 4 + 8)),
        (lambda: nn.ModuleDict({"a": layer(), "b": nn.ModuleList([layer()])}), 20),
        (lambda: nn.ParameterList([random(3), random(2)]), 5),
        (lambda: nn.ParameterDict({"a": random(3)}), 3),
        (lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16), 2), 2 * (288 + 144 + 136 + 4 * 8)),
        (lambda: nn.AdaptiveLogSoftmaxWithLoss(4, 6, [2]), 4 * 3 + (4 * 1 + 1 * 4)),
    ],
    ids=["attention", "lstm", "gru", "module dict", "parameter list", "parameter dict", "transformer", "adaptive"],
)
def test_pytorchs_own_modules_count_once(build, truth):
    assert count_parameters(build()) == truth


def test_a_submodule_counts_though_its_parent_is_not_told():
    net = Net()
    net.body.parent = weakref.ref(net)
    net.body.parents = weakref.WeakSet([net])
    assert count_parameters(net.body) == BODY


def test_a_model_made_in_inference_mode_hides_nothing_from_it():
    with torch.inference_mode():
        model = Net(w=random(3, 3))
    with pytest.raises(GateError, match=r"Net\.w is a plain tensor"):
        count_parameters(model)


@pytest.mark.parametrize("layout", ["coo", "csr", "csc", "bsr"])
def test_sparse_parameters_count_what_they_store(layout):
    dense = torch.zeros(4, 4)
    dense[0, 1], dense[2, 3] = 0.5, -0.25
    blocks = {"blocksize": (2, 2)} if layout == "bsr" else {}
    sparse = dense.to_sparse(layout=getattr(torch, f"sparse_{layout}"), **blocks)
    model = nn.Sequential(nn.Linear(2, 2))
    model.table = nn.Parameter(sparse)
    stored = 2 * 2 * 2 if layout == "bsr" else 2
    adapter = find_adapter(model)
    count = adapter.count_parameters(model)
    assert (count.total, count.details["trainable"]) == (6 + stored, 6 + stored)
    assert adapter.weights_bytes(model) > 4 * (6 + stored)
    before = model_size(model)
    model.table = nn.Parameter(torch.eye(4).to_sparse())
    assert before != model_size(model)


def test_a_nested_parameter_counts_its_parts():
    model = Net(ragged=nn.Parameter(torch.nested.nested_tensor([random(2), random(3)])))
    assert count_parameters(model) == BODY + 5


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="PyTorch was built without oneDNN")
def test_weights_in_onednns_layout_are_refused():
    from torch.utils import mkldnn

    with pytest.raises(GateError, match="in a layout of oneDNN's own"):
        count_parameters(nn.Sequential(mkldnn.to_mkldnn(nn.Linear(4, 4))))


class TestNumbers:
    @pytest.mark.parametrize("kind", ["float16", "float32", "float64", "complex64"])
    @pytest.mark.parametrize("shape", [(2,), (3,), (9,), (64,), (4, 4), (64, 64), (1, 3, 1)])
    def test_random_numbers_may_be_learned(self, kind, shape):
        rng = np.random.default_rng(0)
        for scale in (1, 1e-3):
            assert all(may_be_learned((scale * rng.normal(size=shape)).astype(kind)) for _ in range(20))

    def test_a_trained_layer_may_be_learned(self):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 4), nn.LayerNorm(4))
        for _ in range(5):
            loss = model(random(32, 8)).square().sum()
            with torch.no_grad():
                for weight, slope in zip(
                    model.parameters(), torch.autograd.grad(loss, model.parameters()), strict=True
                ):
                    weight -= 0.01 * slope
        kinds = {name: may_be_learned(each.detach().numpy()) for name, each in model.named_parameters()}
        assert [name for name, learned in kinds.items() if not learned] == []

    def test_one_number_among_small_ones_is_no_rule(self):
        numbers = np.random.default_rng(0).normal(size=40).astype("float32")
        for place in (0, 20, 39):
            outlier = numbers.copy()
            outlier[place] = 1e6
            assert may_be_learned(outlier)
