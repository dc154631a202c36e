"""The lanes: `nox` runs the default ones, `nox -s NAME` one, `nox -s NAME -- ARGS` hands ARGS to pytest."""

from __future__ import annotations

import ctypes
import functools
import os
import shutil
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.error_on_missing_interpreters = True
nox.options.error_on_external_run = True
nox.options.default_venv_backend = "virtualenv"

ROOT = Path(__file__).parent
PROJECT = nox.project.load_toml("pyproject.toml")
COUNTS = ROOT / ".nox" / "counts"
TORCH = "torch==2.13.0"
SESSIONS = (
    *("numpy_lowest", "numpy-3.11", "numpy-3.12", "numpy-3.13", "torch", "jax", "dask", "onnx"),
    *("cupy", "cupy-13", "others", "models", "verification", "wheel"),
)
"""The sessions that run tests."""
BESIDE = (
    *("strict", "torch-compile", "torch-devices", "distributed", "jax-export", "jax-lowest", "dask-schedulers"),
    *("onnx-models", "cupy-13-emulation", "peers", "example"),
)
LANES = (*SESSIONS, *BESIDE)
"""What their reports are called: some sessions run a lane more, in the same environment."""
CI = "--selection=ci"
"""Of JAX and Dask, where each call takes long, a part: `nox -s jax dask -- --selection=full` runs the rest as well."""

nox.options.sessions = ["lint", *SESSIONS, "gpu", "docs", "report"]


def groups(*names: str) -> list[str]:
    """Return the requirements of dependency groups of pyproject.toml."""
    return nox.project.dependency_groups(PROJECT, *names)


@functools.cache
def built() -> Path:
    """Return where the wheel of this project is, once `install` has built it, for it is the same in every session."""
    folder = ROOT / ".nox" / "built"
    shutil.rmtree(folder, ignore_errors=True)
    return folder


def install(session: nox.Session, *requirements: str, extras: str = "") -> None:
    """Install this project and what a lane needs; torch only ever in the version of the lanes.

    The tests import the tree, which PYTHONPATH puts first.
    """
    if not built().exists():
        session.run_install(
            "python", "-m", "pip", "wheel", "-q", "--no-deps", "--wheel-dir", str(built()), ".", silent=True
        )
    (wheel,) = built().glob("*.whl")
    constraints = Path(session.create_tmp()) / "constraints.txt"
    constraints.write_text(f"{TORCH}\n", encoding="utf-8")
    # Only what is imported is compiled to bytecode: to compile all of torch takes longer than to install it.
    session.install(*("--no-compile", f"{wheel}{extras}", *requirements, "--constraint", str(constraints)), silent=True)
    session.env["PYTHONDONTWRITEBYTECODE"] = ""
    session.env["PYTHONPATH"] = str(ROOT)


def cuda_devices() -> int:
    """Count the CUDA devices that the driver of this machine knows; without a driver there are none."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return 0
    count = ctypes.c_int(0)
    return count.value if driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0 else 0


def pytest(session: nox.Session, *args: str, name: str = "", measured: bool = False, root: Path = ROOT) -> None:
    """Run the suite and keep the report that `tests/matrix.py` reads; measure coverage where that adds to it."""
    COUNTS.mkdir(parents=True, exist_ok=True)
    name = name or session.name
    junit = COUNTS / f"{name}.xml"
    junit.unlink(missing_ok=True)
    if measured:
        args += ("--cov", "--cov-report=", "--cov-fail-under=0")
    session.run(
        *("python", "-m", "pytest", "-n", "2", *args, f"--junit-xml={junit}", *session.posargs),
        env={"COVERAGE_FILE": str(ROOT / f".coverage.{name}"), "PYTHONPATH": str(root)},
    )


@nox.session(python="3.12")
def lint(session: nox.Session) -> None:
    """Check style, docstrings and types."""
    install(session, *groups("lint"))
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("mypy")
    session.run("pyright")
    session.run("mypy", "--strict", "tests/typing/numpy_types.py")
    session.run("pyright", "tests/typing/numpy_types.py")


@nox.session(python="3.11")
def numpy_lowest(session: nox.Session) -> None:
    """Run the suite on the lowest NumPy and array-api-compat."""
    install(session, *groups("test"), "numpy==1.26.*", "array-api-compat==1.12.*")
    pytest(session, "--lane=numpy", measured=True)


@nox.session(python=["3.11", "3.12", "3.13"])
def numpy(session: nox.Session) -> None:
    """Run the suite on the latest NumPy of each Python, and on array-api-strict: its devices, its flags off."""
    install(session, *groups("test"))
    pytest(session, "--lane=numpy")
    if session.python == "3.13":
        pytest(session, "--lane=strict", "--lane=strict-narrow", name="strict")


@nox.session(python="3.11")
def torch(session: nox.Session) -> None:
    """Run the suite on torch: eager, compiled, on a pretend device, on meta; the recipes on workers and on ranks."""
    install(session, *groups("test", "torch", "dask"), extras="[sklearn]")
    # Each worker compiles by itself: pools beside them would load torch once more.  The compiler knows the processor,
    # and inductor need not build a program for each set of instructions to see it.
    session.env["TORCHINDUCTOR_COMPILE_THREADS"] = "1"
    session.env["TORCHINDUCTOR_VEC_ISA_OK"] = "1"
    pytest(session, "--lane=torch", measured=True)
    pytest(session, "--lane=torch-compile", name="torch-compile")
    pytest(session, "--lane=torch-devices", name="torch-devices")
    recipes = ("tests/test_dask_classes.py", "tests/test_dask_fit.py", "tests/test_torch_ranks.py")
    pytest(session, "--lane=distributed", "--dist=loadfile", *recipes, name="distributed", measured=True)
    session.run("python", "-m", "pip", "install", "-q", "mypy", "pyright[nodejs]")
    session.run("mypy", "--strict", "tests/typing/torch_types.py")
    session.run("pyright", "tests/typing/torch_types.py")


@nox.session(python="3.12")
def jax(session: nox.Session) -> None:
    """Run the suite on JAX on the CPU: eager and jit, with and without 64-bit types."""
    install(session, *groups("test", "jax"))
    # JAX compiles each operation on each shape: the workers share what they compile, and each keeps what a file needs.
    session.env["JAX_COMPILATION_CACHE_DIR"] = str(ROOT / ".nox" / "jax-cache")
    session.env["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
    pytest(session, "--lane=jax", "--lane=jax-x32", "--dist=loadfile", CI)
    pytest(session, "--lane=jax-export", name="jax-export")


@nox.session(python="3.13")
def dask(session: nox.Session) -> None:
    """Run the suite on Dask, in chunks of rows, of classes and of both: building a graph computes nothing."""
    install(session, *groups("test", "dask"))
    pytest(session, "--lane=dask", "--ignore=tests/test_dask.py", CI)
    pytest(session, "--lane=dask", "--dist=loadfile", "tests/test_dask.py", name="dask-schedulers", measured=True)


@nox.session(python="3.13")
def others(session: nox.Session) -> None:
    """Run the suite on smaller and younger libraries, as far as they go: mparray, marray, sparse, MLX on the CPU."""
    install(session, *groups("test", "others"))
    pytest(session, "--lane=others")


@nox.session(python="3.12")
def onnx(session: nox.Session) -> None:
    """Run the suite on ndonnx, exported with rows and classes unknown and executed in onnxruntime."""
    install(session, *groups("test", "onnx"))
    pytest(session, "--lane=onnx", "--ignore=tests/test_onnx.py")
    pytest(session, "--lane=onnx", "tests/test_onnx.py", name="onnx-models", measured=True)


@nox.session(python="3.13")
def cupy(session: nox.Session) -> None:
    """Run the suite on emulated CuPy, its kernels on the host, and bind each call to CuPy's functions."""
    install(session, *groups("test", "cupy"), extras="[sklearn]")
    session.env["XENT_EXAMPLES"] = "8"
    pytest(session, "--lane=cupy")


@nox.session(python="3.11", name="cupy-13")
def cupy_13(session: nox.Session) -> None:
    """Run the contract on the emulated CuPy of the year before, with its CUDA, NumPy 1.26 and array-api-compat 1.12."""
    install(session, *groups("test", "cupy-13"))
    session.env["XENT_EXAMPLES"] = "8"
    pytest(session, "--lane=cupy-13")
    own = ("tests/test_cupy_functions.py", "tests/test_cupy_emulation.py", "tests/test_recorder.py")
    pytest(session, "--lane=cupy", *own, name="cupy-13-emulation")


@nox.session(python="3.11")
def models(session: nox.Session) -> None:
    """Run the classifier on NumPy, torch and JAX, against scikit-learn's checks, tests and coefficients.

    Its JAX is the lowest, on which the suite is run as on the latest.
    """
    install(session, *groups("test", "torch", "jax"), "jax==0.10.*", extras="[sklearn]")
    session.env["JAX_COMPILATION_CACHE_DIR"] = str(ROOT / ".nox" / "jax-cache")
    session.env["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
    pytest(session, "--lane=maxent", measured=True)
    pytest(session, "--lane=jax", "--dist=loadfile", CI, name="jax-lowest")


@nox.session(python="3.11")
def verification(session: nox.Session) -> None:
    """Prove every theorem, refuse its mutants, write the report; run the tests of peers and of the main job."""
    install(session, *groups("test", "torch", "jax", "peers"), extras="[verify,example]")
    pytest(session, "--lane=verification", "--dist=loadfile")
    pytest(session, "--lane=peers", name="peers", measured=True)
    pytest(session, "--lane=example", name="example")
    session.run("python", "-m", "verification")


@nox.session(python="3.11")
def example(session: nox.Session) -> None:
    """Run the main job: the maximum-entropy model on digits, in NumPy, torch and JAX."""
    install(session, *groups("torch", "jax"), extras="[example]")
    session.run("python", "docs/examples/digits.py", "--output", "digits.png", *session.posargs)


@nox.session(python="3.11")
def bench(session: nox.Session) -> None:
    """Time the library against its peers, and print the ratios; with --write, write them to the documentation."""
    install(session, *groups("test", "torch", "jax", "peers", "bench"), extras="[sklearn]")
    results, ours = ROOT / ".nox" / "benchmarks.json", ("--write", "--hold")
    args = [arg for arg in session.posargs if arg not in ours]
    folder = ROOT / "docs" / "speed" if "--write" in session.posargs else ROOT / ".nox" / "benchmarks"
    hold = [arg for arg in session.posargs if arg == "--hold"]
    try:
        session.run(
            *("python", "-m", "pytest", "--lane=bench", "--benchmark-quiet", "tests/benchmarks"),
            *("--results", str(results), "--chosen", *args),
        )
    finally:  # what was measured is shown even where a pair failed
        session.env["PYTHONPATH"] = os.pathsep.join((str(ROOT), str(ROOT / "docs" / "examples")))
        session.run("python", "-m", "tests.benchmarks.report", str(results), str(folder), *hold)


@nox.session(python="3.11")
def gpu(session: nox.Session) -> None:
    """Run the suite on torch and CuPy on a CUDA device; where there is none, say so."""
    (COUNTS / "gpu.xml").unlink(missing_ok=True)
    if not cuda_devices():
        session.log("not run: no CUDA device")
        return
    install(session, *groups("test", "torch", "gpu"))
    pytest(session, "--lane=gpu")


@nox.session(python="3.11")
def docs(session: nox.Session) -> None:
    """Build the documentation, and run its examples; the report in it is that of the last verification."""
    install(session, *groups("docs", "dask", "torch"), extras="[verify,sklearn]")
    session.run("sphinx-build", "-W", "--keep-going", "-n", "-b", "html", "docs", "docs/_build/html", *session.posargs)


@nox.session(python="3.13")
def wheel(session: nox.Session) -> None:
    """Build the distributions, and run the suite of the source one on the wheel, from outside the tree."""
    # That what builds it is all named is seen by pip, which builds for the other sessions from nothing else.
    session.install("--no-compile", "build", *PROJECT["build-system"]["requires"], *groups("test"), silent=True)
    outside = Path(session.create_tmp()) / "outside"
    shutil.rmtree(outside, ignore_errors=True)
    session.run("python", "-m", "build", "--no-isolation", "--outdir", str(outside), silent=True)
    (source,) = outside.glob("*.tar.gz")
    (built,) = outside.glob("*.whl")
    shutil.unpack_archive(source, outside, filter="data")
    tree = outside / source.name.removesuffix(".tar.gz")
    shutil.rmtree(tree / "xent_arrayapi")
    session.install(str(built), silent=True)
    session.chdir(tree)
    session.run("python", "-c", "import xent_arrayapi as x; assert 'site-packages' in x.__file__, x.__file__")
    pytest(session, "--lane=numpy", root=tree)


@nox.session(python="3.12")
def report(session: nox.Session) -> None:
    """Print what each lane executed, hold the documentation to it, and combine the coverage: 100 %."""
    session.install("coverage[toml]", silent=True)
    lanes = ("--lanes", *LANES, "--where-possible", "gpu")
    session.run("python", "-m", "tests.matrix", str(COUNTS), *session.posargs, *lanes, env={"PYTHONPATH": str(ROOT)})
    # In a file of another name: from its own, coverage deletes what is combined, and the next report has nothing.
    combined, parts = f"--data-file={ROOT / '.nox' / 'coverage'}", map(str, sorted(ROOT.glob(".coverage.*")))
    session.run("coverage", "combine", "--keep", combined, *parts, silent=True)
    session.run("coverage", "report", combined)
