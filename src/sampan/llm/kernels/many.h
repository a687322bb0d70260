// Attention of many queries of one sequence: the keys and values of a stretch are laid out once, and then each tile of
// queries goes over them as matrix products, with a running maximum (Flash attention, arXiv:2205.14135).

#pragma once

#include "attention.h"
#include "scratch.h"

namespace {

constexpr int TILE = IN_REGISTERS / 2;  // rows whose sums stay in registers
constexpr int STRETCH = 128;            // keys laid out at a time
constexpr int SHARE = 256;              // rows of queries that go over them

// c = c * shrink + a b, of R rows and 32 columns; without `shrink`, c = a b.
template <int R>
void accumulate(const float *a, int a_stride, const float *b, int b_stride, int n, float *c, int c_stride,
                const float *shrink) {
    vf sum[R][2];
    for (int r = 0; r < R; r++)
        for (int half = 0; half < 2; half++)
            sum[r][half] = shrink ? load(c + r * c_stride + half * LANES) * shrink[r] : vf{};
    for (int i = 0; i < n; i++, b += b_stride) {
        vf one = load(b), two = load(b + LANES);
        for (int r = 0; r < R; r++) {
            vf value = spread(a[r * a_stride + i]);
            sum[r][0] = multiply_add(value, one, sum[r][0]);
            sum[r][1] = multiply_add(value, two, sum[r][1]);
        }
    }
    for (int r = 0; r < R; r++)
        for (int half = 0; half < 2; half++) store(sum[r][half], c + r * c_stride + half * LANES);
}

using Accumulate = void(const float *, int, const float *, int, int, float *, int, const float *);
template <int R = TILE> Accumulate *accumulate_of(int rows) {
    if (rows == R) return accumulate<R>;
    if constexpr (R > 1) return accumulate_of<R - 1>(rows);
    return nullptr;
}

// One key-value head's part of the work: `rows` are (query, head of the group), for queries from `first` on.
struct Block {
    int first, queries, group, head, count, length, window;
    float *query, *keys, *values, *sums, *scores, *top, *weight;
    int wide, stride;  // of values and sums; of queries

    Block(int first, int queries, int group, int head, int count, int length, int window)
        : first(first), queries(queries), group(group), head(head), count(count), length(length), window(window),
          wide(divided(head, 32) * 32), stride(wide + LANES) {
        const size_t rows = size_t(queries) * group;
        const size_t sizes[] = {rows * stride, size_t(STRETCH) * wide, size_t(STRETCH) * wide, rows * wide,
                                size_t(TILE) * STRETCH, rows, rows};
        float **parts[] = {&query, &keys, &values, &sums, &scores, &top, &weight};
        size_t all = 0;
        for (size_t size : sizes) all += divided(int(size), LANES) * LANES;
        float *at = static_cast<float *>(scratch(all * sizeof(float)));
        for (int i = 0; i < 7; i++) {
            *parts[i] = at;
            at += divided(int(sizes[i]), LANES) * LANES;
        }
        std::memset(sums, 0, rows * wide * sizeof(float));
        for (size_t row = 0; row < rows; row++) top[row] = LOWEST, weight[row] = 0;
    }

    int rows() const { return queries * group; }
    int end(int row) const { return length - count + first + row / group + 1; }  // keys before this are seen
    int begin(int row) const { return window && end(row) > window ? end(row) - window : 0; }

    // Keys as columns, 32 side by side; values as they are. All in float32.
    template <typename T> void lay_out(const T *k, const T *v, const int64_t *slots, int n, int slot_stride) {
        std::memset(keys, 0, size_t(divided(n, 32)) * 32 * wide * sizeof(float));
        for (int j = 0; j < n; j++) {
            const T *key = k + slots[j] * slot_stride, *value = v + slots[j] * slot_stride;
            if (j + AHEAD < n) {
                fetch(k + slots[j + AHEAD] * slot_stride, head);
                fetch(v + slots[j + AHEAD] * slot_stride, head);
            }
            float *column = keys + (j / 32) * 32 * head + j % 32;
            for (int i = 0; i < head; i++) column[i * 32] = widen(key[i]);
            for (int i = 0; i < head; i += LANES) store(load(value + i), values + j * wide + i);
            for (int i = head; i < wide; i++) values[j * wide + i] = 0;
        }
    }

    // Scores into weights of one row, which sees only some of the keys; returns by how much what came before shrinks.
    float weigh_row(int row, float *score, int start, int n) {
        const int lanes = divided(n, LANES) * LANES;
        const int from = begin(row) - start, to = end(row) - start < n ? end(row) - start : n;
        for (int j = 0; j < from && j < lanes; j++) score[j] = -INFINITY;
        for (int j = to > 0 ? to : 0; j < lanes; j++) score[j] = -INFINITY;
        return weigh(score, lanes, top[row], weight[row]);
    }

    void tile(int row, int start, int n) {
        const int r = rows() - row < TILE ? rows() - row : TILE;
        if (start >= end(row + r - 1) || start + n <= begin(row)) return;
        Accumulate *run = accumulate_of(r);
        for (int j = 0; j < n; j += 32)
            run(query + row * stride, stride, keys + j * head, 32, head, scores + j, STRETCH, nullptr);
        float shrink[TILE];
        for (int i = 0; i < r; i++) shrink[i] = weigh_row(row + i, scores + i * STRETCH, start, n);
        for (int i = 0; i < wide; i += 32)
            run(scores, STRETCH, values + i, wide, n, sums + size_t(row) * wide + i, wide, shrink);
    }
};

// Queries [count, heads, head] are the last of the `length` tokens in `slots`.
template <typename T>
void attend_many(const T *q, const T *keys, const T *values, const int64_t *slots, int count, int length, int heads,
                 int kv_heads, int head, int window, float scale, T *out) {
    const int group = heads / kv_heads, each = SHARE > group ? SHARE / group : 1, blocks = divided(count, each);
    team().share(blocks * kv_heads, [&](int part) {
        // The last queries first: they see the most keys, and nobody shall wait for them at the end.
        const int first = (blocks - 1 - part / kv_heads) * each, kv = part % kv_heads;
        const int queries = count - first < each ? count - first : each;
        Block block(first, queries, group, head, count, length, window);
        auto place = [&](int row) { return (size_t(first + row / group) * heads + kv * group + row % group) * head; };
        for (int row = 0; row < block.rows(); row++)
            for (int i = 0; i < head; i += LANES)
                store(load(q + place(row) + i) * scale, block.query + row * block.stride + i);
        const int end = block.end(block.rows() - 1);
        for (int start = block.begin(0) / STRETCH * STRETCH; start < end; start += STRETCH) {
            const int n = end - start < STRETCH ? end - start : STRETCH;
            block.lay_out(keys + kv * head, values + kv * head, slots + start, n, kv_heads * head);
            for (int row = 0; row < block.rows(); row += TILE) block.tile(row, start, n);
        }
        for (int row = 0; row < block.rows(); row++)
            for (int i = 0; i < head; i += LANES)
                store(load(block.sums + size_t(row) * block.wide + i) / block.weight[row], out + place(row) + i);
    });
}

}  // namespace
