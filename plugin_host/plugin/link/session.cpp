#include "session.hpp"

#include <algorithm>
#include <cmath>

#include "files.hpp"
#include "names.hpp"
#include "osc.hpp"
#include "settings.hpp"

namespace punchin::link {

namespace fs = std::filesystem;

namespace {

constexpr double kHelloSeconds = 5.0;
constexpr double kAloneSeconds = 0.5;    // between our words where no bridge is heard
constexpr double kAliveSeconds = 2.5;    // the bridge's beat comes every second
constexpr double kSilenceSeconds = 0.5;  // without a bridge, until one is started
constexpr double kPatienceSeconds = 30.0;  // for it to start
constexpr double kChordsSeconds = 2.0;     // between two questions which chords the notes are
constexpr std::size_t kLongestState = 1 << 20;
constexpr std::size_t kRemembered = 256;
constexpr int kPacketsATick = 64;
constexpr const char* kState = "/punchin/host/state";
constexpr const char* kStateFile = "/punchin/host/state_file";
constexpr const char* kUnreadable = "Punchin's bridge says what this plug-in cannot read: install both again.";
constexpr const char* kNotStarted = "Punchin did not start: ask again. If that does not help, bridge.log says why.";
constexpr const char* kElsewhere = "A take lies where none belongs, and is not played: install Punchin again.";
constexpr const char* kNoCommand = "Punchin could not be started: run `punchin host install plugin` again.";
constexpr const char* kEdited =
    "The tempo was edited since you asked: the takes are in the list, but punch in again for ones that fit.";

json actions(const Who& who) {
  if (who.hears_notes) return json::array({"stem"});
  return {"inpaint", "transfer", "repeat", "next_take", "previous_take", "pick", "cancel", "select", "stem"};
}

void remember_last(std::deque<std::string>& list, const std::string& name) {
  list.push_back(name);
  if (list.size() > kRemembered) list.pop_front();
}

template <class List>
bool has(const List& list, const std::string& name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

}  // namespace

Session::Session(Engine& engine, Who who, Installed installed)
    : engine_(engine),
      who_(std::move(who)),
      installed_(std::move(installed)),
      host_("plugin-" + drawn_name(12)),
      desk_{installed_.spool / "hosts" / host_ / "audio", installed_.takes, ""},
      outbox_(udp_, installed_, host_) {}

Session::~Session() {
  if (!hello_.is_null()) outbox_.say({{"type", "bye"}});
}

// --- what the musician wants ------------------------------------------------------------------------------------------

void Session::want(Wanted wanted, double now, double wall) {
  trouble_.clear();
  std::string why;
  switch (wanted) {
    case Wanted::inpaint:
    case Wanted::transfer:
      why = ask_for({engine_.selection(), wanted == Wanted::transfer, nullptr}, now, wall);
      break;
    case Wanted::again:
      why = again(now, wall);
      break;
    case Wanted::cancel:
      why = cancel("", now);
      break;
  }
  if (!why.empty()) trouble_ = why;
}

std::string Session::ask_for(const Request& request, double now, double wall) {
  if (who_.hears_notes) return "Punchin Chords makes no takes: put Punchin on the track that you want takes of.";
  if (waiting_) return "The last request still waits for Punchin to start.";
  trouble_.clear();
  remark_.clear();
  last_ = waiting_ = Asked{request, drawn_name(12), now, wall};
  job_ = waiting_->job;
  if (is_alive(now)) hand_over(now);
  return trouble_;
}

std::string Session::again(double now, double wall) {
  if (!last_) return "Nothing was asked for here yet.";
  Request request = last_->request;
  if (request.wish.is_object()) request.wish.erase("seed");  // a new one is drawn
  return ask_for(request, now, wall);
}

std::string Session::cancel(const std::string& job, double now) {
  const std::string meant = job.empty() ? job_ : job;
  if (waiting_ && meant == waiting_->job) {
    waiting_.reset();
    forget_job(meant);
    return "";
  }
  const View* view = state_.find(meant);
  const bool is_known = view ? !view->is_over() : outbox_.is_saying("submit", meant);
  if (meant.empty() || !is_known) return "Nothing is at work.";
  outbox_.withdraw("submit", meant);
  outbox_.post("cancel", meant, {{"job", meant}}, now);
  if (!view) forget_job(meant);
  return "";
}

std::string Session::pick(const std::string& job, int take) {
  const std::vector<std::string> paths = remembered(engine_, job);
  if (take < 0 || static_cast<std::size_t>(take) >= paths.size()) return "That take is not here any more.";
  const RegionsView regions = engine_.regions();
  for (std::size_t region = 0; region < regions.regions.size(); ++region) {
    const std::vector<TakeView>& takes = regions.regions[region].takes;
    for (std::size_t index = 0; index < takes.size(); ++index) {
      if (to_text(takes[index].found) != paths[static_cast<std::size_t>(take)]) continue;
      engine_.activate(region);
      engine_.choose(static_cast<int>(index) + 1);
      return "";
    }
  }
  return "That take is not here any more.";
}

void Session::hand_over(double now) {
  const Asked asked = *waiting_;
  waiting_.reset();
  Made made = submit(engine_, asked.request, asked.job, desk_);
  if (!made.why.empty()) {
    forget_job(asked.job);
    trouble_ = made.why;
    return;
  }
  made.document["clicked"] = asked.clicked;
  outbox_.post("submit", asked.job, std::move(made.document), now);
}

void Session::forget_job(const std::string& job) {
  if (job == job_) job_.clear();
}

// --- what the bridge says ---------------------------------------------------------------------------------------------

void Session::receive(double now) {
  for (int count = 0; count < kPacketsATick; ++count) {
    const auto packet = udp_.receive();
    if (!packet) return;
    const auto message = decode(*packet);
    if (!message) continue;  // one of our own, to wake us, or nobody's whom we know
    if (message->address == kState)
      take_in(message->text, now);
    else if (message->address == kStateFile)  // in our own folder, whatever they say
      take_in(read_file(installed_.spool / "hosts" / host_ / "state.json", kLongestState).value_or(""), now);
  }
}

void Session::take_in(const std::string& text, double now) {
  auto state = read_state(text, host_);
  if (!state) {
    trouble_ = kUnreadable;
    return;
  }
  if (trouble_ == kUnreadable) trouble_.clear();
  if (state->beat != beat_) {
    beat_ = state->beat;
    heard_ = now;
  }
  state_ = std::move(*state);
  outbox_.settle(state_);
  if (!state_.song.empty()) desk_.song = shortened(state_.song);  // a bridge that has just begun knows none
  if (state_.chords && state_.chords->ask == ask_) {
    answered_ = ask_;
    chords_ = state_.chords->chords;
  }
  const std::string said = state_.refused + "\n" + state_.trouble;
  if (said != bridge_trouble_ && !state_.trouble.empty()) {
    trouble_ = state_.trouble;
    forget_job(state_.refused);
  }
  bridge_trouble_ = said;
}

void Session::follow(double now) {
  const std::vector<View> jobs = state_.jobs;
  for (const View& view : jobs) {
    if (view.is_there())
      lay(view, now);
    else if (view.is_over() && !has(told_, view.job))
      end(view);
  }
}

void Session::end(const View& view) {
  remember_last(told_, view.job);
  forget_job(view.job);
  if (view.phase == "failed") trouble_ = view.next_step.empty() ? view.line : view.line + " " + view.next_step;
  if (view.phase == "placed" && view.line.find("placed. ") != std::string::npos) remark_ = view.line;
}

/// Why the takes of a job are not played; empty where they are.
std::string Session::refusal(const View& view) {
  if (view.takes.empty() || rate_of(view.guard) <= 0.0) return kUnreadable;
  const fs::path own = folder();
  for (const TakeFile& take : view.takes)
    if (!is_below(to_path(take.path), installed_.takes) && !is_below(to_path(take.path), own)) return kElsewhere;
  return "";
}

/// Why one of these takes cannot be heard; empty where all can.
std::string Session::problem_of(const std::vector<std::string>& paths) const {
  for (const RegionView& region : engine_.regions().regions)
    for (const TakeView& take : region.takes)
      if (!take.problem.empty() && has(paths, take.ref.path)) return take.problem;
  return "";
}

void Session::lay(const View& view, double now) {
  if (outbox_.is_saying("placed", view.job) || outbox_.is_saying("drop", view.job)) return;
  if (!remembered(engine_, view.job).empty())  // before a bridge died that had not heard it
    return outbox_.post("placed", view.job, {{"job", view.job}}, now);
  const std::string why = refusal(view);
  if (!why.empty()) {
    trouble_ = why;
    return outbox_.post("drop", view.job, {{"job", view.job}}, now);
  }
  std::vector<TakeRef> takes;
  std::vector<std::string> paths;
  for (const TakeFile& take : view.takes) {
    takes.push_back({take.path, "", take.name});
    paths.push_back(take.path);
  }
  const bool fits = is_unchanged(engine_, view.region, view.guard);
  const double scale = engine_.rate() / rate_of(view.guard);
  const auto scaled = [&](Sample at) { return static_cast<Sample>(std::llround(static_cast<double>(at) * scale)); };
  try {
    engine_.add_takes({scaled(view.region.start), scaled(view.region.end)}, takes);
  } catch (const Error& error) {
    trouble_ = error.what();
    return outbox_.post("drop", view.job, {{"job", view.job}}, now);
  }
  remember(engine_, view.job, paths);
  if (!view.heard.empty()) chords_ = view.heard;
  if (!fits) engine_.choose(0);
  trouble_ = fits ? problem_of(paths) : kEdited;
  outbox_.post("placed", view.job, {{"job", view.job}}, now);
}

// --- what others want -------------------------------------------------------------------------------------------------

void Session::act(double now, double wall) {
  const std::vector<Ask> asks = state_.asks;
  for (const Ask& ask : asks) {
    if (has(done_, ask.ask)) continue;
    remember_last(done_, ask.ask);
    if (ask.action == "stem") {
      outbox_.post("stem", ask.ask, stem(engine_, who_, ask.ask, ask.start, ask.end, desk_), now);
      continue;
    }
    outbox_.post("did", ask.ask, {{"ask", ask.ask}, {"error", shortened(act(ask, now, wall), 400)}}, now);
  }
}

std::string Session::act(const Ask& ask, double now, double wall) {
  if (ask.action == "inpaint" || ask.action == "transfer")
    return ask_for({engine_.selection(), ask.action == "transfer", ask.wish}, now, wall);
  if (ask.action == "repeat") return again(now, wall);
  if (ask.action == "cancel") return cancel(ask.job, now);
  if (ask.action == "pick" && !ask.job.empty()) return pick(ask.job, ask.take);
  if (ask.action == "pick" || ask.action == "next_take" || ask.action == "previous_take") return show(ask);
  if (ask.action != "select") return "A plug-in cannot do that.";
  if (ask.unit == "quarters") return "A plug-in selects by seconds.";
  engine_.select({sample_at(ask.start, engine_.rate()), sample_at(ask.end, engine_.rate())});
  return "";
}

/// Another take of the active region, which goes round with the original among them; or one by its number, from 0.
std::string Session::show(const Ask& ask) {
  const RegionsView regions = engine_.regions();
  if (regions.regions.empty()) return "There are no takes here yet.";
  const int most = static_cast<int>(regions.regions[regions.active].takes.size());
  const int step = ask.action == "next_take" ? 1 : most;
  engine_.choose(ask.action == "pick" ? std::min(ask.take + 1, most) : (engine_.choice() + step) % (most + 1));
  return "";
}

// --- chords -----------------------------------------------------------------------------------------------------------

/// Ask which chords the notes are, where others were heard since.
void Session::ask_for_chords(double now) {
  if (now >= naming_until_ || now - asked_for_chords_ < kChordsSeconds || !engine_.has_notes()) return;
  asked_for_chords_ = now;
  json question = chords_of(engine_);
  if (question == question_ && (answered_ == ask_ || outbox_.is_saying(kNameChords, ask_))) return;
  question_ = question;
  outbox_.withdraw(kNameChords, ask_);
  ask_ = drawn_name(12);
  question["ask"] = ask_;
  outbox_.post(kNameChords, ask_, std::move(question), now);
}

// --- the bridge itself ------------------------------------------------------------------------------------------------

bool Session::is_alive(double now) const { return now - heard_ < kAliveSeconds; }

/// Say who we are: now and then, and at once when that has changed.
void Session::greet(double now) {
  const bool is_due = now - greeted_ >= (is_alive(now) ? kHelloSeconds : kAloneSeconds);
  const std::uint64_t revision = engine_.revision();
  if (!is_due && revision == revision_) return;
  revision_ = revision;
  json hello = this->hello();
  if (!is_due && hello == hello_) return;
  greeted_ = now;
  hello_ = std::move(hello);
  outbox_.say(hello_);
}

json Session::hello() {
  const Identity own = identity(engine_);
  const Written written = link::written(engine_);
  json part{{"track", own.track},
            {"name", name_of(who_, written)},
            {"process", this_process()},
            {"hears", who_.hears_notes ? "notes" : "audio"}};
  if (who_.hears_notes) part["feeds"] = feeds(written);
  if (!written.colour.empty()) part["colour"] = written.colour;
  return {{"type", "hello"},
          {"program", shortened(who_.program, 80)},
          {"project", {{"id", own.song}, {"name", shortened(written.song)}}},
          {"port", udp_.port()},
          {"can", actions(who_)},
          {"part", part}};
}

bool Session::needs_bridge(double now) const {
  const auto is_open = [](const View& view) { return !view.is_over(); };
  const bool is_naming = now < naming_until_ && engine_.has_notes();
  return is_naming || waiting_ || outbox_.has_submits() || std::any_of(state_.jobs.begin(), state_.jobs.end(), is_open);
}

/// Start a bridge where one is needed and none is heard.
void Session::watch(double now) {
  process_.collect();
  if (is_alive(now)) {
    silent_ = -1.0;
    return;
  }
  if (silent_ < 0.0) silent_ = now;
  if (now - silent_ < kSilenceSeconds || now - called_ < kPatienceSeconds || !needs_bridge(now)) return;
  called_ = now;
  if (!process_.start(installed_.command)) trouble_ = kNoCommand;
}

/// Wait no longer for what does not come.
void Session::give_up(double now) {
  for (const std::string& job : outbox_.give_up())
    if (job == job_) {
      forget_job(job);
      trouble_ = kNotStarted;
    }
  if (waiting_ && now - waiting_->since > kPatienceSeconds) {
    forget_job(waiting_->job);
    waiting_.reset();
    trouble_ = kNotStarted;
  }
}

// --- the tick ---------------------------------------------------------------------------------------------------------

void Session::tick(double now, double wall) {
  receive(now);
  greet(now);
  watch(now);
  outbox_.say_again(now, is_alive(now));
  if (waiting_ && is_alive(now)) hand_over(now);
  give_up(now);
  if (!is_alive(now)) return;
  act(now, wall);
  follow(now);
  ask_for_chords(now);
}

void Session::wait(double longest) { udp_.wait(std::chrono::milliseconds(static_cast<int>(longest * 1000.0))); }

Status Session::status(double now) const {
  Status status;
  status.has_bridge = is_alive(now);
  status.trouble = trouble_;
  status.remark = remark_;
  if (status.has_bridge) status.remote = state_.remote;
  status.song = desk_.song;
  status.chords = chords_;
  status.is_busy = !job_.empty();
  if (!status.is_busy) return status;
  status.seconds = now - last_->since;
  const View* view = state_.find(job_);
  status.fraction = view ? view->fraction : 0.0;
  status.line = view ? view->line : waiting_ ? "Starting Punchin" : "Handed over";
  return status;
}

}  // namespace punchin::link
