#include "link.hpp"

#include <chrono>
#include <exception>

namespace punchin::link {

namespace {

constexpr const char* kNotInstalled = "Punchin is not installed for plug-ins: run `punchin host install plugin`.";

double seconds(std::chrono::duration<double> time) { return time.count(); }

}  // namespace

Link::Link(Engine& engine, bool hears_notes, const std::filesystem::path& binary)
    : engine_(engine), hears_notes_(hears_notes), installed_(find_installed(binary)) {
  if (installed_) session_.emplace(engine, Who{this_program(), hears_notes}, *installed_);
}

Link::~Link() {
  stops_ = true;
  if (session_) session_->wake();
  if (thread_.joinable()) thread_.join();
}

void Link::start() {
  const std::lock_guard lock(mutex_);
  if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
}

void Link::punch_in(bool is_transfer) { ask(is_transfer ? Wanted::transfer : Wanted::inpaint); }

void Link::again() { ask(Wanted::again); }

void Link::cancel() { ask(Wanted::cancel); }

void Link::ask(Wanted wanted) {
  const std::lock_guard lock(mutex_);
  if (!session_)
    status_.trouble = kNotInstalled;
  else if (asks_.size() < kMostAsks)
    asks_.push_back(wanted);
  if (session_) session_->wake();
}

Status Link::status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

std::filesystem::path Link::takes_folder() const {
  const std::lock_guard lock(mutex_);
  return takes_;
}

void Link::open_page() {
  const std::lock_guard lock(mutex_);
  if (!installed_ || !page_.start(installed_->page)) status_.trouble = kNotInstalled;
}

std::optional<Wanted> Link::next_ask() {
  const std::lock_guard lock(mutex_);
  if (asks_.empty()) return std::nullopt;
  const Wanted wanted = asks_.front();
  asks_.pop_front();
  return wanted;
}

void Link::run() {
  while (!stops_) {
    engine_.tend();
    if (!session_) {
      std::this_thread::sleep_for(std::chrono::duration<double>(kTickSeconds));
      continue;
    }
    try {
      tick();
    } catch (const std::exception& error) {  // a mistake of ours; the host and the song go on
      const std::lock_guard lock(mutex_);
      status_.trouble = std::string{"Something went wrong in Punchin ("} + error.what() + "): ask again.";
    }
    session_->wait(kTickSeconds);
  }
}

void Link::tick() {
  while (const auto wanted = next_ask()) session_->want(*wanted, now(), wall());
  session_->name_chords(named_ + kNamingSeconds);
  session_->tick(now(), wall());
  const std::lock_guard lock(mutex_);
  status_ = session_->status(now());
  takes_ = session_->folder();
}

double Link::now() { return seconds(std::chrono::steady_clock::now().time_since_epoch()); }

double Link::wall() { return seconds(std::chrono::system_clock::now().time_since_epoch()); }

}  // namespace punchin::link
