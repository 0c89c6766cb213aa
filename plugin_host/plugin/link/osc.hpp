// OSC packets that carry one text, as bytes: all that a plug-in and the bridge send each other over UDP. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace punchin::link {

constexpr size_t kLongestPacket = 8192;  // macOS sends no UDP packet of more than 9216 bytes

struct Message {
  std::string address, text;
};

std::string encode(const Message& message);

// Nothing where the bytes are no such message.
std::optional<Message> decode(std::string_view packet);

}  // namespace punchin::link
