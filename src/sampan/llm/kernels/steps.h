// The small steps between two matrix products, as one pass each.

#pragma once

#include "attention.h"

namespace {

constexpr int SMALL = 1 << 14;  // numbers that one thread goes through before another has come

// Calls each(row), by several threads if that pays.
template <typename Each> void by_rows(int rows, int width, const Each &each) {
    const int lot = divided(SMALL, width);
    team().share(divided(rows, lot), [&](int part) {
        for (int row = part * lot; row < rows && row < (part + 1) * lot; row++) each(row);
    });
}

template <typename T> float inverse_size(const T *x, int n, float eps) {
    float sum = 0;
    for (int i = 0; i < n; i++) sum += widen(x[i]) * widen(x[i]);
    return 1.0f / std::sqrt(sum / n + eps);
}

// x += added (unless null); out = x / rms(x) * weight
template <typename T> void add_norm(T *x, const T *added, const T *weight, T *out, int rows, int n, float eps) {
    by_rows(rows, n, [=](int row) {
        T *at = x + size_t(row) * n;
        if (added)
            for (int i = 0; i < n; i++) narrow(widen(at[i]) + widen(added[size_t(row) * n + i]), at[i]);
        float scale = inverse_size(at, n, eps);
        for (int i = 0; i < n; i++) narrow(widen(at[i]) * scale * widen(weight[i]), out[size_t(row) * n + i]);
    });
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
    by_rows(rows, width, [=](int row) {
        T *at = qkv + size_t(row) * width;
        const float *c = cosine + size_t(row) * (head / 2), *s = sine + size_t(row) * (head / 2);
        for (int h = 0; h < heads; h++)
            turn(at + h * head, query_norm, c, s, head, eps, queries + (size_t(row) * heads + h) * head);
        size_t slot = size_t(slots[row]) * kv_heads * head;
        for (int h = 0; h < kv_heads; h++)
            turn(at + (heads + h) * head, key_norm, c, s, head, eps, keys + slot + h * head);
        std::memcpy(values + slot, at + (heads + kv_heads) * head, sizeof(T) * kv_heads * head);
    });
}

// out = silu(gate) * up, both halves of a row
template <typename T> void gate(const T *both, T *out, int rows, int n) {
    by_rows(rows, n, [=](int row) {
        const T *at = both + size_t(row) * 2 * n;
        for (int i = 0; i < n; i++) {
            float x = widen(at[i]);
            float e = exponential(-std::fabs(x));
            float sigmoid = (x < 0 ? e : 1.0f) / (1.0f + e);
            narrow(x * sigmoid * widen(at[n + i]), out[size_t(row) * n + i]);
        }
    });
}

}  // namespace
