// What decoding on a processor needs and PyTorch has no fast kernel for: products of narrow weights and few rows,
// attention over pages, and the small steps between two products as one pass each.
//
// Plain C interface, called through ctypes; built for the machine it runs on (see native.py).

#include "forward.h"

extern "C" void threads(int count) { team().resize(count); }

extern "C" void decode(const Model *model, const Step *step) { forward(*model, *step); }

extern "C" void likeliest_of(const float *logits, int rows, int width, int64_t *picks, uint8_t *sound) {
    likeliest(logits, rows, width, picks, sound);
}

extern "C" void product(const Linear *linear, const bf16 *x, int rows, void *y, int in_float) {
    if (in_float) {
        apply(*linear, x, rows, static_cast<float *>(y));
    } else {
        apply(*linear, x, rows, static_cast<bf16 *>(y));
    }
}

#define PART(name, T)                                                                                                  \
    extern "C" void attend_##name(const T *q, const T *k, const T *v, const int64_t *slots, const int32_t *starts,     \
                                  const int32_t *lengths, int rows, int heads, int kv_heads, int head, int window,     \
                                  float scale, T *out) {                                                               \
        attend(q, k, v, slots, starts, lengths, rows, heads, kv_heads, head, window, scale, out);                      \
    }                                                                                                                  \
    extern "C" void attend_many_##name(const T *q, const T *k, const T *v, const int64_t *slots, int count, int length, \
                                       int heads, int kv_heads, int head, int window, float scale, T *out) {           \
        attend_many(q, k, v, slots, count, length, heads, kv_heads, head, window, scale, out);                         \
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
