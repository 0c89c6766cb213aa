// Names of jobs, hosts and tracks: drawn, so that no two are the same.
#pragma once

#include <cstddef>
#include <random>
#include <string>

namespace punchin::link {

/// So many hexadecimal digits.
inline std::string drawn_name(std::size_t letters) {
  std::random_device device;
  std::string found;
  while (found.size() < letters) found += "0123456789abcdef"[device() % 16];
  return found;
}

}  // namespace punchin::link
