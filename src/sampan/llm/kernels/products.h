// y = x W^T + b for few rows and for many, the weights in bfloat16, int8 or int4.
//
// Weights lie in panels of 32 outputs, each panel in the order in which it is read (products.py packs them), so that a
// product is one pass over memory. A row's sums run over its inputs in order, whatever other rows there are: a row's
// answer does not depend on its company, to the last bit.

#pragma once

#include "scratch.h"
#include "team.h"
#include "vector.h"

namespace {

constexpr int PANEL = 32;      // outputs
constexpr int SPAN = 32;       // inputs that share a scale in narrow products
constexpr int LOT = 1 << 15;   // inputs made ready at a time
constexpr int PARTS = 8;       // pieces per thread, so that one that is held up leaves little to wait for
constexpr size_t NEAR = 3 << 18;  // bytes of inputs that a core's second-level cache keeps beside a panel

// The hardware alone begins anew at each page: lines are brought near in two steps, well before they are wanted.
inline void fetch_panel(const char *at, int lines) {
    for (int i = 0; i < lines; i++) {
        __builtin_prefetch(at + 8192 + i * 64, 0, 2);
        __builtin_prefetch(at + 512 + i * 64, 0, 3);
    }
}

// What becomes of a tile of sums: bias added, then stored in the type of the output.
template <typename Y> struct Sink {
    Y *y;
    const bf16 *bias;
    int outputs;

    void put(const vf *sums, int row, int output) const {
        Y *at = y + size_t(row) * outputs + output;
        for (int half = 0; half < 2; half++) {
            int first = output + half * LANES, left = outputs - first;
            if (left <= 0) return;
            vf sum = sums[half];
            if (left >= LANES) {
                if (bias) sum += load(bias + first);
                store(sum, at + half * LANES);
            } else {
                for (int i = 0; i < left; i++)
                    narrow(sum[i] + (bias ? widen(bias[first + i]) : 0.0f), at[half * LANES + i]);
            }
        }
    }
};

// ---------------------------------------------------------------------------------------------------------------------
// bfloat16: [panels, pairs of inputs, outputs, 2]. Widened to float32 on the way: on processors whose bfloat16 dot
// product takes two cycles, two multiplications in float32 are twice as fast, and they are exact.

struct Wide {
    static constexpr int ROWS = IN_REGISTERS / 2;
    const uint16_t *weights;
    int width;

    size_t row_bytes() const { return (size_t(divided(width, 2)) * 2 + LANES) * 4; }
    size_t panel_bytes() const { return size_t(divided(width, 2)) * PANEL * 4; }

    void prepare(const bf16 *x, void *to) const {
        float *row = static_cast<float *>(to);
        int i = 0;
        for (; i + LANES <= width; i += LANES) store(load(x + i), row + i);
        for (; i < width; i++) row[i] = widen(x[i]);
        if (width % 2) row[width] = 0;
    }

    template <int R> void tile(const void *x, int panel, vf (*sums)[2]) const {
        const char *from = reinterpret_cast<const char *>(weights) + panel * panel_bytes();
        const float *rows = static_cast<const float *>(x);
        const size_t stride = row_bytes() / 4;
        vf sum[R][2] = {};
        for (int pair = 0, pairs = divided(width, 2); pair < pairs; pair++, from += 2 * 64) {
            fetch_panel(from, 2);
            vu one = load_bits(from), two = load_bits(from + 64);
            vf a = firsts(one), b = firsts(two), c = seconds(one), d = seconds(two);
            const float *at = rows + 2 * pair;
            for (int r = 0; r < R; r++) {
                vf value = spread(at[r * stride]);
                sum[r][0] = multiply_add(value, a, sum[r][0]);
                sum[r][1] = multiply_add(value, b, sum[r][1]);
            }
            for (int r = 0; r < R; r++) {
                vf value = spread(at[r * stride + 1]);
                sum[r][0] = multiply_add(value, c, sum[r][0]);
                sum[r][1] = multiply_add(value, d, sum[r][1]);
            }
        }
        for (int r = 0; r < R; r++) sums[r][0] = sum[r][0], sums[r][1] = sum[r][1];
    }
};

// ---------------------------------------------------------------------------------------------------------------------
// int8 and int4. Inputs are rounded to int8 too, with a scale for each 32 of them, so that the sums of a span are exact
// whole numbers; then they are scaled and added in float32.

// One span of one row of inputs, as products of bytes want it: weights lie 128 (or 8) too high to be without a sign, and
// `sum` is what has to be taken off for it.
struct Spanned {
    int8_t values[SPAN];
    float scale;
    int32_t sum;
    int32_t pad[2];
};

inline void round_span(const bf16 *x, Spanned &to) {
    vf a = load(x), b = load(x + LANES);
    vi high = vi(as_bits(a) & 0x7fffffffu), other = vi(as_bits(b) & 0x7fffffffu);
    high = high > other ? high : other;  // sizes are ordered as their bits are, and NaN is above all
    float top = float_of(uint32_t(highest(high)));
    to.scale = top / 127;  // not finite if an input is not
    vf inverse = spread(top > 0 && top < INFINITY ? 127 / top : 0.0f);
    vi first = nearest(a * inverse), second = nearest(b * inverse);
    store(first, to.values);
    store(second, to.values + LANES);
    to.sum = total(first + second);
}

// sum + products of four unsigned weights with four signed inputs, for sixteen outputs
inline vi multiply_add(vi sum, vu weights, const int8_t *inputs) {
    int32_t four;
    std::memcpy(&four, inputs, 4);
#ifdef SAMPAN_VNNI
    return vi(_mm512_dpbusd_epi32(__m512i(sum), __m512i(weights), _mm512_set1_epi32(four)));
#else
    for (int i = 0; i < 4; i++) sum += vi((weights >> (8 * i)) & 0xffu) * inputs[i];
    return sum;
#endif
}

struct Narrow {
    int width;

    int spans() const { return divided(width, SPAN); }
    size_t row_bytes() const { return size_t(spans()) * sizeof(Spanned); }
    void prepare(const bf16 *x, void *to) const {
        Spanned *row = static_cast<Spanned *>(to);
        for (int i = 0; i + SPAN <= width; i += SPAN) round_span(x + i, *row++);
        if (width % SPAN) {
            bf16 last[SPAN] = {};
            std::memcpy(last, x + width / SPAN * SPAN, size_t(width % SPAN) * sizeof(bf16));
            round_span(last, *row);
        }
    }
};

// int8: [panels, inputs / 4, outputs, 4], 128 added; one scale for each output.
struct Int8 : Narrow {
    static constexpr int ROWS = IN_REGISTERS < 8 ? 2 : IN_REGISTERS / 4;  // two sums of whole numbers and two of floats
    const uint8_t *weights;
    const float *scales;

    template <int R> void tile(const void *x, int panel, vf (*sums)[2]) const {
        const char *from = reinterpret_cast<const char *>(weights) + size_t(panel) * spans() * SPAN * PANEL;
        const Spanned *rows = static_cast<const Spanned *>(x);
        const int stride = spans();
        vf sum[R][2] = {};
        for (int span = 0; span < stride; span++) {
            const Spanned *at = rows + span;
            vi whole[R][2];
            for (int r = 0; r < R; r++) whole[r][0] = whole[r][1] = vi{} - 128 * at[r * stride].sum;
            for (int four = 0; four < SPAN / 4; four++, from += 2 * 64) {
                fetch_panel(from, 2);
                vu one = load_bits(from), two = load_bits(from + 64);
                for (int r = 0; r < R; r++) {
                    whole[r][0] = multiply_add(whole[r][0], one, at[r * stride].values + 4 * four);
                    whole[r][1] = multiply_add(whole[r][1], two, at[r * stride].values + 4 * four);
                }
            }
            for (int r = 0; r < R; r++)
                for (int half = 0; half < 2; half++)
                    sum[r][half] =
                        multiply_add(to_float(whole[r][half]), spread(at[r * stride].scale), sum[r][half]);
        }
        for (int half = 0; half < 2; half++) {
            vf scale = load(scales + panel * PANEL + half * LANES);
            for (int r = 0; r < R; r++) sums[r][half] = sum[r][half] * scale;
        }
    }
};

// int4: [panels, spans], each span 32 scales and, with `shifted`, 32 shifts in bfloat16, then [inputs / 8, outputs, 4]
// bytes, whose low halves are the first four inputs and whose high halves the next four. Levels are 0 to 15:
// weight = (level - 8) * scale + shift.
template <bool SHIFTED> struct Int4 : Narrow {
    static constexpr int ROWS = Int8::ROWS;
    const uint8_t *weights;

    template <int R> void tile(const void *x, int panel, vf (*sums)[2]) const {
        constexpr int HEAD = (SHIFTED ? 2 : 1) * 64, SIZE = HEAD + SPAN * PANEL / 2;
        const char *from = reinterpret_cast<const char *>(weights) + size_t(panel) * spans() * SIZE;
        const Spanned *rows = static_cast<const Spanned *>(x);
        const int stride = spans();
        vf sum[R][2] = {};
        for (int span = 0; span < stride; span++, from += SIZE) {
            const Spanned *at = rows + span;
            fetch_panel(from, SIZE / 64);
            vi whole[R][2];
            for (int r = 0; r < R; r++) whole[r][0] = whole[r][1] = vi{} - 8 * at[r * stride].sum;
            for (int eight = 0; eight < SPAN / 8; eight++) {
                for (int half = 0; half < 2; half++) {
                    vu both = load_bits(from + HEAD + eight * 128 + half * 64);
                    vu low = both & 0x0f0f0f0fu, high = (both >> 4) & 0x0f0f0f0fu;
                    for (int r = 0; r < R; r++) {
                        const int8_t *inputs = at[r * stride].values + 8 * eight;
                        whole[r][half] = multiply_add(whole[r][half], low, inputs);
                        whole[r][half] = multiply_add(whole[r][half], high, inputs + 4);
                    }
                }
            }
            const bf16 *scales = reinterpret_cast<const bf16 *>(from);
            for (int half = 0; half < 2; half++) {
                vf scale = load(scales + half * LANES);
                for (int r = 0; r < R; r++) {
                    vf scaled = to_float(whole[r][half]) * scale;
                    if (SHIFTED) {
                        vf shift = load(scales + PANEL + half * LANES);
                        scaled = multiply_add(shift, spread(float(at[r * stride].sum)), scaled);
                    }
                    sum[r][half] = multiply_add(scaled, spread(at[r * stride].scale), sum[r][half]);
                }
            }
        }
        for (int r = 0; r < R; r++) sums[r][0] = sum[r][0], sums[r][1] = sum[r][1];
    }
};

// ---------------------------------------------------------------------------------------------------------------------
// The pass over rows and panels, the same for all widths

template <typename Weights, typename Y, int R>
inline void tile(const Weights &weights, const char *x, int panel, int row, const Sink<Y> &sink) {
    vf sums[R][2];
    weights.template tile<R>(x, panel, sums);
    for (int r = 0; r < R; r++) sink.put(sums[r], row + r, panel * PANEL);
}

template <typename Weights, typename Y, int R = Weights::ROWS>
inline void tile_of(int rows, const Weights &weights, const char *x, int panel, int row, const Sink<Y> &sink) {
    if (rows == R) {
        tile<Weights, Y, R>(weights, x, panel, row, sink);
    } else if constexpr (R > 1) {
        tile_of<Weights, Y, R - 1>(rows, weights, x, panel, row, sink);
    }
}

// Rows go in blocks that stay near the core; within a block each panel is read from far once.
template <typename Weights, typename Y>
void product(const bf16 *x, int rows, const Weights &weights, const Sink<Y> &sink) {
    const size_t row_bytes = weights.row_bytes();
    char *ready = static_cast<char *>(scratch(rows * row_bytes));
    const int lot = divided(LOT, weights.width);
    team().share(divided(rows, lot), [&](int part) {
        for (int i = part * lot; i < rows && i < (part + 1) * lot; i++)
            weights.prepare(x + size_t(i) * weights.width, ready + i * row_bytes);
    });
    const int near = int(NEAR / row_bytes) / Weights::ROWS * Weights::ROWS;
    const int block = near > Weights::ROWS ? near : Weights::ROWS, blocks = divided(rows, block);
    const int panels = divided(sink.outputs, PANEL), wanted = PARTS * team().size();
    const int group = panels < wanted ? 1 : panels / wanted < 16 ? panels / wanted : 16;
    const int groups = divided(panels, group);
    team().share(blocks * groups, [&](int part) {
        const int first = part / groups * block, end = first + block < rows ? first + block : rows;
        const int tiles = divided(end - first, Weights::ROWS), each = divided(end - first, tiles);
        const int panel = part % groups * group, last = panel + group < panels ? panel + group : panels;
        for (int p = panel; p < last; p++)
            for (int row = first; row < end; row += each)
                tile_of(end - row < each ? end - row : each, weights, ready + row * row_bytes, p, row, sink);
    });
}

}  // namespace
