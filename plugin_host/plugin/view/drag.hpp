// A file dragged out of the window, onto whatever other window takes it.
#pragma once

#include <filesystem>
#include <memory>

namespace punchin::view {

// [window's thread] From the moment in which the button is down until the other window has what it wants.
class FileDrag {
 public:
  virtual ~FileDrag() = default;
  // Goes on with it; called some thirty times a second. False once it is over.
  virtual bool step() = 0;
};

// Whether files can be dragged out here: on X11 alone.
bool can_drag_out();

// Nothing where that cannot be.
std::unique_ptr<FileDrag> drag_out(const std::filesystem::path& file);

}  // namespace punchin::view
