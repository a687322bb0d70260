// The few loops of decoding that PyTorch has no kernel for: attention over pages without gathering them, and the small
// steps between two matrix products as one pass each.
//
// Plain C interface, called through ctypes; built for the machine it runs on (see native.py). Vectors are GCC's and
// Clang's extension, so that the compiler picks the instructions. All arithmetic is in float32; what is stored in
// bfloat16 is rounded once, to nearest even.

#include <cmath>
#include <cstdint>
#include <cstring>
#ifdef __AVX512F__
#include <immintrin.h>
#endif

namespace {

typedef float vf __attribute__((vector_size(64), aligned(4)));
typedef uint32_t vu __attribute__((vector_size(64), aligned(4)));
typedef uint16_t vh __attribute__((vector_size(32), aligned(2)));
constexpr int LANES = 16;

struct bf16 {
    uint16_t bits;
};

inline float widen(float x) { return x; }
inline float widen(bf16 x) {
    uint32_t bits = uint32_t(x.bits) << 16;
    float out;
    std::memcpy(&out, &bits, 4);
    return out;
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

inline vf load(const float *at) { return *reinterpret_cast<const vf *>(at); }
#ifdef __AVX512F__  // which compilers do not always find for the general form below
inline vf load(const bf16 *at) {
    __m256i narrow = _mm256_loadu_si256(reinterpret_cast<const __m256i *>(at));
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(narrow), 16));
}
inline float total(vf x) { return _mm512_reduce_add_ps(x); }
#else
inline vf load(const bf16 *at) {
    vu wide = __builtin_convertvector(*reinterpret_cast<const vh *>(at), vu) << 16;
    vf out;
    std::memcpy(&out, &wide, sizeof out);
    return out;
}
inline float total(vf x) {
    float out = 0;
    for (int i = 0; i < LANES; i++) out += x[i];
    return out;
}
#endif

// e^x for x <= 0, good to about 1e-7: 2^n times a polynomial (Cephes' coefficients).
inline float exponential(float x) {
    x = x < -87.0f ? -87.0f : x;
    float n = std::floor(x * 1.44269504088896341f + 0.5f);
    float r = x - n * 0.693359375f + n * 2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    int32_t bits = (int32_t(n) + 127) << 23;
    float scale;
    std::memcpy(&scale, &bits, 4);
    return p * scale;
}

// ---------------------------------------------------------------------------------------------------------------------
// Attention: each query row over its own slots

constexpr int BLOCK = 64;  // keys between two looks at the maximum
constexpr int HEAD_MAX = 256;
constexpr int AHEAD = 8;  // keys fetched before they are needed: rows of one head lie too far apart for the hardware

template <typename T> inline void fetch(const T *at, int count) {
    for (int i = 0; i < count; i += int(64 / sizeof(T))) __builtin_prefetch(at + i);
}

// The G heads that share one key-value head, for one query row; each key and value is read once for all of them.
template <int G, typename T>
void answer(const T *q, const T *keys, const T *values, const int64_t *slots, int from, int length, int stride, int head,
            float scale, T *out) {
    float query[G][HEAD_MAX], sum[G][HEAD_MAX] = {};
    for (int g = 0; g < G; g++)
        for (int i = 0; i < head; i++) query[g][i] = widen(q[g * head + i]) * scale;
    float highest[G], weight[G] = {}, scores[G][BLOCK];
    for (int g = 0; g < G; g++) highest[g] = -INFINITY;
    for (int start = from; start < length; start += BLOCK) {
        int count = length - start < BLOCK ? length - start : BLOCK;
        for (int j = 0; j < count; j++) {
            const T *key = keys + slots[start + j] * stride;
            if (start + j + AHEAD < length) fetch(keys + slots[start + j + AHEAD] * stride, head);
            fetch(values + slots[start + j] * stride, head);  // wanted right after this block's scores
            vf dot[G] = {};
            for (int i = 0; i < head; i += LANES) {
                vf at = load(key + i);
                for (int g = 0; g < G; g++) dot[g] += load(query[g] + i) * at;
            }
            for (int g = 0; g < G; g++) scores[g][j] = total(dot[g]);
        }
        for (int g = 0; g < G; g++) {
            float top = highest[g];
            for (int j = 0; j < count; j++) top = scores[g][j] > top ? scores[g][j] : top;
            float shrink = highest[g] == -INFINITY ? 0.0f : exponential(highest[g] - top);
            highest[g] = top;
            weight[g] *= shrink;
            for (int i = 0; i < head; i++) sum[g][i] *= shrink;
            for (int j = 0; j < count; j++) {
                scores[g][j] = exponential(scores[g][j] - top);
                weight[g] += scores[g][j];
            }
        }
        for (int i = 0; i < head; i += LANES) {  // a column of the values for the whole block, sums in registers
            vf column[G];
            for (int g = 0; g < G; g++) column[g] = load(sum[g] + i);
            for (int j = 0; j < count; j++) {
                vf at = load(values + slots[start + j] * stride + i);
                for (int g = 0; g < G; g++) column[g] += scores[g][j] * at;
            }
            for (int g = 0; g < G; g++) std::memcpy(sum[g] + i, &column[g], sizeof(vf));
        }
    }
    for (int g = 0; g < G; g++)
        for (int i = 0; i < head; i++) narrow(sum[g][i] / weight[g], out[g * head + i]);
}

template <typename T>
void attend(const T *q, const T *keys, const T *values, const int64_t *slots, const int32_t *starts,
            const int32_t *lengths, int rows, int heads, int kv_heads, int head, int window, float scale, T *out) {
    int group = heads / kv_heads;
#pragma omp parallel for schedule(dynamic, 1) collapse(2)
    for (int row = 0; row < rows; row++)
        for (int kv = 0; kv < kv_heads; kv++) {
            int from = window && lengths[row] > window ? lengths[row] - window : 0;
            for (int g = 0; g < group;) {
                size_t at = (size_t(row) * heads + kv * group + g) * head;
                const T *k = keys + kv * head, *v = values + kv * head;
                const int64_t *mine = slots + starts[row];
                int stride = kv_heads * head, length = lengths[row];
                if (group - g >= 4) {
                    answer<4>(q + at, k, v, mine, from, length, stride, head, scale, out + at);
                    g += 4;
                } else if (group - g >= 2) {
                    answer<2>(q + at, k, v, mine, from, length, stride, head, scale, out + at);
                    g += 2;
                } else {
                    answer<1>(q + at, k, v, mine, from, length, stride, head, scale, out + at);
                    g += 1;
                }
            }
        }
}

// ---------------------------------------------------------------------------------------------------------------------
// The steps between products

constexpr int TOGETHER = 16;  // rows from which waking the other threads pays

template <typename T> float inverse_size(const T *x, int n, float eps) {
    float sum = 0;
    for (int i = 0; i < n; i++) sum += widen(x[i]) * widen(x[i]);
    return 1.0f / std::sqrt(sum / n + eps);
}

// x += added (unless null); out = x / rms(x) * weight
template <typename T> void add_norm(T *x, const T *added, const T *weight, T *out, int rows, int n, float eps) {
#pragma omp parallel for if (rows >= TOGETHER)
    for (int row = 0; row < rows; row++) {
        T *at = x + size_t(row) * n;
        if (added)
            for (int i = 0; i < n; i++) narrow(widen(at[i]) + widen(added[size_t(row) * n + i]), at[i]);
        float scale = inverse_size(at, n, eps);
        for (int i = 0; i < n; i++) narrow(widen(at[i]) * scale * widen(weight[i]), out[size_t(row) * n + i]);
    }
}

// Norm (unless the weight is null) and rotate one head.
template <typename T> void turn(const T *from, const T *weight, const float *cosine, const float *sine, int head, float eps, T *to) {
    float x[HEAD_MAX];
    float scale = weight ? inverse_size(from, head, eps) : 1.0f;
    for (int i = 0; i < head; i++) x[i] = widen(from[i]) * scale * (weight ? widen(weight[i]) : 1.0f);
    int half = head / 2;
    for (int i = 0; i < half; i++) {
        narrow(x[i] * cosine[i] - x[i + half] * sine[i], to[i]);
        narrow(x[i + half] * cosine[i] + x[i] * sine[i], to[i + half]);
    }
}

// Queries are normed and rotated in place; keys and values go to the cache.
template <typename T>
void enter(T *qkv, const T *query_norm, const T *key_norm, const float *cosine, const float *sine, const int64_t *slots,
           T *keys, T *values, T *queries, int rows, int heads, int kv_heads, int head, float eps) {
    int width = (heads + 2 * kv_heads) * head;
#pragma omp parallel for if (rows >= TOGETHER)
    for (int row = 0; row < rows; row++) {
        T *at = qkv + size_t(row) * width;
        const float *c = cosine + size_t(row) * (head / 2), *s = sine + size_t(row) * (head / 2);
        for (int h = 0; h < heads; h++)
            turn(at + h * head, query_norm, c, s, head, eps, queries + (size_t(row) * heads + h) * head);
        size_t slot = size_t(slots[row]) * kv_heads * head;
        for (int h = 0; h < kv_heads; h++)
            turn(at + (heads + h) * head, key_norm, c, s, head, eps, keys + slot + h * head);
        std::memcpy(values + slot, at + (heads + kv_heads) * head, sizeof(T) * kv_heads * head);
    }
}

// out = silu(gate) * up, both halves of a row
template <typename T> void gate(const T *both, T *out, int rows, int n) {
#pragma omp parallel for if (rows >= TOGETHER)
    for (int row = 0; row < rows; row++) {
        const T *at = both + size_t(row) * 2 * n;
        for (int i = 0; i < n; i++) {
            float x = widen(at[i]);
            float e = exponential(-std::fabs(x));
            float sigmoid = (x < 0 ? e : 1.0f) / (1.0f + e);
            narrow(x * sigmoid * widen(at[n + i]), out[size_t(row) * n + i]);
        }
    }
}

}  // namespace

#define PART(name, T)                                                                                                  \
    extern "C" void attend_##name(const T *q, const T *k, const T *v, const int64_t *slots, const int32_t *starts,     \
                                  const int32_t *lengths, int rows, int heads, int kv_heads, int head, int window,     \
                                  float scale, T *out) {                                                               \
        attend(q, k, v, slots, starts, lengths, rows, heads, kv_heads, head, window, scale, out);                      \
    }                                                                                                                  \
    extern "C" void add_norm_##name(T *x, const T *added, const T *weight, T *out, int rows, int n, float eps) {       \
        add_norm(x, added, weight, out, rows, n, eps);                                                                 \
    }                                                                                                                  \
    extern "C" void enter_##name(T *qkv, const T *qn, const T *kn, const float *c, const float *s,                     \
                                 const int64_t *slots, T *keys, T *values, T *queries, int rows, int heads,            \
                                 int kv_heads, int head, float eps) {                                                  \
        enter(qkv, qn, kn, c, s, slots, keys, values, queries, rows, heads, kv_heads, head, eps);                      \
    }                                                                                                                  \
    extern "C" void gate_##name(const T *both, T *out, int rows, int n) { gate(both, out, rows, n); }

PART(bf16, bf16)
PART(f32, float)
