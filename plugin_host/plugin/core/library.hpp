// Takes from their files, read once for as long as anything plays them.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "types.hpp"

namespace punchin {

/// A take at the host's rate.
struct Take {
  Audio audio;
  std::string hash;  ///< Of its file, as `WavFile::hash`.
};

/// [any] Keeps no take alive: those who play it do.
class Library {
 public:
  /// Decoded and resampled. Throws Error.
  std::shared_ptr<const Take> read(const std::filesystem::path& path, double rate);

 private:
  using Key = std::pair<std::string, double>;

  std::mutex mutex_;
  std::map<Key, std::weak_ptr<const Take>> takes_;
};

}  // namespace punchin
