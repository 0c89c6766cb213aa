#include "osc.hpp"

namespace punchin::link {

namespace {

void append(std::string& packet, std::string_view text) {
  packet.append(text);
  packet.append(4 - text.size() % 4, '\0');
}

// The text at the front of `rest`, which is then what follows it.
std::optional<std::string> read(std::string_view& rest) {
  const size_t length = rest.find('\0');
  if (length == std::string_view::npos)
    return std::nullopt;
  const size_t padded = length + 4 - length % 4;
  if (padded > rest.size())
    return std::nullopt;
  std::string text(rest.substr(0, length));
  rest.remove_prefix(padded);
  return text;
}

}  // namespace

std::string encode(const Message& message) {
  std::string packet;
  append(packet, message.address);
  append(packet, ",s");
  append(packet, message.text);
  return packet;
}

std::optional<Message> decode(std::string_view packet) {
  const auto address = read(packet), tags = read(packet);
  if (!address || !tags || *tags != ",s" || address->empty() || address->front() != '/')
    return std::nullopt;
  auto text = read(packet);
  if (!text || !packet.empty())
    return std::nullopt;
  return Message{*address, std::move(*text)};
}

}  // namespace punchin::link
