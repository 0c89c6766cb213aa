// A UDP port of this machine that nobody else's packets reach from outside. Nothing here raises, and only `wait` waits.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace punchin::link {

class Udp {
 public:
  Udp();
  ~Udp();
  Udp(const Udp&) = delete;
  Udp& operator=(const Udp&) = delete;

  // 0 where the system gave none: then nothing arrives, and documents go by files.
  int port() const { return port_; }
  // Whether the system has taken the packet; it may still be lost.
  bool send(int port, std::string_view packet);
  // The next packet that waits, or nothing.
  std::optional<std::string> receive();
  // Until a packet comes or the time is over.
  void wait(std::chrono::milliseconds longest);
  // [any thread but the audio's] End the wait.
  void wake() { send(port_, {}); }

 private:
#ifdef _WIN32
  using Socket = unsigned long long;
#else
  using Socket = int;
#endif
  Socket socket_;
  int port_ = 0;
};

}  // namespace punchin::link
