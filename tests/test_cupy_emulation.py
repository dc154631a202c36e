"""The emulated CuPy itself: its memory and kernels, its counters, its refusals, and defects that it must see."""

from __future__ import annotations

import ctypes
import importlib
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import xent_arrayapi as xent
from tests.backends import backend
from tests.cupy_emulation import CannotEmulateError, HostAccessError, build, install
from xent_arrayapi._selfcheck import checked
from xent_arrayapi._selfcheck_machine import find

EMULATED = install()
cp = importlib.import_module("cupy")
xp = importlib.import_module("array_api_compat.cupy")


# --- memory, and the kernels themselves ---


def kernel(body: str) -> Any:
    return cp.RawKernel(f'extern "C" __global__ void probe(float* x) {{ {body} }}', "probe")


def test_float32_is_flushed_as_cupy_compiles_it():
    """CuPy compiles with -ftz=true: subnormal numbers of float32 are 0, read or written; those of float64 are not."""
    for dtype, left in (("float32", 0.0), ("float64", 2.0**-1070)):
        tiny = cp.asarray(np.asarray([2.0**-140 if dtype == "float32" else 2.0**-1070], dtype))
        assert cp.asnumpy(tiny * 1.0)[0] == left
    assert cp.asnumpy(cp.asarray(np.asarray([2.0**-100], "float32")) * 2.0**-40)[0] == 0


@pytest.fixture
def forgiven():
    yield
    EMULATED.forgive()


@pytest.mark.usefixtures("forgiven")
def test_a_write_outside_of_an_array_raises():
    """It is seen when the array is freed, and from then on nothing is launched."""
    x = cp.zeros(4, "float32")
    kernel("x[4] = 1;")((1,), (1,), (x,))
    assert EMULATED.counts().overruns == 0
    del x
    assert EMULATED.counts().overruns == 1
    with pytest.raises(AssertionError, match="wrote outside of its array"):
        cp.ones(4)


def test_freed_memory_holds_nan():
    x = cp.zeros(1000, "float32")
    pointer = x.data.ptr
    del x
    assert np.isnan(np.frombuffer((ctypes.c_char * 4000).from_address(pointer), "float32")[200:800]).all()


def test_threads_wait_for_each_other():
    x = cp.zeros(64, "float32")
    kernel("""__shared__ float s[64]; int i = threadIdx.x; s[i] = i; __syncthreads(); x[i] = s[63 - i];
              __syncthreads(); s[i] += 1; __syncthreads(); x[i] += s[(i + 1) % 64];""")((1,), (64,), (x,))  # fmt: skip
    i = np.arange(64)
    assert cp.asnumpy(x).tolist() == ((63 - i) + (i + 1) % 64 + 1).tolist()
    with pytest.raises(AssertionError, match="threads of a block ended where others wait"):
        kernel("if (threadIdx.x < 32) __syncthreads();")((1,), (64,), (x,))
    assert float(cp.sum(cp.ones(1000, "float32"))) == 1000


def test_each_kernel_passes_nvrtc():
    with pytest.raises(importlib.import_module("cupy.cuda.compiler").CompileException, match="undefined"):
        kernel("x[0] = host_only();")((1,), (1,), (cp.zeros(1, "float32"),))


def test_what_is_compiled_is_whole_and_compiled_once(tmp_path, monkeypatch):
    monkeypatch.setenv("XENT_CUPY_KERNELS", str(tmp_path))
    made = []

    def half(path):
        path.write_text("half")
        raise KeyboardInterrupt

    def whole(path):
        made.append(path)
        path.write_text("whole")

    with pytest.raises(KeyboardInterrupt):
        build.kept("key", "txt", half)
    assert not list(tmp_path.glob("*.txt"))
    assert [build.kept("key", "txt", whole).read_text() for _ in range(2)] == ["whole"] * 2
    assert len(made) == 1


def test_a_stand_in_of_another_signature_is_refused():
    """What CuPy expects of CUDA's functions is private and may change: then nothing runs."""
    with pytest.raises(CannotEmulateError, match=r"static assertion failed: .malloc"):
        build.shim(13_000, {"malloc": "intptr_t (int, int)"}, {})


# --- products of matrices ---


PRODUCTS = {
    "matrices": lambda a, b: a @ b,
    "transposed": lambda a, b: b.T @ a.T,
    "one transposed": lambda a, b: (a.T @ a) @ b,
    "parts": lambda a, b: a[1:, :4] @ b[:4, 1:],
    "strided": lambda a, b: a[::2] @ b,
    "matrix and vector": lambda a, b: a @ b[:, 1],
    "vector and matrix": lambda a, b: a[1] @ b,
    "vectors": lambda a, b: a[1] @ b[:, 1],
    "none to add": lambda a, b: a[:, :0] @ b[:0],
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", PRODUCTS)
def test_products_of_matrices(name, dtype):
    """Of integers, they are exact in whichever order the terms are added."""
    rng = np.random.default_rng(20_161_122)
    a, b = (rng.integers(-9, 9, size=shape).astype(dtype) for shape in ((7, 6), (6, 3)))
    got, expected = PRODUCTS[name](cp.asarray(a), cp.asarray(b)), PRODUCTS[name](a, b)
    assert (got.dtype, got.shape) == (expected.dtype, expected.shape)
    assert cp.asnumpy(got).tolist() == expected.tolist()


def test_a_product_is_a_launch_and_moves_nothing():
    a = cp.ones((7, 6))
    assert counted(lambda: a @ a.T) == {"launches": 1}
    with cp.cuda.Device(1):
        b = cp.ones((6, 3))
        assert cp.asnumpy(b.T @ b).tolist() == [[6.0] * 3] * 3
    with pytest.raises(CannotEmulateError, match="not on the current device"):
        a @ b


@pytest.mark.usefixtures("forgiven")
def test_nothing_is_multiplied_after_a_write_outside_of_an_array():
    a, x = cp.ones((2, 2), "float32"), cp.zeros(4, "float32")
    kernel("x[4] = 1;")((1,), (1,), (x,))
    del x
    with pytest.raises(AssertionError, match="wrote outside of its array"):
        a @ a


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({6: 0.5}, "scale, add to or conjugate"),
        ({13: 1.0}, "scale, add to or conjugate"),
        ({1: 2}, "scale, add to or conjugate"),
        ({17: 77}, "without TF32"),
        ({5: 3}, "not on the current device"),
        ({9: 1}, "not on the current device"),
        ({3: 0}, "empty"),
    ],
)
def test_a_product_out_of_bounds_or_of_another_kind_is_refused(change, message):
    """The call that CuPy makes for the product of two matrices of 2 by 2, with one argument exchanged."""
    a, scales = cp.ones((2, 2), "float32"), np.asarray([1, 0, 0.5], "float32")
    cublas = importlib.import_module("cupy_backends.cuda.libs").cublas
    one, zero, half = (scales.ctypes.data + 4 * i for i in range(3))
    call = [1, 0, 0, 2, 2, 2, one, a.data.ptr, 0, 2, a.data.ptr, 0, 2, zero, cp.empty((2, 2), "float32").data.ptr, 0, 2]
    call += [cublas.CUBLAS_COMPUTE_32F, cublas.CUBLAS_GEMM_DEFAULT]
    for place, value in change.items():
        call[place] = {0.5: half, 1.0: one}.get(value, value) if place in (6, 13) else value
    with pytest.raises(CannotEmulateError, match=message):
        cublas.gemmEx(*call)


# --- counters ---


def counted(action: Any) -> dict[str, int]:
    before = EMULATED.counts()
    action()
    after = EMULATED.counts()
    return {name: b - a for name, a, b in zip(before._fields, before, after, strict=True) if b != a}


def test_counters():
    x = cp.asarray([1.0, 2.0])
    moved = {"to_host": 1, "synchronisations": 1}
    assert counted(lambda: cp.asarray([1.0, 2.0])) == {"to_device": 1}
    assert counted(lambda: x + x) == {"launches": 1}
    assert counted(lambda: xp.sum(x)) == {"launches": 1}
    assert counted(x.copy) == {"launches": 1}
    assert counted(lambda: x.data.copy_from_device_async(x.data, 16)) == {"on_device": 1}
    assert counted(lambda: x[0]) == {}
    assert counted(lambda: cp.asnumpy(x)) == moved
    assert counted(lambda: float(x[0])) == moved
    assert counted(lambda: bool(x[0])) == moved
    assert counted(x[0].item) == moved
    assert counted(lambda: repr(x)) == moved
    assert counted(cp.cuda.Device().synchronize) == {"synchronisations": 1}


# --- what it cannot do, it says ---


REFUSED = {
    "mask": lambda x: x[x > 1],
    "nonzero": cp.nonzero,
    "argwhere": cp.argwhere,
    "sort": cp.sort,
    "argsort": cp.argsort,
    "unique": cp.unique,
    "cumsum": cp.cumsum,
    "matmul of a batch": lambda x: cp.stack([x, x]) @ x,
    "matmul of float16": lambda x: x.astype("float16") @ x.astype("float16"),
    "matmul of complex64": lambda x: x.astype("complex64") @ x.astype("complex64"),
    "matmul of integers": lambda x: x.astype("int32") @ x.astype("int32"),
    "norm": lambda x: cp.cuda.cublas.snrm2(1, 4, x.data.ptr, 1, 0),
    "solve": lambda x: cp.linalg.solve(x, x),
    "fft": cp.fft.fft,
    "random": lambda _: cp.random.rand(3),
    "stream": lambda _: cp.cuda.Stream(),
    "runtime stream": lambda _: cp.cuda.runtime.streamCreate(),
    "managed memory": lambda _: cp.cuda.ManagedMemory(10),
    "graph": lambda _: cp.cuda.runtime.streamBeginCapture(0, 0),
    "properties": lambda _: cp.cuda.runtime.getDeviceProperties(0),
    "accelerators": lambda _: cp._core.set_reduction_accelerators(["cub"]),  # noqa: SLF001
    "template": lambda _: cp.RawModule(
        code="template<class T> __global__ void f(T*) {}", name_expressions=["f<int>"]
    ).get_function("f<int>"),
    "warp": lambda x: kernel("x[0] = __shfl_down_sync(~0u, x[0], 1);")((1,), (32,), (x,)),
    "machine code": lambda _: cp.cuda.Module().load(b"\\x7fELF"),
}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # CuPy's half-made Stream
@pytest.mark.parametrize("name", REFUSED)
def test_what_it_cannot_do_raises(name):
    with pytest.raises((CannotEmulateError, ImportError), match="emulated CuPy can't"):
        REFUSED[name](cp.asarray([[1.0, 2.0], [3.0, 4.0]], dtype="float32"))


@pytest.mark.parametrize("before", ["import os; os.environ['CUPY_ACCELERATORS'] = 'cub'", "import cupy"])
def test_cub_and_an_imported_cupy_are_refused(before):
    """With CUB the reductions would be those of a library that does not run here."""
    code = f"{before}; import tests.cupy_emulation as it; it.install()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)  # noqa: S603  # ours
    assert "emulated CuPy can't start where CuPy is imported already, or accelerators such as CUB" in done.stderr
    assert importlib.import_module("cupy._core._accelerator").get_reduction_accelerators() == []


# --- defects that the lane has to see ---


DEFECTS = {
    "a value read": (lambda x, _: float(x[0, 0]), HostAccessError),
    "a branch on a value": (lambda x, _: 1 if x[0, 0] > 0 else 2, HostAccessError),
    "a constant of the host": (lambda x, _: x * xp.asarray(np.full(3, 1 / 3)), HostAccessError),
    "a list of the host": (lambda x, _: x + xp.asarray([1.0, 2.0, 3.0]), HostAccessError),
    "printing": (lambda x, _: repr(x), HostAccessError),
    "waiting": (lambda x, _: x.device.synchronize(), HostAccessError),
    "to NumPy": (lambda x, _: np.asarray(x), TypeError),
    "to NumPy, explicitly": (lambda x, _: cp.asnumpy(x), HostAccessError),
    "an array of NumPy": (lambda x, _: x + np.ones(3), TypeError),
    "a mask": (lambda x, _: x[x > 0], (CannotEmulateError, HostAccessError)),
    "an array of another device": (lambda x, y: x + y, ValueError),
    "a forgotten device": (lambda _, y: y + xp.arange(3), ValueError),
}


@pytest.mark.parametrize("name", DEFECTS)
def test_seeded_defects_are_seen(name, monkeypatch):
    defect, error = DEFECTS[name]
    be = backend("cupy")
    x = be.array(np.ones((2, 3)))
    with cp.cuda.Device(1):
        elsewhere = be.array(np.ones((2, 3)))
    be.host_reads_raise(monkeypatch)
    be.run(lambda x: x * (1 / 3) + xp.arange(3, dtype=x.dtype, device=x.device), x)
    with pytest.raises(error):
        be.run(defect, x, elsewhere)


def test_a_swallowed_error_is_seen(monkeypatch):
    be = backend("cupy")
    be.host_reads_raise(monkeypatch)

    def hides(x):
        with importlib.import_module("contextlib").suppress(AssertionError):
            float(x[0])
        return x

    with pytest.raises(AssertionError):
        be.run(hides, be.array([1.0]))


def test_the_self_check_passes_on_both_devices():
    """What `python -m xent_arrayapi` does on a GPU, but for wide rows and the name of the device."""
    places, _ = find(["cupy"], None)
    assert [place.device for place in places] == ["cuda:0", "cuda:1"]
    for place in places:
        found = checked(place, 10)
        assert not [finding for finding in found if finding.passed is False]
        assert {finding.check for finding in found if finding.passed} >= {"softmax", "hessian", "no synchronisation"}


def test_results_are_on_the_device_of_the_logits():
    with cp.cuda.Device(1):
        u, y = cp.asarray(np.eye(3)), cp.asarray([0, 1, 2])
        results = *xent.SoftmaxCrossEntropy(y).value_and_grad(u), xent.softmax(u), xent.LogPartition.of(u).logsumexp
    assert [x.device.id for x in results] == [1] * 4
    with pytest.raises(ValueError, match="must be on one device"):
        xent.SoftmaxCrossEntropy(y)(cp.asarray(np.eye(3)))
