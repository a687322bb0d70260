// A decoder's layers in one call, for a step of few tokens, where the way from Python to each kernel would cost as much
// as the kernel. The same kernels in the same order as in models/decoder.py, and so the same answer to the last bit.

#pragma once

#include "many.h"
#include "products.h"
#include "steps.h"

namespace {

// A linear, as products.py describes it.
struct Linear {
    int32_t kind;  // Kind
    int32_t width, outputs;
    const void *weights;
    const float *scales;
    const bf16 *bias;
};
enum Kind { WIDE, INT8, INT4, INT4_SHIFTED };

template <typename Y> void apply(const Linear &linear, const bf16 *x, int rows, Y *y) {
    const Sink<Y> sink{y, linear.bias, linear.outputs};
    const uint8_t *bytes = static_cast<const uint8_t *>(linear.weights);
    switch (linear.kind) {
        case WIDE: return product(x, rows, Wide{static_cast<const uint16_t *>(linear.weights), linear.width}, sink);
        case INT8: return product(x, rows, Int8{{linear.width}, bytes, linear.scales}, sink);
        case INT4: return product(x, rows, Int4<false>{{linear.width}, bytes}, sink);
        case INT4_SHIFTED: return product(x, rows, Int4<true>{{linear.width}, bytes}, sink);
    }
}

// As models/whole.py describes them.
struct Layer {
    Linear qkv, output, gate_up, down;
    const bf16 *query_norm, *key_norm, *before_attention, *before_mlp;
    int32_t window;
};

struct Model {
    int32_t layers, hidden, heads, kv_heads, head, inner;
    float eps;
    const Layer *layer;
    const bf16 *last;
};

struct Step {
    int32_t rows;
    bf16 *x;  // [rows, hidden]: embeddings, used up
    const float *cosine, *sine;
    const int64_t *slots;       // where keys and values of each row go
    const int64_t *seen;        // slots that rows see: of row r the `lengths[r]` from `starts[r]` on
    const int32_t *starts, *lengths;
    bf16 *keys, *values;        // of the first layer; that of the next is `layer_size` numbers on
    int64_t layer_size;
    bf16 *room;                 // for what lies between two steps
    bf16 *out;                  // [rows, hidden]
};

inline void forward(const Model &model, const Step &step) {
    const int rows = step.rows, hidden = model.hidden, wide = model.heads * model.head;
    bf16 *at = step.room;
    auto take = [&](int width) { bf16 *mine = at; at += size_t(rows) * width; return mine; };
    bf16 *normed = take(hidden), *added = take(hidden), *queries = take(wide), *answer = take(wide);
    bf16 *qkv = take(wide + 2 * model.kv_heads * model.head), *both = take(2 * model.inner), *inner = take(model.inner);
    for (int i = 0; i < model.layers; i++) {
        const Layer &layer = model.layer[i];
        bf16 *keys = step.keys + i * step.layer_size, *values = step.values + i * step.layer_size;
        add_norm(step.x, i ? added : nullptr, layer.before_attention, normed, rows, hidden, model.eps);
        apply(layer.qkv, normed, rows, qkv);
        enter(qkv, layer.query_norm, layer.key_norm, step.cosine, step.sine, step.slots, keys, values, queries, rows,
              model.heads, model.kv_heads, model.head, model.eps);
        attend(queries, keys, values, step.seen, step.starts, step.lengths, rows, model.heads, model.kv_heads,
               model.head, layer.window, 1.0f / std::sqrt(float(model.head)), answer);
        apply(layer.output, answer, rows, added);
        add_norm(step.x, added, layer.before_mlp, normed, rows, hidden, model.eps);
        apply(layer.gate_up, normed, rows, both);
        gate(both, inner, rows, model.inner);
        apply(layer.down, inner, rows, added);
    }
    add_norm(step.x, added, model.last, step.out, rows, hidden, model.eps);
}

// The likeliest of each row of logits, the first of equals; and whether it is a number, as are all others.
inline void likeliest(const float *logits, int rows, int width, int64_t *picks, uint8_t *sound) {
    constexpr int STRIDE = 64 * LANES;
    team().share(rows, [=](int row) {
        const float *at = logits + size_t(row) * width;
        float top = -INFINITY;
        int where_top = 0;
        bool broken = false;
        for (int start = 0; start < width; start += STRIDE) {
            const int end = width - start < STRIDE ? width : start + STRIDE;
            vf best = spread(-INFINITY);
            vi strange = {};
            int i = start;
            for (; i + LANES <= end; i += LANES) {
                vf value = load(at + i);
                strange |= value != value;
                best = larger(value, best);
            }
            float here = highest(best);
            for (; i < end; i++) {
                broken = broken || std::isnan(at[i]);
                here = at[i] > here ? at[i] : here;
            }
            broken = broken || total(strange) != 0;
            if (here > top) top = here, where_top = start;
        }
        while (where_top < width - 1 && at[where_top] != top) where_top++;
        picks[row] = where_top;
        sound[row] = !broken && std::isfinite(top);
    });
}

}  // namespace
