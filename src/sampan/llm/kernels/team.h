// Threads that share a piece of work.
//
// Work is cut into numbered parts, and whoever is free takes the next. The caller takes part, and waits at the end only
// for parts that somebody is in the middle of: on a machine where others keep a thread from running, the rest do its share,
// where a team that meets at barriers (OpenMP's) would wait for it each time. Idle threads look for work for a moment,
// and then sleep.

#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#if defined(__x86_64__) || defined(__i386__)
#include <immintrin.h>
#endif

namespace {

inline void relax() {
#if defined(__x86_64__) || defined(__i386__)
    _mm_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

class Team {
  public:
    // How many threads work, the caller included.
    void resize(int size) {
        if (size == this->size()) return;
        std::lock_guard<std::mutex> lock(busy_);
        for (; started_ < size - 1 && started_ < MOST; started_++)
            std::thread([this, me = started_] { work(me); }).detach();
        size_.store(size, RELAXED);
    }

    int size() const { return size_.load(RELAXED); }

    // Calls part(0) to part(count - 1), each once, and returns when all are done. A second caller, while the team is
    // at work, goes alone.
    template <typename Part> void share(int count, const Part &part) {
        std::unique_lock<std::mutex> lock(busy_, std::defer_lock);
        if (count < 2 || size() < 2 || !lock.try_lock()) {
            for (int i = 0; i < count; i++) part(i);
            return;
        }
        const uint32_t number = uint32_t(ticket_.load(RELAXED) >> 32) + 1;
        Work &work = works_[number % 2];
        work.call.store([](const void *what, int i) { (*static_cast<const Part *>(what))(i); }, RELAXED);
        work.what.store(&part, RELAXED);
        work.count.store(count, RELAXED);
        work.done.store(0, RELAXED);
        ticket_.store(uint64_t(number) << 32);
        if (sleepers_.load() > 0) {
            std::lock_guard<std::mutex> asleep(sleep_);
            wake_.notify_all();
        }
        while (take()) {
        }
        for (int turns = 0; work.done.load(std::memory_order_acquire) < count; turns++) {
            if (turns < PATIENCE) {
                relax();
            } else {
                std::this_thread::yield();  // to whoever holds the last part, perhaps on this very processor
            }
        }
    }

  private:
    static constexpr auto RELAXED = std::memory_order_relaxed;
    static constexpr int MOST = 255;
    static constexpr int PATIENCE = 2000;  // looks, of 15 to 50 ns each

    struct Work {
        std::atomic<void (*)(const void *, int)> call{nullptr};
        std::atomic<const void *> what{nullptr};
        std::atomic<int> count{0}, done{0};
    };

    // Take a part of the present work and do it; false if none is left. The ticket is the work's number and the next
    // part: that it is still the same when a part is taken proves that what was read of the work belongs to it, because
    // the next work is written elsewhere, and the one after it only once the ticket has moved on.
    bool take() {
        uint64_t ticket = ticket_.load();
        for (;;) {
            Work &work = works_[(ticket >> 32) % 2];
            const auto call = work.call.load(RELAXED);
            const void *what = work.what.load(RELAXED);
            const int next = int(uint32_t(ticket));
            if (next >= work.count.load(RELAXED)) return false;
            if (ticket_.compare_exchange_weak(ticket, ticket + 1)) {
                call(what, next);
                work.done.fetch_add(1, std::memory_order_release);
                return true;
            }
        }
    }

    void work(int me) {
        uint64_t seen = 0;
        for (;;) {
            int turns = 0;
            while (ticket_.load(std::memory_order_acquire) >> 32 == seen) {
                if (++turns < PATIENCE) {
                    relax();
                    continue;
                }
                std::unique_lock<std::mutex> lock(sleep_);
                sleepers_.fetch_add(1);
                wake_.wait(lock, [&] { return ticket_.load() >> 32 != seen; });
                sleepers_.fetch_sub(1);
            }
            seen = ticket_.load() >> 32;
            while (me < size() - 1 && take()) {
            }
        }
    }

    std::atomic<uint64_t> ticket_{0};
    Work works_[2];
    std::atomic<int> size_{1}, sleepers_{0};
    std::mutex busy_, sleep_;
    std::condition_variable wake_;
    int started_ = 0;
};

// The process's team. Never taken down: its threads would outlive it.
inline Team &team() {
    static Team *made = new Team;
    return *made;
}

}  // namespace
