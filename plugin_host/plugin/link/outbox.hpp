// Documents on their way to the bridge: each is said again until the bridge's state shows that it was heard.
//
// Nothing is sure to arrive: packets get lost, and a bridge may die over what it has just heard. The bridge acts once on
// what it hears twice.
#pragma once

#include "documents.hpp"
#include "installed.hpp"
#include "udp.hpp"

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace punchin::link {

constexpr const char* kNameChords = "namechords";  // the kind of document that asks which chords notes are

class Outbox {
 public:
  Outbox(Udp& udp, const Installed& installed, std::string host);

  // Say a short document once, if there is a bridge.
  void say(json document);
  // Say a document of `kind` about a job (or command) until it is heard.
  void post(const std::string& kind, const std::string& subject, json document, double now);
  // Say once more what has not been heard for a while; `is_alive` is whether the bridge was heard of late.
  void say_again(double now, bool is_alive);
  // Forget what the bridge shows to have heard.
  void settle(const State& state);
  // Jobs that no bridge takes: they are forgotten.
  std::vector<std::string> give_up();

  bool is_saying(const std::string& kind, const std::string& subject) const;
  void withdraw(const std::string& kind, const std::string& subject);
  bool has_submits() const;

 private:
  struct Pending {
    std::string text;
    double sent = 0;
    int alone = 0, unheard = 0;  // how often in a row without a bridge, and to one that is there
  };
  using Key = std::pair<std::string, std::string>;

  void send(const std::string& text);
  void send_file(const std::string& text);
  static bool is_heard(const Key& key, const State& state);

  Udp& udp_;
  const Installed& installed_;
  const std::string host_;
  std::map<Key, Pending> pending_;
  int64_t files_ = 0;
  std::string last_file_, last_text_;
};

}  // namespace punchin::link
