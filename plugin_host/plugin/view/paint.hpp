// The window's picture, by DPF's NanoVG: drawn from the model alone, once per change.
#pragma once

#include "NanoVG.hpp"
#include "desk.hpp"
#include "model.hpp"

namespace punchin::view {

// Draws the whole window, in points of `scale` pixels.
void paint(DGL_NAMESPACE::NanoVG& canvas, const Model& model, const Desk& desk, double width, double height,
           double scale);

}  // namespace punchin::view
