// The thread that speaks with the bridge.
#pragma once

#include "engine.hpp"

namespace punchin {

/// Lives as long as its plug-in; [any] but the real-time thread.
class Link {
 public:
  explicit Link(Engine& engine);
  ~Link();
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

 private:
  Engine& engine_;
};

}  // namespace punchin
