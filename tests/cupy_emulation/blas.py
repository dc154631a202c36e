"""The part of cuBLAS that CuPy has multiply matrices: `gemmEx` of float32 and of float64, on the host.

It stands for the module `cupy_backends.cuda.libs.cublas`, which CuPy looks up when it needs it. A product counts as one
launch and moves nothing. Each element is a sum in the order of the terms, in the dtype of the matrices: the order of
cuBLAS is its own, and so are its last digits. All else that the module offers refuses: batches of matrices, half
precision and complex numbers, TF32, and the functions of the other levels of BLAS.
"""

from __future__ import annotations

import ctypes
import sys
from types import ModuleType
from typing import Any

from tests.cupy_emulation import stand_ins

NAME = "cupy_backends.cuda.libs.cublas"
CONSTANTS = {
    "CUBLAS_OP_N": 0,
    "CUBLAS_OP_T": 1,
    "CUBLAS_GEMM_DEFAULT": -1,
    "CUBLAS_GEMM_DEFAULT_TENSOR_OP": 99,
    "CUBLAS_COMPUTE_32F": 68,
    "CUBLAS_COMPUTE_32F_PEDANTIC": 69,
    "CUBLAS_COMPUTE_32F_FAST_TF32": 77,
    "CUBLAS_COMPUTE_64F": 70,
    "CUBLAS_COMPUTE_64F_PEDANTIC": 71,
}
"""cublasOperation_t, cublasGemmAlgo_t and cublasComputeType_t of cublas_api.h."""
DTYPES = {(0, 68): ctypes.c_float, (0, 69): ctypes.c_float, (1, 70): ctypes.c_double, (1, 71): ctypes.c_double}
"""By cudaDataType of the matrices and the type computed in: that of alpha and beta."""
HANDLE = 1


class Cublas(ModuleType):
    """The module, on the library that shim.c is compiled to."""

    def __init__(self, library: ctypes.PyDLL) -> None:
        super().__init__(NAME, __doc__)
        self._gemm = library.emu_gemm
        self._gemm.restype = ctypes.py_object
        size, number = ctypes.c_ssize_t, ctypes.c_int
        self._gemm.argtypes = [*(number,) * 6, size, number, size, number, size, number]
        vars(self).update(CONSTANTS)

    def __getattr__(self, name: str) -> Any:
        """Refuse what there is no stand-in for, and lack what modules may lack."""
        if name.startswith("__"):
            raise AttributeError(name)
        stand_ins.refuse(f"use cublas.{name}")

    def create(self) -> int:
        """Return a handle."""
        return HANDLE

    def destroy(self, handle: int) -> None:
        """Take a handle back."""

    def gemmEx(self, handle: int, transa: int, transb: int, *arguments: int) -> None:
        """Set C to op(A) op(B), of m × n, by columns."""
        m, n, k, alpha, a, a_type, lda, b, b_type, ldb, beta, c, c_type, ldc, compute_type, algo = arguments
        dtype = DTYPES.get((c_type, compute_type))
        if dtype is None or a_type != c_type or b_type != c_type:
            stand_ins.refuse("multiply matrices but of float32, without TF32, or of float64")
        scale = tuple(dtype.from_address(place).value for place in (alpha, beta))
        if scale != (1, 0) or {transa, transb} - {0, 1} or handle != HANDLE or algo not in (-1, 99):
            stand_ins.refuse("scale, add to or conjugate a product of matrices")
        self._gemm(int(dtype is ctypes.c_double), transa, transb, m, n, k, a, lda, b, ldb, c, ldc)


def put_in(library: ctypes.PyDLL) -> None:
    """Have CuPy find the module in place of its own."""
    parent = __import__("cupy_backends.cuda.libs", fromlist=["libs"])
    sys.modules[NAME] = parent.cublas = Cublas(library)
