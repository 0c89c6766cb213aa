// All that a plug-in says to the bridge and does with what the bridge says, tick by tick. Waits for nothing.
//
// What comes from the bridge may come twice, be lost, or be nonsense. What cannot be used is said in one sentence, with
// what to do, and the original plays.
#pragma once

#include <deque>
#include <optional>
#include <string>

#include "../core/engine.hpp"
#include "documents.hpp"
#include "installed.hpp"
#include "outbox.hpp"
#include "process.hpp"
#include "submit.hpp"
#include "udp.hpp"

namespace punchin::link {

/// What the window shows of it.
struct Status {
  bool has_bridge = false;
  std::string trouble;  ///< One sentence, and what to do; empty where all is well.
  std::string remark;   ///< Worth knowing of the last takes.
  std::string remote;   ///< The other computer that makes takes; empty: this one, or nobody knows.
  bool is_busy = false;
  std::string line;     ///< How far the request is.
  double fraction = 0.0;
  double seconds = 0.0;
  std::string song;                ///< Its name, by the window of another track.
  std::vector<NamedChord> chords;  ///< Of the notes, or as they were read by ear for the last takes.
};

/// What the musician asks for.
enum class Wanted { inpaint, transfer, again, cancel };

/// [link thread] `now` is seconds of a clock that only grows, `wall` Unix seconds.
class Session {
 public:
  Session(Engine& engine, Who who, Installed installed);
  ~Session();

  void want(Wanted wanted, double now, double wall);
  void tick(double now, double wall);
  /// Have the notes named as chords, until then; a bridge is started for it.
  void name_chords(double until) { naming_until_ = until; }
  Status status(double now) const;
  std::filesystem::path folder() { return link::folder(engine_, desk_); }

  /// Until a packet comes, `longest` seconds at the most.
  void wait(double longest);
  /// [any but audio] End the wait.
  void wake() { udp_.wake(); }

 private:
  /// A request, with when it was made: `since` by our clock, `clicked` in Unix seconds.
  struct Asked {
    Request request;
    std::string job;
    double since = 0.0;
    double clicked = 0.0;
  };

  std::string ask_for(const Request& request, double now, double wall);
  std::string again(double now, double wall);
  std::string cancel(const std::string& job, double now);
  std::string show(const Ask& ask);
  std::string pick(const std::string& job, int take);
  void hand_over(double now);

  void receive(double now);
  void take_in(const std::string& text, double now);
  void follow(double now);
  void lay(const View& view, double now);
  std::string refusal(const View& view);
  std::string problem_of(const std::vector<std::string>& paths) const;
  void end(const View& view);
  void act(double now, double wall);
  std::string act(const Ask& ask, double now, double wall);

  void ask_for_chords(double now);

  void greet(double now);
  json hello();
  void watch(double now);
  void give_up(double now);
  bool needs_bridge(double now) const;
  bool is_alive(double now) const;
  void forget_job(const std::string& job);

  Engine& engine_;
  const Who who_;
  const Installed installed_;
  const std::string host_;
  Desk desk_;
  Udp udp_;
  Process process_;
  Outbox outbox_;

  State state_;
  std::int64_t beat_ = -1;
  double heard_ = -1e9;    ///< When the bridge's beat was heard last,
  double greeted_ = -1e9;  ///< when we said hello,
  double silent_ = -1.0;   ///< since when there is no bridge,
  double called_ = -1e9;   ///< and when one was started.

  json hello_;                    ///< The last one.
  std::uint64_t revision_ = 0;    ///< Of the engine, then.
  std::optional<Asked> waiting_;  ///< For a bridge.
  std::optional<Asked> last_;
  std::string job_;  ///< The newest request; empty once it has ended.
  std::deque<std::string> told_;  ///< Jobs of whose end the musician was told, and
  std::deque<std::string> done_;  ///< commands that were done: the last ones.
  std::string trouble_;
  std::string remark_;
  std::string bridge_trouble_;

  double naming_until_ = -1e9;
  double asked_for_chords_ = -1e9;
  json question_;    ///< Which chords notes are: the last one,
  std::string ask_;  ///< its name,
  std::string answered_;  ///< that of the last one that was answered,
  std::vector<NamedChord> chords_;  ///< and the answer; or what was read by ear.
};

}  // namespace punchin::link
