// A plug-in's end of the way to the bridge: one thread, which waits for packets and asks of the musician.
#pragma once

#include <atomic>
#include <deque>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "session.hpp"

namespace punchin::link {

/// [any but audio] all of it. What becomes of an ask is seen in a later `status`.
class Link {
 public:
  /// `hears_notes` makes it one of *Punchin Chords*. `binary` is the plug-in's own file: beside it lies what the installer
  /// wrote. Without that, the engine is tended, and each ask ends in a sentence that says how to install.
  Link(Engine& engine, bool hears_notes, const std::filesystem::path& binary);
  ~Link();
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  /// The plug-in is in use: the thread begins. Hosts make others only to look at them, of which nobody need hear.
  void start();

  /// New takes of the engine's selection.
  void punch_in(bool is_transfer);
  /// The last request once more, with other seeds.
  void again();
  void cancel();
  Status status() const;
  bool hears_notes() const { return hears_notes_; }
  /// A window shows the chords of what was heard: have them named for a while.
  void name_chords() { named_ = now(); }

  /// Where takes of this song are written; empty without an installation.
  std::filesystem::path takes_folder() const;
  /// The page in the browser.
  void open_page();

 private:
  static constexpr double kTickSeconds = 0.25;
  static constexpr double kNamingSeconds = 2.0;
  static constexpr std::size_t kMostAsks = 16;

  void run();
  void tick();
  void ask(Wanted wanted);
  std::optional<Wanted> next_ask();
  static double now();
  static double wall();

  Engine& engine_;
  const bool hears_notes_;
  const std::optional<Installed> installed_;
  std::optional<Session> session_;
  Process page_;

  mutable std::mutex mutex_;  ///< Of all below but `stops_` and `named_`.
  std::deque<Wanted> asks_;
  Status status_;
  std::filesystem::path takes_;
  std::atomic<bool> stops_{false};
  std::atomic<double> named_{-1e9};  ///< When chords were last wanted.
  std::thread thread_;
};

}  // namespace punchin::link
