// Sixteen numbers at a time, in GCC's and Clang's vector extension: the compiler picks the instructions of the machine.
// Where it does not find the best ones by itself, they are named. All arithmetic is in float32; what is stored in
// bfloat16 is rounded once, to nearest even.

#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#if defined(__AVX512F__) && !defined(SAMPAN_PORTABLE)
#define SAMPAN_AVX512 1
#include <immintrin.h>
#endif
#if defined(SAMPAN_AVX512) && defined(__AVX512VNNI__) && defined(__AVX512BW__)
#define SAMPAN_VNNI 1
#endif

namespace {

constexpr int LANES = 16;
#ifdef SAMPAN_AVX512
constexpr int IN_REGISTERS = 24;  // vectors of sums that stay in registers
#else
constexpr int IN_REGISTERS = 6;
#endif
typedef float vf __attribute__((vector_size(64), aligned(4)));
typedef uint32_t vu __attribute__((vector_size(64), aligned(4)));
typedef int32_t vi __attribute__((vector_size(64), aligned(4)));
typedef int8_t vb __attribute__((vector_size(16), aligned(1)));
typedef uint16_t vh __attribute__((vector_size(32), aligned(2)));

inline int divided(int a, int b) { return (a + b - 1) / b; }

struct bf16 {
    uint16_t bits;
};

inline float float_of(uint32_t bits) {
    float out;
    std::memcpy(&out, &bits, 4);
    return out;
}
inline float widen(float x) { return x; }
inline float widen(bf16 x) {
    return float_of(uint32_t(x.bits) << 16);
}
inline void narrow(float x, float &to) { to = x; }
inline void narrow(float x, bf16 &to) {
    uint32_t bits;
    std::memcpy(&bits, &x, 4);
    if (std::isnan(x)) {
        to.bits = 0x7fc0;
    } else {
        to.bits = uint16_t((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
    }
}

inline vf spread(float x) { return x - vf{}; }
inline vf as_float(vu x) {
    vf out;
    std::memcpy(&out, &x, sizeof out);
    return out;
}
inline vu as_bits(vf x) {
    vu out;
    std::memcpy(&out, &x, sizeof out);
    return out;
}

inline vf load(const float *at) { return *reinterpret_cast<const vf *>(at); }
inline vu load_bits(const void *at) { return *reinterpret_cast<const vu *>(at); }
// Masks are vectors of -1 for yes and 0 for no, as comparisons give them.
inline vf where(vi mask, vf yes, vf no) { return as_float((as_bits(yes) & vu(mask)) | (as_bits(no) & ~vu(mask))); }
inline vf larger(vf a, vf b) { return where(a > b, a, b); }  // b if either is NaN
inline void store(vf x, float *at) { *reinterpret_cast<vf *>(at) = x; }
#ifdef SAMPAN_AVX512
inline vf load(const bf16 *at) {
    __m256i half = _mm256_loadu_si256(reinterpret_cast<const __m256i *>(at));
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
}
inline float total(vf x) { return _mm512_reduce_add_ps(x); }
inline int32_t total(vi x) { return _mm512_reduce_add_epi32(__m512i(x)); }
inline int32_t highest(vi x) { return _mm512_reduce_max_epi32(__m512i(x)); }
inline float highest(vf x) { return _mm512_reduce_max_ps(x); }
inline vf multiply_add(vf a, vf b, vf c) { return _mm512_fmadd_ps(a, b, c); }
#else
inline vf load(const bf16 *at) {
    return as_float(__builtin_convertvector(*reinterpret_cast<const vh *>(at), vu) << 16);
}
inline float total(vf x) {
    float out = 0;
    for (int i = 0; i < LANES; i++) out += x[i];
    return out;
}
inline int32_t total(vi x) {
    int32_t out = 0;
    for (int i = 0; i < LANES; i++) out += x[i];
    return out;
}
inline float highest(vf x) {
    float out = x[0];
    for (int i = 1; i < LANES; i++) out = x[i] > out ? x[i] : out;
    return out;
}
inline int32_t highest(vi x) {
    int32_t out = x[0];
    for (int i = 1; i < LANES; i++) out = x[i] > out ? x[i] : out;
    return out;
}
inline vf multiply_add(vf a, vf b, vf c) { return a * b + c; }
#endif

inline vf to_float(vi x) { return __builtin_convertvector(x, vf); }
// To the nearest whole number, for what lies within a few hundred of zero: the last digit of a sum with 1.5 * 2^23.
inline vi nearest(vf x) { return vi(as_bits(x + 12582912.0f)) - vi(as_bits(spread(12582912.0f))); }

// Sixteen pairs of bfloat16 that lie side by side: the first of each, and the second of each.
inline vf firsts(vu pairs) { return as_float(pairs << 16); }
inline vf seconds(vu pairs) { return as_float(pairs & 0xffff0000u); }

inline void store(vi x, int8_t *at) { *reinterpret_cast<vb *>(at) = __builtin_convertvector(x, vb); }
inline void store(vf x, bf16 *at) {
    vu bits = as_bits(x);
    vu rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
    vi broken = x != x;
    rounded = (rounded & ~vu(broken)) | (vu(broken) & 0x7fc0u);
    *reinterpret_cast<vh *>(at) = __builtin_convertvector(rounded, vh);
}

// The whole number nearest to x, as a float, and 2 to that power.
inline float rounded(float x) { return std::floor(x + 0.5f); }
inline float power(float n) { return float_of(uint32_t(int32_t(n) + 127) << 23); }
inline float limited(float x) { return x < -87.0f ? -87.0f : x; }
inline vf rounded(vf x) { return to_float(nearest(x)); }
inline vf power(vf n) { return as_float(vu(__builtin_convertvector(n, vi) + 127) << 23); }
inline vf limited(vf x) { return where(x < -87.0f, spread(-87.0f), x); }

// e^x for x <= 0, good to about 1e-7: 2^n times a polynomial (Cephes' coefficients). For a float or a vector of them.
template <typename F> F exponential(F x) {
    x = limited(x);
    F n = rounded(x * 1.44269504088896341f);
    F r = x - n * 0.693359375f + n * 2.12194440e-4f;
    F p = r * 1.9875691500e-4f + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    return p * power(n);
}

}  // namespace
