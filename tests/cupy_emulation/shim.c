/* What CuPy calls of CUDA's runtime and driver, done on the host.

   CuPy's Cython modules reach both through a table of C functions (`__pyx_capi__`); stand_ins.py puts these into it, each
   under the name of what it stands for. Two devices are pretended. Their memory is host memory, poisoned when it is
   given out and when it is given back, with a margin on both sides that is checked. What has no stand-in here gets one
   that refuses, from the macros at the end. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <dlfcn.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#ifdef __SSE2__
#include <xmmintrin.h>
#endif

/* Counters, and the two errors, which emulation.py reads and sets. */

long emu_launches, emu_to_device, emu_to_host, emu_on_device, emu_synchronisations, emu_overruns;
PyObject *emu_cannot, *emu_host_access;
int emu_forbidden; /* whether a transfer or a synchronisation raises */

static PyObject *cannot(const char *what) {
    return PyErr_Format(emu_cannot, "emulated CuPy can't %s", what);
}

static PyObject *overrun(void) {
    return PyErr_Format(PyExc_AssertionError, "a kernel wrote outside of its array");
}

static PyObject *none_or_raise(const char *what) {
    if (emu_forbidden)
        return PyErr_Format(emu_host_access, "%s where the host must not wait for the device: a synchronisation", what);
    Py_RETURN_NONE;
}

/* Devices: number 0 and 1, without access to each other's memory. */

enum { DEVICES = 2, CONTEXT = 1 };
static int current;

int emu_getDevice(int skip) { return current; }
int emu_getDeviceCount(int skip) { return DEVICES; }
int emu_ctxGetDevice(int skip) { return current; }
int emu_deviceCanAccessPeer(int one, int other, int skip) { return 0; }
int emu_driverGetVersion(int skip) { return EMU_CUDA_VERSION; }
int emu_runtimeGetVersion(int skip) { return EMU_CUDA_VERSION; }
intptr_t emu_ctxGetCurrent(int skip) { return CONTEXT; }
intptr_t emu_streamGetCtx(intptr_t stream, int skip) { return CONTEXT; }
PyObject *emu__ensure_context(void) { Py_RETURN_NONE; }

PyObject *emu_setDevice(int device, int skip) {
    if (device < 0 || device >= DEVICES)
        return PyErr_Format(PyExc_ValueError, "there is no device %d: %d are pretended", device, DEVICES);
    current = device;
    Py_RETURN_NONE;
}

int emu_deviceGetAttribute(int attribute, int device, int skip) {
    switch (attribute) { /* an H100's, by the numbers of cudaDeviceAttr */
        case 1: case 2: case 3: return 1024;              /* threads of a block, and along x and y */
        case 4: return 64;                                /* along z */
        case 5: return 2147483647;                        /* blocks along x */
        case 6: case 7: return 65535;                     /* along y and z */
        case 8: return 49152;                             /* bytes of shared memory of a block */
        case 10: return 32;                               /* threads of a warp */
        case 16: return 4;                                /* multiprocessors: few, so that blocks loop */
        case 39: return 2048;                             /* threads of a multiprocessor */
        case 75: return 9;                                /* compute capability 9.0 */
        case 76: return 0;
        case 97: return 232448;                           /* bytes of shared memory, on request */
        case 115: return 0;                               /* no memory pools of the driver */
    }
    PyErr_Format(emu_cannot, "emulated CuPy can't tell the device's attribute %d", attribute);
    return -1;
}

/* Memory. */

enum { MARGIN = 512, POISON = 0xFF, GUARD = 0xA5 }; /* bytes of 0xFF are nan in every floating dtype */
typedef struct Block {
    struct Block *previous, *next;
    size_t size;
    int device; /* from 1, or 0 where it is pinned on the host */
    unsigned char guard[MARGIN - 2 * sizeof(void *) - sizeof(size_t) - sizeof(int)];
} Block;
static Block blocks = {&blocks, &blocks};

static intptr_t allocate(size_t size, int device) {
    void *start = NULL;
    if (posix_memalign(&start, MARGIN, sizeof(Block) + size + MARGIN)) {
        PyErr_NoMemory();
        return 0;
    }
    Block *block = memset(start, GUARD, sizeof *block);
    block->size = size;
    block->device = device;
    block->previous = &blocks;
    block->next = blocks.next;
    block->next->previous = blocks.next = block;
    memset(block + 1, POISON, size);
    memset((char *)(block + 1) + size, GUARD, MARGIN);
    return (intptr_t)(block + 1);
}

static PyObject *release(intptr_t pointer) {
    if (!pointer) Py_RETURN_NONE;
    Block *block = (Block *)pointer - 1;
    const unsigned char *rear = (unsigned char *)pointer + block->size;
    int clean = 1;
    for (size_t i = 0; i < sizeof block->guard; i++) clean &= block->guard[i] == GUARD;
    for (size_t i = 0; i < MARGIN; i++) clean &= rear[i] == GUARD;
    if (!clean) emu_overruns++; /* the next launch raises: what frees memory cannot */
    block->previous->next = block->next;
    block->next->previous = block->previous;
    memset((void *)pointer, POISON, block->size);
    free(block);
    Py_RETURN_NONE;
}

static int device_of(intptr_t pointer, size_t size) {
    for (const Block *block = blocks.next; block != &blocks; block = block->next) {
        const intptr_t start = (intptr_t)(block + 1);
        if (start <= pointer && pointer + size <= start + block->size) return block->device;
    }
    return 0;
}

int emu_is_on_device(intptr_t pointer, size_t size) { return device_of(pointer, size) != 0; }
intptr_t emu_malloc(size_t size, int skip) { return allocate(size, current + 1); }
PyObject *emu_free(intptr_t pointer, int skip) { return release(pointer); }
intptr_t emu_hostAlloc(size_t size, unsigned flags, int skip) { return allocate(size, 0); }
PyObject *emu_freeHost(intptr_t pointer, int skip) { return release(pointer); }
PyObject *emu_memGetInfo(int skip) { return Py_BuildValue("(nn)", (Py_ssize_t)8 << 30, (Py_ssize_t)16 << 30); }

static int of_null_stream(intptr_t stream) {
    if (stream == 0) return 1;
    cannot("use a stream of its own");
    return 0;
}

enum { TO_DEVICE = 1, TO_HOST, ON_DEVICE, BY_ADDRESS };

static PyObject *copy(intptr_t to, intptr_t from, size_t size, int kind) {
    const int actual = emu_is_on_device(to, size) ? (emu_is_on_device(from, size) ? ON_DEVICE : TO_DEVICE) : TO_HOST;
    if (kind != actual && kind != BY_ADDRESS) return cannot("copy in another direction than it is told");
    PyObject *result = NULL;
    if (actual == ON_DEVICE) {
        emu_on_device++;
        result = Py_NewRef(Py_None);
    } else if (actual == TO_DEVICE) {
        emu_to_device++;
        result = none_or_raise("a transfer to the device");
    } else {
        emu_to_host++;
        result = none_or_raise("a transfer to the host");
    }
    if (result) memmove((void *)to, (void *)from, size);
    return result;
}

PyObject *emu_memcpy(intptr_t to, intptr_t from, size_t size, int kind, int skip) { return copy(to, from, size, kind); }

PyObject *emu_memcpyAsync(intptr_t to, intptr_t from, size_t size, int kind, intptr_t stream, int skip) {
    return of_null_stream(stream) ? copy(to, from, size, kind) : NULL;
}

PyObject *emu_memcpyPeerAsync(intptr_t to, int there, intptr_t from, int here, size_t size, intptr_t stream, int skip) {
    return of_null_stream(stream) ? copy(to, from, size, ON_DEVICE) : NULL;
}

PyObject *emu_memset(intptr_t pointer, int byte, size_t size, int skip) {
    memset((void *)pointer, byte, size);
    Py_RETURN_NONE;
}

PyObject *emu_memsetAsync(intptr_t pointer, int byte, size_t size, intptr_t stream, int skip) {
    return of_null_stream(stream) ? emu_memset(pointer, byte, size, skip) : NULL;
}

int emu_pointerGetMemoryType(intptr_t pointer, int skip) { return 0; } /* unregistered: the caller's, on the host */

/* Waiting, on the null stream only; events are of it too. */

static PyObject *waited(void) {
    emu_synchronisations++;
    return none_or_raise("waiting");
}

PyObject *emu_deviceSynchronize(int skip) { return waited(); }
PyObject *emu_streamSynchronize(intptr_t stream, int skip) { return of_null_stream(stream) ? waited() : NULL; }
int emu_streamIsCapturing(intptr_t stream, int skip) { return 0; }
intptr_t emu_eventCreate(int skip) { return (intptr_t)malloc(1); }
intptr_t emu_eventCreateWithFlags(unsigned flags, int skip) { return (intptr_t)malloc(1); }
PyObject *emu_eventRecord(intptr_t event, intptr_t stream, int skip) {
    return of_null_stream(stream) ? Py_NewRef(Py_None) : NULL;
}
PyObject *emu_eventSynchronize(intptr_t event, int skip) { return waited(); }
PyObject *emu_eventQuery(intptr_t event, int skip) { Py_RETURN_TRUE; }
PyObject *emu_eventDestroy(intptr_t event, int skip) {
    free((void *)event);
    Py_RETURN_NONE;
}

/* Modules: what build.py returns for a cubin is the path of a shared library. */

static const char MAGIC[] = "emulated:";

intptr_t emu_moduleLoadData(PyObject *image, int skip) {
    const char *text = PyBytes_AsString(image);
    if (!text) return 0;
    if (strncmp(text, MAGIC, sizeof MAGIC - 1)) {
        cannot("load machine code for a device");
        return 0;
    }
    void *library = dlopen(text + sizeof MAGIC - 1, RTLD_NOW | RTLD_LOCAL);
    if (!library) PyErr_Format(emu_cannot, "emulated CuPy can't load a kernel: %s", dlerror());
    return (intptr_t)library;
}

intptr_t emu_moduleGetFunction(intptr_t module, PyObject *name, int skip) {
    PyObject *host = PyUnicode_FromFormat("emu_%U", name);
    if (!host) return 0;
    void *kernel = dlsym((void *)module, PyUnicode_AsUTF8(host));
    Py_DECREF(host);
    if (!kernel) PyErr_Format(emu_cannot, "emulated CuPy can't find the kernel %U", name);
    return (intptr_t)kernel;
}

PyObject *emu_moduleUnload(intptr_t module, int skip) { Py_RETURN_NONE; }
int emu_occupancyMaxActiveBlocksPerMultiprocessor(intptr_t kernel, int block, size_t shared, int skip) { return 1; }

/* Launches: blocks one after the other; threads of a block too, unless they wait for each other. Then each is a fibre
   with a stack of its own, made once, that runs up to the next barrier; makecontext starts it, and from then on
   setjmp switches, which saves no signal mask and so needs no system call. */

enum { THREADS = 1024, STACK = 1 << 16, SHARED = 1 << 18 };
typedef struct { unsigned x, y, z; } Index;
typedef struct { /* what a kernel's library tells of a kernel; device.h has the same */
    void (*run)(void **parameters);
    int waits, flushes;
} Kernel;

Index emu_thread, emu_block, emu_threads, emu_blocks;
char emu_shared[SHARED] __attribute__((aligned(64)));

static jmp_buf home, place[THREADS];
static ucontext_t outside;
static char *stacks;
static int started, fibre, done[THREADS];
static const Kernel *kernel;
static void **arguments;

void emu_barrier(void) {
    if (!_setjmp(place[fibre])) _longjmp(home, 1);
}

static void body(void) {
    for (;;) {
        kernel->run(arguments);
        done[fibre] = 1;
        emu_barrier();
    }
}

static void go_on(int number) {
    fibre = number;
    if (_setjmp(home)) return;
    if (number < started) _longjmp(place[number], 1);
    ucontext_t context;
    getcontext(&context);
    context.uc_stack.ss_sp = stacks + (size_t)STACK * number;
    context.uc_stack.ss_size = STACK;
    context.uc_link = NULL;
    makecontext(&context, body, 0);
    started = number + 1;
    swapcontext(&outside, &context);
}

static void number_thread(int number) {
    emu_thread.x = number % emu_threads.x;
    emu_thread.y = number / emu_threads.x % emu_threads.y;
    emu_thread.z = number / (emu_threads.x * emu_threads.y);
}

/* Run the threads of a block from barrier to barrier; false if some ended where others wait. */
static int run_block(int threads) {
    if (!kernel->waits) {
        for (int i = 0; i < threads; i++) {
            number_thread(i);
            kernel->run(arguments);
        }
        return 1;
    }
    memset(done, 0, sizeof done);
    memset(emu_shared, POISON, sizeof emu_shared);
    for (int ended = 0; ended < threads;) {
        ended = 0;
        for (int i = 0; i < threads; i++) {
            number_thread(i);
            go_on(i);
            ended += done[i];
        }
        if (ended && ended < threads) return 0;
    }
    return 1;
}

static int run_blocks(int threads) {
    int together = 1;
    for (emu_block.z = 0; emu_block.z < emu_blocks.z; emu_block.z++)
        for (emu_block.y = 0; emu_block.y < emu_blocks.y; emu_block.y++)
            for (emu_block.x = 0; emu_block.x < emu_blocks.x; emu_block.x++) together &= run_block(threads);
    return together;
}

PyObject *emu_launchKernel(intptr_t function, unsigned blocks_x, unsigned blocks_y, unsigned blocks_z,
                           unsigned threads_x, unsigned threads_y, unsigned threads_z, unsigned shared,
                           intptr_t stream, intptr_t parameters, intptr_t extra, int skip) {
    if (!of_null_stream(stream)) return NULL;
    if (emu_overruns) return overrun();
    if (extra) return cannot("take packed parameters");
    if (shared > SHARED) return cannot("give a kernel so much shared memory");
    if (threads_x * threads_y * threads_z > THREADS) return cannot("run so large a block");
    if (!stacks) {
        stacks = mmap(NULL, (size_t)STACK * THREADS, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (stacks == MAP_FAILED) return PyErr_NoMemory();
    }
    emu_launches++;
    kernel = (const Kernel *)function;
    arguments = (void **)parameters;
    emu_blocks = (Index){blocks_x, blocks_y, blocks_z};
    emu_threads = (Index){threads_x, threads_y, threads_z};
#ifdef __SSE2__
    const unsigned mode = _mm_getcsr();
    if (kernel->flushes) _mm_setcsr(mode | 0x8040); /* subnormals are 0, read or written: -ftz=true */
#endif
    const int together = run_blocks(threads_x * threads_y * threads_z);
#ifdef __SSE2__
    _mm_setcsr(mode);
#endif
    if (!together) {
        started = 0; /* the fibres are left where they wait */
        return PyErr_Format(PyExc_AssertionError, "threads of a block ended where others wait for them");
    }
    Py_RETURN_NONE;
}

/* Products of matrices, which CuPy has cuBLAS do (blas.py): C = op(A) op(B) of m x n, stored by columns. */

#define PRODUCT(type)                                                                                               \
    static void product_##type(const type *a, size_t a_row, size_t a_column, const type *b, size_t b_row,           \
                               size_t b_column, type *c, size_t ldc, size_t m, size_t n, size_t k) {                \
        for (size_t j = 0; j < n; j++)                                                                              \
            for (size_t i = 0; i < m; i++) {                                                                        \
                type sum = 0;                                                                                       \
                for (size_t l = 0; l < k; l++) sum += a[i * a_row + l * a_column] * b[l * b_row + j * b_column];    \
                c[i + j * ldc] = sum;                                                                               \
            }                                                                                                       \
    }
PRODUCT(float)
PRODUCT(double)

static int holds(intptr_t matrix, int transposed, int rows, int columns, int leading, size_t item) {
    const int height = transposed ? columns : rows, width = transposed ? rows : columns;
    return leading >= height && device_of(matrix, item * ((size_t)leading * (width - 1) + height)) == current + 1;
}

PyObject *emu_gemm(int is_double, int transpose_a, int transpose_b, int m, int n, int k, intptr_t a, int lda,
                   intptr_t b, int ldb, intptr_t c, int ldc) {
    const size_t item = is_double ? sizeof(double) : sizeof(float);
    if (emu_overruns) return overrun();
    if (m < 1 || n < 1 || k < 1) return cannot("multiply empty matrices");
    if (!holds(a, transpose_a, m, k, lda, item) || !holds(b, transpose_b, k, n, ldb, item) ||
        !holds(c, 0, m, n, ldc, item))
        return cannot("multiply matrices that are not on the current device");
    emu_launches++;
    const size_t a_row = transpose_a ? lda : 1, a_column = transpose_a ? 1 : lda;
    const size_t b_row = transpose_b ? ldb : 1, b_column = transpose_b ? 1 : ldb;
    if (is_double)
        product_double((double *)a, a_row, a_column, (double *)b, b_row, b_column, (double *)c, ldc, m, n, k);
    else
        product_float((float *)a, a_row, a_column, (float *)b, b_row, b_column, (float *)c, ldc, m, n, k);
    Py_RETURN_NONE;
}

/* Refusals, one a line of build.py: REFUSE(the type it returns, its name, what it returns with an error set). */

#define REFUSE(type, name, result)      \
    type emu_##name(void) {             \
        (void)cannot("do CUDA's " #name); \
        return (type)result;            \
    }

/* And for each stand-in: EXPECT(its name, the signature that CuPy calls it by). */

#define EXPECT(name, ...) \
    _Static_assert(__builtin_types_compatible_p(__typeof__(emu_##name), __typeof__(__VA_ARGS__)), #name);
