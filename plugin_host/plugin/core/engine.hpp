// The one class that the plug-in, the link to the bridge and the window use.
#pragma once

#include <array>
#include <atomic>
#include <filesystem>
#include <memory>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "clock.hpp"
#include "heard.hpp"
#include "library.hpp"
#include "player.hpp"
#include "project.hpp"
#include "ring.hpp"
#include "types.hpp"

namespace punchin {

/// What was heard of a span.
struct Recording {
  Audio audio;              ///< As long as the span, silence where nothing was heard.
  Sample start = 0;         ///< The song sample of its first sample.
  std::vector<Span> heard;  ///< What of it was heard, in order.
};

/// Threads: functions marked [audio] belong to the host's real-time thread and never wait, allocate or free. All others
/// may be called from any other thread; they share a mutex, which no [audio] function takes.
class Engine {
 public:
  Engine();
  ~Engine() = default;
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// While not processing: the host's rate and channels. A new rate empties the ring and resamples the takes.
  void prepare(double rate, int channels);

  // --- [audio] -------------------------------------------------------------------------------------------------------

  /// A block of as many `channels` as prepared for: `output` (which may be `input`) is `input` except where takes are
  /// heard. Latency 0.
  void process(const float* const* input, float* const* output, int channels, Sample frames,
               const Transport& transport) noexcept;
  /// A MIDI channel message, `offset` samples into the next block that `process` is called for.
  void midi(Sample offset, const std::uint8_t* bytes, std::size_t size) noexcept;

  // --- the host's parameters, from any thread, [audio] too ------------------------------------------------------------

  /// The take heard in the active region, from 1; 0, or one that is not there: the original.
  void choose(int take) noexcept;
  int choice() const noexcept { return choice_.load(std::memory_order_acquire).take; }
  /// A/B: the original everywhere.
  void set_original(bool original) noexcept;
  bool original() const noexcept { return original_.load(std::memory_order_relaxed); }

  // --- what was heard -------------------------------------------------------------------------------------------------

  double rate() const;
  int channels() const;
  Transport transport() const { return transport_.read(); }
  /// The host's loop, as seen when it jumped back.
  std::optional<Span> loop() const;
  Span extent() const;
  std::vector<Span> heard(Span span) const;
  Recording snapshot(Span span) const;
  std::vector<Peak> peaks(Span span, std::size_t columns) const;
  std::vector<TempoPoint> tempos(Span span) const;
  std::vector<Note> notes(Span span) const;
  bool has_notes() const;
  /// Bytes that the ring may take at most.
  std::size_t most_memory() const;

  // --- selection, takes, settings -------------------------------------------------------------------------------------

  void select(Span span);
  Span selection() const;

  /// Takes of `span`, which are heard as soon as they are read: those of a region with this very span are added to it,
  /// else it is a new one; it becomes the active one, and the first of `takes` is chosen. Takes that cannot be read
  /// are kept and shown with their problem.
  void add_takes(Span span, const std::vector<TakeRef>& takes);
  void activate(std::size_t region);
  void remove_region(std::size_t region);
  RegionsView regions() const;
  /// The project's folder: takes in it are remembered by where they are in it.
  void set_project(const std::filesystem::path& folder);
  /// Looks for missing takes in `folder` and below. How many were found.
  std::size_t find_takes(const std::filesystem::path& folder);

  /// An object, for the link and the window to keep what they will; at most 64 KiB of text.
  nlohmann::json settings() const;
  void set_settings(const nlohmann::json& settings);

  /// The state as the host saves it, and back. `load` reads the takes before it returns: a bounce that starts at once
  /// has them. What cannot be understood changes nothing and throws Error.
  std::string save() const;
  void load(const std::string& text);

  /// Grows with every change of what is shown, except the transport and the ring.
  std::uint64_t revision() const noexcept { return revision_.load(std::memory_order_acquire); }
  /// Frees what the real-time thread no longer needs, and takes in what it heard. Called now and then by the link.
  void tend();

 private:
  void touch() noexcept { revision_.fetch_add(1, std::memory_order_acq_rel); }
  void record(const float* const* input, Sample frames, const Transport& transport, const Placing& placing) noexcept;
  void note_tempo(const Transport& transport, bool goes_on) noexcept;
  void publish();              // with the mutex
  void keep_choice();          // with the mutex
  Edges edges(Span span) const;  // with the mutex
  State current() const;       // with the mutex

  mutable std::mutex mutex_;
  mutable Library library_;
  Project project_{library_};
  std::unique_ptr<Ring> ring_;
  mutable Peaks peaks_;
  mutable Heard heard_;
  Player player_;

  // The real-time thread's own.
  Clock clock_;
  Transport noted_;  ///< The last one that the tempo map was told of.
  std::array<Note, 256> notes_{};
  std::size_t notes_size_ = 0;

  Latest<Transport> transport_;
  Latest<Span> loop_;
  std::atomic<Choice> choice_{Choice{0, 1}};
  std::atomic<bool> original_{false};
  std::atomic<std::uint64_t> revision_{1};
};

}  // namespace punchin
