#include "library.hpp"

#include "wav.hpp"

namespace punchin {

std::shared_ptr<const Take> Library::read(const std::filesystem::path& path, double rate) {
  const Key key{path.u8string(), rate};
  {
    const std::lock_guard lock{mutex_};
    if (auto known = takes_[key].lock()) return known;
  }
  WavFile file = read_wav(path);
  auto take = std::make_shared<const Take>(Take{resampled(std::move(file.audio), rate), std::move(file.hash)});
  const std::lock_guard lock{mutex_};
  takes_[key] = take;
  for (auto at = takes_.begin(); at != takes_.end();) at = at->second.expired() ? takes_.erase(at) : std::next(at);
  return take;
}

}  // namespace punchin
