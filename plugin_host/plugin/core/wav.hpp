// WAV files: what takes are read from, and what the bridge reads.
#pragma once

#include <filesystem>
#include <string>

#include "types.hpp"

namespace punchin {

struct WavFile {
  Audio audio;
  Sample time_reference = 0;  ///< Of its `bext` chunk: the song sample, at the file's rate, of its first sample.
  std::string hash;           ///< Of all its bytes, 16 hexadecimal digits (FNV-1a).
};

/// Reads 16, 24 and 32 bit integers and floats, RIFF and RF64. Throws Error.
WavFile read_wav(const std::filesystem::path& path);

/// Writes 32-bit floats and, in `bext`, where in the song they begin. By rename: nobody sees half a file. Throws Error.
void write_wav(const std::filesystem::path& path, const Audio& audio, Sample time_reference);

/// `audio` at `rate`, by libsoxr at its very high quality; as it is where the rates are the same. Throws Error.
Audio resampled(Audio audio, double rate);

}  // namespace punchin
