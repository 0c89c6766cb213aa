// Hand-over between the real-time thread and the others. Nothing here locks; what the real-time thread no longer needs
// is freed by another.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <thread>
#include <type_traits>

namespace punchin {

/// Values of `T` from one thread at a time [any] to the real-time thread [audio], the newest wins.
template <class T>
class Exchange {
 public:
  Exchange() = default;
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;
  ~Exchange() {
    delete incoming_.load();
    delete retired_.load();
  }

  /// [any] The next value; one that was never received is freed.
  void publish(std::unique_ptr<T> next) {
    std::unique_ptr<T>{incoming_.exchange(next.release(), std::memory_order_acq_rel)}.reset();
    collect();
  }

  /// [any] Frees what the real-time thread has retired.
  void collect() { std::unique_ptr<T>{retired_.exchange(nullptr, std::memory_order_acq_rel)}.reset(); }

  /// [audio] What was published since the last call, or null. Null too while the last retired value waits to be freed:
  /// then `retire` could not take another.
  std::unique_ptr<T> receive() noexcept {
    if (retired_.load(std::memory_order_acquire) != nullptr) return nullptr;
    return std::unique_ptr<T>{incoming_.exchange(nullptr, std::memory_order_acq_rel)};
  }

  /// [audio] Hands `old` back to be freed. One for each value received.
  void retire(std::unique_ptr<T> old) noexcept { retired_.store(old.release(), std::memory_order_release); }

 private:
  std::atomic<T*> incoming_{nullptr};
  std::atomic<T*> retired_{nullptr};
};

/// The last value that one thread wrote, for any reader: a sequence lock. `write` never waits.
template <class T>
class Latest {
  static_assert(std::is_trivially_copyable_v<T>);
  static constexpr std::size_t kWords = (sizeof(T) + 7) / 8;

 public:
  Latest() { write(T{}); }

  void write(const T& value) noexcept {
    std::array<std::uint64_t, kWords> words{};
    std::memcpy(words.data(), &value, sizeof(T));
    const std::uint32_t turn = turn_.load(std::memory_order_relaxed);
    turn_.store(turn + 1, std::memory_order_relaxed);
    // Release on each word keeps the odd turn before it; a fence would do, but ThreadSanitizer does not know fences.
    for (std::size_t i = 0; i < kWords; ++i) words_[i].store(words[i], std::memory_order_release);
    turn_.store(turn + 2, std::memory_order_release);
  }

  T read() const noexcept {
    std::array<std::uint64_t, kWords> words{};
    for (;;) {
      const std::uint32_t before = turn_.load(std::memory_order_acquire);
      for (std::size_t i = 0; i < kWords; ++i) words[i] = words_[i].load(std::memory_order_acquire);
      if (before % 2 == 0 && turn_.load(std::memory_order_relaxed) == before) break;
      std::this_thread::yield();
    }
    T value;
    std::memcpy(static_cast<void*>(&value), words.data(), sizeof(T));
    return value;
  }

 private:
  std::atomic<std::uint32_t> turn_{0};
  std::array<std::atomic<std::uint64_t>, kWords> words_{};
};

/// Values in order from the real-time thread to one reader at a time; what does not fit is left out.
template <class T, std::size_t Size>
class Queue {
  static_assert(std::is_trivially_copyable_v<T> && (Size & (Size - 1)) == 0);

 public:
  /// [audio]
  bool push(const T& value) noexcept {
    const std::size_t end = end_.load(std::memory_order_relaxed);
    if (end - begin_.load(std::memory_order_acquire) == Size) return false;
    values_[end % Size] = value;
    end_.store(end + 1, std::memory_order_release);
    return true;
  }

  /// [any]
  bool pop(T& value) noexcept {
    const std::size_t begin = begin_.load(std::memory_order_relaxed);
    if (begin == end_.load(std::memory_order_acquire)) return false;
    value = values_[begin % Size];
    begin_.store(begin + 1, std::memory_order_release);
    return true;
  }

 private:
  std::array<T, Size> values_{};
  std::atomic<std::size_t> begin_{0};
  std::atomic<std::size_t> end_{0};
};

}  // namespace punchin
