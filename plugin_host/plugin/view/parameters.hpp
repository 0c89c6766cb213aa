// Every parameter of a take, as the window shows it: declared in punchin_wire/params.py, never here. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace punchin::view {

enum class Kind { number, whole, choice, text };

// Which values a parameter has. A value is text everywhere, as the command line reads it; where nobody says one, it is
// `unsaid` ("the pack's"), or `initial` where that is empty.
struct Parameter {
  std::string_view name, text;
  bool is_inpaint, is_transfer;
  Kind kind;
  std::string_view initial, unsaid;
  double low, high, fader_low, fader_high;
  bool is_log;
  int length;                             // of a text, in characters
  std::vector<std::string_view> stops;    // of a choice
  std::vector<std::string_view> methods;  // of a transfer that have it; empty: all

  bool is_of_method(std::string_view method) const;
  // Whether a fader sets it. A seed is typed: no hand finds one of 2^53 on a fader.
  bool is_fader() const;
  // The value at a place of the fader, from 0 to 1, and the place of a value; beyond its ends, the end's.
  std::string plain(double normalized) const;
  double normalized(std::string_view plain) const;
  // The value that lies `steps` steps from this one: a hundredth of a fader that glides, else one of its places.
  std::string moved(std::string_view plain, int steps) const;
};

const std::vector<Parameter>& parameters();
const Parameter& parameter(std::string_view name);
// Nothing where there is none of that name.
const Parameter* find_parameter(std::string_view name);

}  // namespace punchin::view
