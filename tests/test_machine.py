"""Which libraries and devices are found, and how each is run, with devices that are pretended."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import xent_arrayapi as xent
from tests import fakes
from xent_arrayapi._selfcheck_machine import BACKENDS, Cupy, Dask, Jax, JaxJit, Mlx, Strict, Torch, find
from xent_arrayapi._selfcheck_place import Place

pytestmark = pytest.mark.once


@pytest.fixture
def log():
    return fakes.Log()


def test_numpy():
    place = Place("cpu")
    assert (place.backend, place.version, place.kind, place.raises) == ("numpy", np.__version__, "cpu", True)
    assert place.device_name
    assert place.dtypes() == ["float16", "float32", "float64"]
    assert place.elsewhere() is None
    assert place.forbidding() is None
    x = place.array([[1.0, 2.0], [3.0, 4.0]], "float32")
    assert place.holds(x)
    assert place.values(x) == [1.0, 2.0, 3.0, 4.0]
    copy = place.copied(x)
    assert copy is not x
    assert not np.shares_memory(copy, x)
    assert place.values(place.array(5.0, "float64")) == [5.0]
    assert place.differentiated(lambda u: u, x, x) is None
    assert place.wait((x,)) is None


@pytest.mark.only("torch")  # array-api-strict moves arrays with NumPy 2 alone, which this lane has
@pytest.mark.usefixtures("be")
def test_strict_devices():
    host, other = (Strict(name) for name in Strict.devices(None))
    assert host.raises
    assert not other.raises
    assert host.kind == other.kind == "cpu"
    assert host.forbidding() is None
    assert host.elsewhere().device == other.device
    assert other.elsewhere().device == host.device
    x = other.array([[1.5]], "float32")
    assert other.values(x) == [1.5]
    assert other.holds(x)
    assert not host.holds(x)
    before = type(x).__float__
    with other.forbidding():
        with pytest.raises(RuntimeError, match="read on the host"):
            other.offend(x)
        assert float(host.array([[2.5]], "float32")[0, 0]) == 2.5
    assert type(x).__float__ is before
    other.offend(x)


@pytest.mark.parametrize(
    ("kind", "count", "names"),
    [("cuda", 2, ["cpu", "cuda:0", "cuda:1"]), ("mps", 1, ["cpu", "mps:0"]), ("xpu", 0, ["cpu"])],
)
def test_torch_devices(monkeypatch, log, kind, count, names):
    library = fakes.torch(monkeypatch, log, kind, count)
    assert Torch.devices(library) == names
    places, absent = find(["torch"], None)
    assert [place.device for place in places] == names
    assert not absent
    assert [place.raises for place in places] == [name == "cpu" for name in names]
    assert places[0].device_name == Place("cpu").device_name


def test_torch_on_cuda(monkeypatch, log):
    fakes.torch(monkeypatch, log)
    place = Torch("cuda:1")
    assert place.device_name == "the cuda:1"
    assert place.version == "1.2.3"
    place.wait(())
    with place.forbidding():
        log.append("calls")
    said = ["synchronize cuda:1", "set_sync_debug_mode error", "calls", "set_sync_debug_mode 0"]
    assert log == said
    with pytest.raises(ZeroDivisionError), place.forbidding():
        1 / 0  # noqa: B018
    assert log[-1] == "set_sync_debug_mode 0"


def test_torch_on_others(monkeypatch, log):
    fakes.torch(monkeypatch, log)
    mps, cpu = Torch("mps:0"), Torch("cpu")
    assert mps.device_name == Place("cpu").device_name
    assert mps.forbidding() is None
    cpu.wait(())
    assert log == []


def test_jax_devices(monkeypatch, log):
    library = fakes.jax(monkeypatch, log, "gpu")
    assert Jax.devices(library) == ["gpu:0", "cpu:0"]
    places, _ = find(["jax"], None)
    assert [(place.device, place.mode) for place in places] == [
        (device, mode) for mode in ("eager", "jit") for device in ("gpu:0", "cpu:0")
    ]
    assert [place.device for place in find(["jax"], "gpu")[0]] == ["gpu:0", "gpu:0"]
    gpu, cpu = places[:2]
    assert (gpu.device_name, cpu.device_name) == ("the gpu", Place("cpu").device_name)
    assert (gpu.raises, cpu.raises, places[3].raises) == (False, True, False)
    assert gpu.handle.platform == "gpu"
    assert gpu.forbidding() is None
    assert Jax.devices(fakes.jax(monkeypatch, log, "tpu", cpu=False)) == ["tpu:0"]


def test_jax_is_run_with_64_bits_on_its_device(monkeypatch, log):
    fakes.jax(monkeypatch, log, "gpu")
    place = JaxJit("gpu:0")
    assert log == ["64 bits begins", "gpu begins", "gpu ends", "64 bits ends"]
    log.clear()
    with place.within(), place.forbidding():
        place.wait(())
    assert log[2:4] == ["disallow begins", "wait"]
    u = np.zeros((1, 2))
    h = xent.SoftmaxCrossEntropy(np.zeros(1, dtype=int))
    gradient, product = place.differentiated(h, u, u)
    assert gradient.tolist() == [[-0.5, 0.5]]
    assert product.tolist() == [[0.0, 0.0]]


def test_cupy(monkeypatch, log):
    fakes.cupy(monkeypatch, log, 2)
    places, absent = find(["cupy"], "cuda:1")
    assert not absent
    (place,) = places
    assert isinstance(place, Cupy)
    assert (place.device_name, place.kind, place.raises) == ("the GPU 1", "cuda", False)
    assert log == ["device 1", "no device"]
    log.clear()
    assert place.dtypes() == ["float16", "float32", "float64"]
    with place.within(), place.forbidding():
        assert place.values(place.array([[True]], "bool")) == [1.0]
        place.wait(())
    begun = ["device 1", "allow_synchronize(False) begins", "synchronize"]
    assert log == [*begun, "allow_synchronize(False) ends", "no device"]
    monkeypatch.delattr("cupyx.allow_synchronize")
    assert place.forbidding() is None


def test_mlx(monkeypatch, log):
    fakes.mlx(monkeypatch, log)
    places, _ = find(["mlx"], None)
    (place,) = places
    assert isinstance(place, Mlx)
    assert (place.device, place.version, place.raises) == ("gpu", "1.2.3", False)
    assert place.dtypes() == ["float16", "float32"]
    assert place.array([[True]], "bool").dtype == bool
    place.wait(())
    assert log == ["eval"]


def test_the_version_of_a_library_whose_module_has_none(monkeypatch):
    place = Place("cpu")
    monkeypatch.setattr(place, "library", object())
    assert place.version == np.__version__


def test_what_is_absent_is_said(monkeypatch, log):
    monkeypatch.setitem(sys.modules, "dask.array", None)
    monkeypatch.setitem(sys.modules, "cupy", None)
    fakes.torch(monkeypatch, log)
    fakes.cupy(monkeypatch, log, 0)
    places, absent = find(["torch", "dask", "cupy", "numpy"], "mps")
    assert places == []
    assert absent["dask"].startswith("not installed: ")
    assert absent["torch"] == absent["numpy"] == "no device mps"
    assert find(["cupy"], None)[1] == {"cupy": "no device"}

    def refuses():
        msg = "cudaErrorInsufficientDriver"
        raise RuntimeError(msg)

    monkeypatch.setattr(sys.modules["cupy"].cuda.runtime, "getDeviceCount", refuses)
    assert find(["cupy"], None)[1] == {"cupy": "not usable: RuntimeError: cudaErrorInsufficientDriver"}


def test_each_library_has_its_place():
    kinds = [kind for both in BACKENDS.values() for kind in both]
    assert kinds == [Place, Strict, Torch, Jax, JaxJit, Cupy, Dask, Mlx]
    assert all(kind.backend == name for name, both in BACKENDS.items() for kind in both)
