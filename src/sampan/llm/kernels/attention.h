// Attention of few queries over pages, without gathering them.

#pragma once

#include "team.h"
#include "vector.h"

namespace {

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
    team().share(rows * kv_heads, [&](int part) {
            const int row = part / kv_heads, kv = part % kv_heads;
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
    });
}

}  // namespace
