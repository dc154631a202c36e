"""The unmodified CuPy wheel on a machine without a GPU: "emulated CuPy".

What it is: CuPy itself, as pip installs it, with the functions of CUDA's runtime and driver exchanged for stand-ins
before CuPy binds them (`stand_ins.py`, `shim.c`). Each kernel that CuPy generates is compiled by NVRTC to machine code
for compute capability 9.0, which is a check, and by g++ for the host, which is what runs (`build.py`, `device.h`). So
dtypes, promotion, shapes, indexing, the sources of the kernels and the order of the additions in a reduction are
CuPy's own. Memory is poisoned with nan before it is written and after it is freed; writes outside an array raise.
Launches, transfers and synchronisations are counted, and raise where they are forbidden (`emulation.py`).

What it is not: a GPU. It cannot tell

- what the library CUB computes, which reduces on a real device unless `CUPY_ACCELERATORS` is empty, as it is here;
- how accurate CUDA's own exp, log and tanh are: these are the host's;
- in which order cuBLAS adds, or by which algorithm;
- whether the threads of a kernel race: they run one after the other, from barrier to barrier;
- what streams, graphs, several processes or more devices than two do, how much memory a device has, or any time.

Of cuBLAS it has what CuPy multiplies matrices and vectors of float32 and float64 by (`blas.py`): one launch each, the
terms of an element added in order.

What it cannot do raises `CannotEmulateError`, "emulated CuPy can't ...": boolean masks and `nonzero`, sorting (Thrust),
products of matrices in batches or of other dtypes, the rest of cuBLAS and the other libraries of NVIDIA, random
numbers, streams but the default one, templates, CUB.

It rests on private interfaces of CuPy, so its version is pinned: 14.2 and 13.6 are what is run. It needs gcc and g++
beside what pip installs, and no CUDA toolkit. What they compile is kept in `.nox/cupy-kernels`, or in the folder that
`XENT_CUPY_KERNELS` names, and used again by the next run.
"""

from tests.cupy_emulation.build import CannotEmulateError
from tests.cupy_emulation.emulation import Counts, Emulation, HostAccessError, install

__all__ = ["CannotEmulateError", "Counts", "Emulation", "HostAccessError", "install"]
