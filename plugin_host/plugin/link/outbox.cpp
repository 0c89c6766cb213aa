#include "outbox.hpp"

#include "files.hpp"
#include "osc.hpp"

#include <algorithm>
#include <cstdio>
#include <ctime>

namespace punchin::link {

namespace fs = std::filesystem;

namespace {

constexpr const char* kPost = "/punchin/host/post";
constexpr double kAgainSeconds = 1;
constexpr int kMostAlone = 30, kMostUnheard = 8;  // times; not seconds: a machine that slept has not waited
constexpr size_t kMostPending = 64;
constexpr int64_t kNumbers = 100000000;

}  // namespace

Outbox::Outbox(Udp& udp, const Installed& installed, std::string host)
  : udp_(udp), installed_(installed), host_(std::move(host)) {}

void Outbox::say(json document) {
  document["host"] = host_;
  if (const int port = find_port(installed_))
    udp_.send(port, encode({kPost, written(document)}));
}

void Outbox::post(const std::string& kind, const std::string& subject, json document, double now) {
  document["type"] = kind;
  document["host"] = host_;
  if (pending_.size() >= kMostPending)
    return;  // said by a bridge that asks without end
  Pending& pending = pending_[{kind, subject}];
  pending = {written(document), now, 0, 0};
  send(pending.text);
}

void Outbox::say_again(double now, bool is_alive) {
  for (auto& [key, pending] : pending_) {
    if (now - pending.sent < kAgainSeconds)
      continue;
    pending.sent = now;
    pending.unheard = is_alive ? pending.unheard + 1 : 0;
    pending.alone = is_alive ? 0 : pending.alone + 1;
    send(pending.text);
  }
}

bool Outbox::is_heard(const Key& key, const State& state) {
  const auto& [kind, subject] = key;
  if (kind == "did" || kind == "stem")
    return !state.is_asking(subject);
  if (kind == kNameChords)
    return state.chords && state.chords->ask == subject;
  const View* view = state.find(subject);
  if (kind == "submit")
    return view != nullptr || state.refused == subject;
  return view == nullptr || (kind == "cancel" ? view->is_over() : !view->is_there());
}

void Outbox::settle(const State& state) {
  for (auto each = pending_.begin(); each != pending_.end();)
    each = is_heard(each->first, state) ? pending_.erase(each) : std::next(each);
}

std::vector<std::string> Outbox::give_up() {
  std::vector<std::string> lost;
  for (auto each = pending_.begin(); each != pending_.end();) {
    const bool is_lost = each->second.alone >= kMostAlone || each->second.unheard >= kMostUnheard;
    if (is_lost && each->first.first == "submit")
      lost.push_back(each->first.second);
    each = is_lost ? pending_.erase(each) : std::next(each);
  }
  return lost;
}

bool Outbox::is_saying(const std::string& kind, const std::string& subject) const {
  return pending_.count({kind, subject}) != 0;
}

void Outbox::withdraw(const std::string& kind, const std::string& subject) { pending_.erase({kind, subject}); }

bool Outbox::has_submits() const {
  return std::any_of(pending_.begin(), pending_.end(), [](const auto& each) { return each.first.first == "submit"; });
}

void Outbox::send(const std::string& text) {
  const std::string packet = encode({kPost, text});
  const int port = packet.size() <= kLongestPacket ? find_port(installed_) : 0;
  if (port == 0 || !udp_.send(port, packet))
    send_file(text);
}

// A long document becomes a file, which is not written again while it waits to be read.
void Outbox::send_file(const std::string& text) {
  std::error_code problem;
  if (text == last_text_ && fs::exists(to_path(last_file_), problem))
    return;
  files_ = std::max(files_ + 1, static_cast<int64_t>(std::time(nullptr)) % kNumbers);  // above all that were used before
  char number[16];
  std::snprintf(number, sizeof number, "%08d", static_cast<int>(files_ % kNumbers));
  const fs::path path = installed_.spool / "inbox" / (host_ + "-" + number + ".json");
  if (replace_file(path, text)) {
    last_text_ = text;
    last_file_ = to_text(path);
  }
}

}  // namespace punchin::link
