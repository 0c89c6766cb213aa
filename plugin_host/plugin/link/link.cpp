#include "link.hpp"

namespace punchin {

Link::Link(Engine& engine) : engine_{engine} {}

Link::~Link() { engine_.tend(); }

}  // namespace punchin
