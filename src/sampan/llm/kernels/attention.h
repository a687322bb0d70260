// Attention of few queries over pages, without gathering them.

#pragma once

#include "team.h"
#include "vector.h"

namespace {

constexpr int BLOCK = 64;  // keys between two looks at the maximum
constexpr int HEAD_MAX = 256;
constexpr float LOWEST = -1e30f;  // finite, so that what has seen nothing yet has no 0 * infinity
constexpr int AHEAD = 8;  // keys fetched before they are needed: rows of one head lie too far apart for the hardware

template <typename T> inline void fetch(const T *at, int count) {
    for (int i = 0; i < count; i += int(64 / sizeof(T))) __builtin_prefetch(at + i);
}

// Scores into weights, against the highest score so far; -infinity is no weight at all. Returns by how much what was
// weighed before shrinks.
inline float weigh(float *scores, int lanes, float &top, float &weight) {
    vf best = spread(top);
    for (int j = 0; j < lanes; j += LANES) best = larger(best, load(scores + j));
    const float before = top;
    top = highest(best);
    vf sum = {};
    for (int j = 0; j < lanes; j += LANES) {
        vf at = load(scores + j);
        at = where(at == spread(-INFINITY), vf{}, exponential(at - top));
        store(at, scores + j);
        sum += at;
    }
    const float shrink = exponential(before - top);
    weight = weight * shrink + total(sum);
    return shrink;
}

// The totals of sixteen vectors, as one: neighbours are added up level by level.
inline vf totals(const vf *x) {
    vf pairs[8], fours[4], eights[2];
    for (int i = 0; i < 8; i++) {
        vf a = x[2 * i], b = x[2 * i + 1];
        pairs[i] = __builtin_shufflevector(a, b, 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30) +
                   __builtin_shufflevector(a, b, 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31);
    }
    for (int i = 0; i < 4; i++) {
        vf a = pairs[2 * i], b = pairs[2 * i + 1];
        fours[i] = __builtin_shufflevector(a, b, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29) +
                   __builtin_shufflevector(a, b, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
    }
    for (int i = 0; i < 2; i++) {
        vf a = fours[2 * i], b = fours[2 * i + 1];
        eights[i] = __builtin_shufflevector(a, b, 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27) +
                    __builtin_shufflevector(a, b, 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31);
    }
    vf a = eights[0], b = eights[1];
    return __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23) +
           __builtin_shufflevector(a, b, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
}

// Scores of `count` keys for G heads. What lies behind the last key, up to a whole vector, is -infinity.
template <int G, typename T>
inline void score(const float (*query)[HEAD_MAX], const T *keys, const int64_t *slots, int count, int stride, int head,
                  float (*scores)[BLOCK]) {
    constexpr int KEYS = LANES / G;
    for (int j = 0; j < count; j += KEYS) {
        const int n = count - j < KEYS ? count - j : KEYS;
        vf dots[LANES] = {};  // head by head
        for (int k = 0; k < n; k++) {
            const T *key = keys + slots[j + k] * stride;
            if (j + k + AHEAD < count) fetch(keys + slots[j + k + AHEAD] * stride, head);
            vf dot[G] = {};
            for (int i = 0; i < head; i += LANES) {
                vf at = load(key + i);
                for (int g = 0; g < G; g++) dot[g] = multiply_add(load(query[g] + i), at, dot[g]);
            }
            for (int g = 0; g < G; g++) dots[g * KEYS + k] = dot[g];
        }
        float found[LANES];
        store(totals(dots), found);
        for (int g = 0; g < G; g++)
            for (int k = 0; k < KEYS; k++) scores[g][j + k] = k < n ? found[g * KEYS + k] : -INFINITY;
    }
    const int done = divided(count, KEYS) * KEYS;
    for (int g = 0; g < G; g++)
        for (int j = done; j < divided(count, LANES) * LANES; j++) scores[g][j] = -INFINITY;
}

// sums += weights * values, W columns of vectors at a time, so that sums stay in registers.
template <int G, int W, typename T>
inline void add_values(const float (*weights)[BLOCK], const T *values, const int64_t *slots, int count, int stride,
                       float (*sums)[HEAD_MAX]) {
    vf sum[G][W];
    for (int g = 0; g < G; g++)
        for (int w = 0; w < W; w++) sum[g][w] = load(sums[g] + w * LANES);
    for (int j = 0; j < count; j++) {
        const T *value = values + slots[j] * stride;
        if (j + AHEAD < count) fetch(values + slots[j + AHEAD] * stride, W * LANES);
        for (int w = 0; w < W; w++) {
            vf at = load(value + w * LANES);
            for (int g = 0; g < G; g++) sum[g][w] = multiply_add(spread(weights[g][j]), at, sum[g][w]);
        }
    }
    for (int g = 0; g < G; g++)
        for (int w = 0; w < W; w++) store(sum[g][w], sums[g] + w * LANES);
}

// The G heads that share one key-value head, for one query row; each key and value is read once for all of them.
template <int G, typename T>
void answer(const T *q, const T *keys, const T *values, const int64_t *slots, int from, int length, int stride, int head,
            float scale, T *out) {
    constexpr int COLUMNS = 16 / G < 8 ? 16 / G : 8;
    float query[G][HEAD_MAX], sums[G][HEAD_MAX] = {}, scores[G][BLOCK];
    for (int g = 0; g < G; g++)
        for (int i = 0; i < head; i += LANES) store(load(q + g * head + i) * scale, query[g] + i);
    float top[G], weight[G] = {};
    for (int g = 0; g < G; g++) top[g] = LOWEST;
    for (int start = from; start < length; start += BLOCK) {
        const int count = length - start < BLOCK ? length - start : BLOCK;
        score<G>(query, keys, slots + start, count, stride, head, scores);
        for (int j = 0; j < count && j < AHEAD; j++) fetch(values + slots[start + j] * stride, head);
        for (int g = 0; g < G; g++) {
            const float shrink = weigh(scores[g], divided(count, LANES) * LANES, top[g], weight[g]);
            for (int i = 0; i < head; i += LANES) store(load(sums[g] + i) * shrink, sums[g] + i);
        }
        int i = 0;
        for (; i + COLUMNS * LANES <= head; i += COLUMNS * LANES) {
            float (*at)[HEAD_MAX] = reinterpret_cast<float (*)[HEAD_MAX]>(&sums[0][i]);
            add_values<G, COLUMNS>(scores, values + i, slots + start, count, stride, at);
        }
        for (; i < head; i += LANES) {
            float (*at)[HEAD_MAX] = reinterpret_cast<float (*)[HEAD_MAX]>(&sums[0][i]);
            add_values<G, 1>(scores, values + i, slots + start, count, stride, at);
        }
    }
    for (int g = 0; g < G; g++)
        for (int i = 0; i < head; i += LANES) store(load(sums[g] + i) / weight[g], out + g * head + i);
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
