#include "paint.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "timeline.hpp"

namespace punchin::view {

namespace {

using DGL_NAMESPACE::Color;
using DGL_NAMESPACE::NanoVG;

const Color DARK(0x20, 0x24, 0x2c), PIT(0x17, 0x1a, 0x20), BOX(0x39, 0x40, 0x4d), LIT(0x5e, 0x81, 0xac);
const Color INK(0xec, 0xef, 0xf4), QUIET(0xa9, 0xb1, 0xc0), DIM(0x67, 0x6f, 0x7d), SOUND(0x88, 0xc0, 0xd0);
const Color WARM(0xeb, 0xcb, 0x8b), ALARM(0xe0, 0x7a, 0x83);

constexpr float TEXT = 12.5f, SMALL = 10.5f, TITLE = 16, ROUND = 4;
constexpr double NUMBERS_APART = 34; // points between two bar numbers that can be read
constexpr double LINES_APART = 6; // between two bar lines that can be told apart

float f(double value) { return static_cast<float>(value); }

class Painter {
public:
    Painter(NanoVG& canvas, const Model& model) : canvas_(canvas), model_(model) {}

    void all(const Waveform& waveform, double width, double height) {
        fill({0, 0, width, height}, DARK, 0);
        const Places at = model_.places();
        const Facts& facts = model_.facts();
        text("Punchin" + (facts.track.empty() ? "" : " · " + facts.track), at.title, INK, NanoVG::ALIGN_LEFT, TITLE);
        if (!facts.heard.empty())
            text(model_.line(), at.advice, INK);
        if (facts.chosen > 0)
            text(facts.takes[size_t(facts.chosen - 1)].name, at.take, QUIET, NanoVG::ALIGN_LEFT, SMALL);
        progress(at.progress);
        text(facts.trouble, at.trouble, ALARM);
        for (const Control& each : model_.controls()) {
            if (each.shape == Shape::wave)
                wave(each, waveform);
            else
                control(each);
            if (model_.shows_focus() && &each == model_.focused())
                ring(each.box);
        }
    }

private:
    // ---- what was heard --------------------------------------------------------------------------------------

    void wave(const Control& control, const Waveform& waveform) {
        const Box box = control.box;
        const Box body{box.x, box.y + RULER, box.width, box.height - RULER};
        fill(box, PIT, ROUND);
        if (!control.is_enabled) {
            text(control.value, box, QUIET, NanoVG::ALIGN_CENTER, TITLE);
            return;
        }
        canvas_.save();
        canvas_.scissor(f(box.x), f(box.y), f(box.width), f(box.height));
        const Scale scale{model_.visible(), box.x, box.width};
        const Facts& facts = model_.facts();
        for (const Span& heard : facts.heard)
            fill(part(scale, heard, body), DARK, 0);
        const Span selection = model_.selection();
        if (!selection.is_empty())
            fill(part(scale, selection, body), BOX, 0);
        bars(scale, box);
        sound(scale, body, waveform);
        if (facts.chosen > 0) {
            const Box at = part(scale, facts.takes[size_t(facts.chosen - 1)].place, body);
            fill({at.x, body.y, at.width, 4}, WARM, 0);
        }
        if (!selection.is_empty())
            outline(part(scale, selection, body), LIT, 1.5);
        line(scale.x(facts.position), box.y, box.y + box.height, facts.is_playing ? WARM : QUIET);
        canvas_.restore();
    }

    static Box part(const Scale& scale, Span span, const Box& of) {
        const double left = scale.x(span.start);
        return {left, of.y, scale.x(span.end) - left, of.height};
    }

    void bars(const Scale& scale, const Box& box) {
        double last_line = -1e9, last_number = -1e9;
        for (const BarLine& each : model_.facts().bars) {
            const double x = scale.x(each.at);
            if (x < box.x - NUMBERS_APART || x > box.x + box.width)
                continue;
            if (x - last_line >= LINES_APART) {
                line(x, box.y + RULER, box.y + box.height, BOX);
                last_line = x;
            }
            if (x - last_number >= NUMBERS_APART && &each != &model_.facts().bars.back()) {
                text(std::to_string(each.number), {x + 3, box.y, NUMBERS_APART, RULER}, QUIET, NanoVG::ALIGN_LEFT,
                     SMALL);
                last_number = x;
            }
        }
    }

    void sound(const Scale& scale, const Box& body, const Waveform& waveform) {
        const double middle = body.y + body.height / 2, half = body.height / 2 - 6;
        canvas_.beginPath();
        for (double x = body.x; x < body.x + body.width; ++x) {
            const Peak peak = waveform.peak({scale.sample(x), scale.sample(x + 1)});
            const double high = std::min(1.0, double(peak.high)), low = std::max(-1.0, double(peak.low));
            canvas_.moveTo(f(x + 0.5), f(middle - half * high - 0.5));
            canvas_.lineTo(f(x + 0.5), f(middle - half * low + 0.5));
        }
        canvas_.strokeColor(SOUND);
        canvas_.strokeWidth(1);
        canvas_.stroke();
    }

    // ---- controls --------------------------------------------------------------------------------------------

    void control(const Control& each) {
        const Color ink = each.is_enabled ? INK : DIM;
        const bool is_titled = each.shape == Shape::fader || each.shape == Shape::choice || each.shape == Shape::field;
        if (is_titled)
            text(each.label, {each.box.x - 100, each.box.y, 94, each.box.height}, each.is_enabled ? QUIET : DIM);
        switch (each.shape) {
        case Shape::button:
            fill(each.box, each.is_enabled && each.id == "punch" ? LIT : BOX, ROUND);
            text(each.label, each.box, ink, NanoVG::ALIGN_CENTER);
            break;
        case Shape::option:
            fill(each.box, each.is_lit ? LIT : BOX, ROUND);
            text(each.value.empty() ? each.label : each.label + " ✕", each.box, each.value.empty() ? ink : ALARM,
                 NanoVG::ALIGN_CENTER);
            break;
        case Shape::fader:
            fill(each.box, PIT, ROUND);
            if (each.is_enabled)
                fill({each.box.x, each.box.y, each.box.width * each.share, each.box.height}, each.is_lit ? LIT : BOX, ROUND);
            text(each.value, inset(each.box), each.is_lit ? ink : QUIET);
            break;
        case Shape::choice:
            fill(each.box, BOX, ROUND);
            text(each.value, inset(each.box), each.is_lit ? ink : QUIET);
            text("▾", inset(each.box), QUIET, NanoVG::ALIGN_RIGHT);
            break;
        case Shape::field: field(each); break;
        case Shape::wave: break;
        }
    }

    void field(const Control& each) {
        const bool is_written = model_.draft() && model_.focused() == &each;
        const Box inner = inset(each.box);
        fill(each.box, PIT, ROUND);
        outline(each.box, is_written ? LIT : BOX, 1);
        if (!is_written) {
            text(each.value, inner, !each.is_enabled ? DIM : each.is_lit ? INK : QUIET);
            return;
        }
        const std::string& draft = *model_.draft();
        const double caret = measured(draft.substr(0, model_.caret())), shift = std::max(0.0, caret - inner.width + 2);
        canvas_.save();
        canvas_.scissor(f(inner.x - 1), f(inner.y), f(inner.width + 2), f(inner.height));
        plain(draft, inner.x - shift, inner.y + inner.height / 2, INK);
        line(inner.x + caret - shift, inner.y + 4, inner.y + inner.height - 4, INK);
        canvas_.restore();
    }

    void progress(const Box& box) {
        if (!model_.facts().progress)
            return;
        const Progress& now = *model_.facts().progress;
        char done[48];
        std::snprintf(done, sizeof done, "%.0f %% · %.0f s", std::floor(now.fraction * 100), std::floor(now.seconds));
        fill(box, PIT, ROUND);
        fill({box.x, box.y, box.width * std::min(1.0, now.fraction), box.height}, LIT, ROUND);
        text(now.line, {box.x + 8, box.y, box.width - 120, box.height}, INK);
        text(done, {box.x + box.width - 112, box.y, 104, box.height}, INK, NanoVG::ALIGN_RIGHT);
    }

    // ---- strokes ---------------------------------------------------------------------------------------------

    static Box inset(const Box& box) { return {box.x + 7, box.y, box.width - 14, box.height}; }

    void fill(const Box& box, const Color& color, float round) {
        if (box.width <= 0)
            return;
        canvas_.beginPath();
        canvas_.roundedRect(f(box.x), f(box.y), f(box.width), f(box.height), round);
        canvas_.fillColor(color);
        canvas_.fill();
    }

    void outline(const Box& box, const Color& color, double width) {
        canvas_.beginPath();
        canvas_.roundedRect(f(box.x), f(box.y), f(box.width), f(box.height), ROUND);
        canvas_.strokeColor(color);
        canvas_.strokeWidth(f(width));
        canvas_.stroke();
    }

    void ring(const Box& box) { outline({box.x - 2, box.y - 2, box.width + 4, box.height + 4}, WARM, 2); }

    void line(double x, double top, double bottom, const Color& color) {
        canvas_.beginPath();
        canvas_.moveTo(f(x), f(top));
        canvas_.lineTo(f(x), f(bottom));
        canvas_.strokeColor(color);
        canvas_.strokeWidth(1);
        canvas_.stroke();
    }

    double measured(const std::string& words) {
        DGL_NAMESPACE::Rectangle<float> bounds;
        return words.empty() ? 0 : canvas_.textBounds(0, 0, words.c_str(), nullptr, bounds);
    }

    void plain(const std::string& words, double x, double y, const Color& color) {
        canvas_.fontSize(TEXT);
        canvas_.textAlign(NanoVG::ALIGN_LEFT | NanoVG::ALIGN_MIDDLE);
        canvas_.fillColor(color);
        canvas_.text(f(x), f(y), words.c_str(), nullptr);
    }

    // One line in a box, cut with an ellipsis where it is too long.
    void text(std::string words, const Box& box, const Color& color, NanoVG::Align align = NanoVG::ALIGN_LEFT,
              float size = TEXT) {
        if (words.empty())
            return;
        canvas_.fontSize(size);
        canvas_.textAlign(align | NanoVG::ALIGN_MIDDLE);
        canvas_.fillColor(color);
        const bool is_cut = measured(words) > box.width;
        while (is_cut && !words.empty() && measured(words + "…") > box.width) {
            while (!words.empty() && (words.back() & 0xC0) == 0x80)
                words.pop_back();
            words.pop_back();
        }
        const double share = align == NanoVG::ALIGN_CENTER ? 0.5 : align == NanoVG::ALIGN_RIGHT ? 1 : 0;
        canvas_.text(f(box.x + box.width * share), f(box.y + box.height / 2 + 0.5), (words + (is_cut ? "…" : "")).c_str(),
                     nullptr);
    }

    NanoVG& canvas_;
    const Model& model_;
};

} // namespace

void paint(NanoVG& canvas, const Model& model, const Waveform& waveform, double width, double height, double scale) {
    canvas.save();
    canvas.scale(f(scale), f(scale));
    canvas.fontFace(NANOVG_DEJAVU_SANS_TTF);
    Painter(canvas, model).all(waveform, width, height);
    canvas.restore();
}

} // namespace punchin::view
