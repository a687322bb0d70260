// Memory that a thread keeps for its work.

#pragma once

#include <cstddef>
#include <cstdlib>

namespace {

// The calling thread's, until it asks again: kept, because taking pages from the system anew costs more than a product.
inline void *scratch(size_t bytes) {
    struct Memory {
        void *at = nullptr;
        size_t size = 0;
        ~Memory() { std::free(at); }
    };
    static thread_local Memory mine;
    if (bytes > mine.size) {
        std::free(mine.at);
        mine.size = (bytes + 4095) / 4096 * 4096;
        mine.at = std::aligned_alloc(4096, mine.size);
    }
    return mine.at;
}

}  // namespace
