// What a kernel of CuPy needs of CUDA C++, for the host's compiler: put before the kernel's own source.
#pragma once
#define __CUDACC_VER_MAJOR__ 12  // CuPy 13 asks for 9 or later, which has float16
#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

#include <cuda_runtime.h>
#include <cuda_fp16.h>
#include <device_launch_parameters.h>

// Where the running thread is: shim.c moves it.
extern "C" {
struct EmuIndex { unsigned x, y, z; };
extern EmuIndex emu_thread, emu_block, emu_threads, emu_blocks;
extern char emu_shared[];
void emu_barrier(void);
struct EmuKernel { void (*run)(void**); int waits, flushes; };
}
#define threadIdx emu_thread
#define blockIdx emu_block
#define blockDim emu_threads
#define gridDim emu_blocks
#define warpSize 32
#define __syncthreads() emu_barrier()

// A launch hands over the addresses of the parameters.
namespace emu {
template <class... Args, size_t... I>
inline void call(void (*kernel)(Args...), void** parameters, std::index_sequence<I...>) {
    kernel(*static_cast<std::remove_cv_t<std::remove_reference_t<Args>>*>(parameters[I])...);
}
template <class... Args>
inline void run(void (*kernel)(Args...), void** parameters) {
    call(kernel, parameters, std::index_sequence_for<Args...>{});
}
}

// The device's functions that CuPy's headers and kernels name without `std::`.
using std::isfinite;
using std::isinf;
using std::isnan;
using std::signbit;

template <class To, class From>
inline To emu_bits(From x) {
    static_assert(sizeof(To) == sizeof(From), "of one size");
    To bits;
    std::memcpy(&bits, &x, sizeof bits);
    return bits;
}
inline long long __double_as_longlong(double x) { return emu_bits<long long>(x); }
inline double __longlong_as_double(long long x) { return emu_bits<double>(x); }
inline int __float_as_int(float x) { return emu_bits<int>(x); }
inline float __int_as_float(int x) { return emu_bits<float>(x); }
inline unsigned __float_as_uint(float x) { return emu_bits<unsigned>(x); }
inline float __uint_as_float(unsigned x) { return emu_bits<float>(x); }
inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __popcll(unsigned long long x) { return __builtin_popcountll(x); }

template <class A, class B>
using EmuCommon = std::enable_if_t<std::is_arithmetic_v<A> && std::is_arithmetic_v<B>, std::common_type_t<A, B>>;
template <class A, class B>
inline EmuCommon<A, B> min(A a, B b) { return b < a ? b : a; }
template <class A, class B>
inline EmuCommon<A, B> max(A a, B b) { return a < b ? b : a; }

// Threads run one at a time, so that an atomic operation is a plain one.
#define EMU_ATOMIC(name, after)                        \
    template <class T>                                 \
    inline T name(T* place, std::common_type_t<T> x) { \
        const T old = *place;                          \
        *place = static_cast<T>(after);                \
        return old;                                    \
    }
EMU_ATOMIC(atomicAdd, old + x)
EMU_ATOMIC(atomicSub, old - x)
EMU_ATOMIC(atomicMax, old < x ? x : old)
EMU_ATOMIC(atomicMin, x < old ? x : old)
EMU_ATOMIC(atomicExch, x)
EMU_ATOMIC(atomicAnd, old & x)
EMU_ATOMIC(atomicOr, old | x)
EMU_ATOMIC(atomicXor, old ^ x)
template <class T>
inline T atomicCAS(T* place, std::common_type_t<T> expected, std::common_type_t<T> x) {
    const T old = *place;
    if (old == expected) *place = x;
    return old;
}
