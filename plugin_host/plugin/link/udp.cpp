#include "udp.hpp"

#include <thread>
#include <vector>

#ifdef _WIN32
#include <winsock2.h>
#include <ws2tcpip.h>
#else
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#endif

namespace punchin::link {

namespace {

constexpr size_t kLargest = 65536;

sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<unsigned short>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

#ifdef _WIN32
void set_up() {
  static const int started = [] {
    WSADATA data;
    return WSAStartup(MAKEWORD(2, 2), &data);
  }();
  (void)started;
}
void make_plain(SOCKET socket) {
  unsigned long is_non_blocking = 1;
  ioctlsocket(socket, FIONBIO, &is_non_blocking);
}
int poll(WSAPOLLFD* descriptors, unsigned long count, int milliseconds) {
  return WSAPoll(descriptors, count, milliseconds);
}
using pollfd = WSAPOLLFD;
#else
void set_up() {}
// It never waits, and no program that the host starts inherits it.
void make_plain(int socket) {
  fcntl(socket, F_SETFL, fcntl(socket, F_GETFL) | O_NONBLOCK);
  fcntl(socket, F_SETFD, FD_CLOEXEC);
}
void closesocket(int socket) { close(socket); }
#endif

}  // namespace

Udp::Udp() {
  set_up();
  socket_ = socket(AF_INET, SOCK_DGRAM, 0);
  make_plain(socket_);
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  if (bind(socket_, reinterpret_cast<sockaddr*>(&address), size) == 0
    && getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size) == 0)
    port_ = ntohs(address.sin_port);
}

Udp::~Udp() { closesocket(socket_); }

bool Udp::send(int port, std::string_view packet) {
  if (port_ == 0 || port <= 0)
    return false;
  const sockaddr_in address = loopback(port);
  const auto sent = sendto(socket_, packet.data(), packet.size(), 0, reinterpret_cast<const sockaddr*>(&address),
               sizeof address);
  return sent >= 0 && static_cast<size_t>(sent) == packet.size();
}

std::optional<std::string> Udp::receive() {
  std::string packet(kLargest, '\0');
  const auto size = recv(socket_, packet.data(), packet.size(), 0);
  if (size < 0)
    return std::nullopt;  // nothing there; or, on Windows, the answer that a port is closed
  packet.resize(static_cast<size_t>(size));
  return packet;
}

void Udp::wait(std::chrono::milliseconds longest) {
  if (port_ == 0)
    return std::this_thread::sleep_for(longest);
  pollfd descriptor{socket_, POLLIN, 0};
  poll(&descriptor, 1, static_cast<int>(longest.count()));
}

}  // namespace punchin::link
