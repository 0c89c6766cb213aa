// What the window is told, as plain values, and what it may ask for. Knows no host, no bridge and no drawing.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace punchin::view {

// Samples `[start, end)` of the song, at its rate.
struct Span {
    int64_t start = 0, end = 0;

    bool is_empty() const { return end <= start; }
    int64_t length() const { return end - start; }
    bool operator==(const Span& other) const { return start == other.start && end == other.end; }
};

// A bar line, and what the host's ruler calls the bar that begins there.
struct BarLine {
    int64_t at;
    int number;

    bool operator==(const BarLine& other) const { return at == other.at && number == other.number; }
};

struct Take {
    std::string name; // `Punchin 1 · bars 5-8 · seed 7`
    bool is_missing = false; // its file is not there: the original plays
    Span place = {}; // where it plays when it is chosen

    bool operator==(const Take& other) const {
        return name == other.name && is_missing == other.is_missing && place == other.place;
    }
};

// A request on its way: `line` is one line for people, `fraction` how much is done, 0 while nothing is known.
struct Progress {
    std::string line;
    double fraction = 0, seconds = 0;

    bool operator==(const Progress& other) const {
        return line == other.line && fraction == other.fraction && seconds == other.seconds;
    }
};

struct Facts {
    double rate = 48000;
    std::string track; // as the host calls it; empty where it does not say
    std::vector<Span> heard; // from the left, apart from one another
    std::vector<BarLine> bars; // of what was heard, with the line after the last bar; empty where the tempo is unknown
    int64_t position = 0;
    bool is_playing = false;
    std::optional<Span> loop; // where the format tells it
    Span selection;
    std::string chords; // as the musician wrote them
    bool has_chord_notes = false; // they came as MIDI while it played
    std::map<std::string, std::string> settings; // of parameters, by name: those that the musician has said
    std::vector<Take> takes;
    int chosen = 0; // 0 is the original
    std::optional<Progress> progress;
    bool has_bridge = false;
    std::string trouble; // one sentence, and what to do

    bool operator==(const Facts& other) const;
    bool operator!=(const Facts& other) const { return !(*this == other); }
};

// The lowest and the highest sample of a stretch.
struct Peak {
    float low = 0, high = 0;
};

// What was heard, as it is drawn.
class Waveform {
public:
    virtual ~Waveform() = default;
    virtual Peak peak(Span span) const = 0;
};

// What the musician does in the window. Nothing here waits: what becomes of it is seen in later facts.
class Actions {
public:
    virtual ~Actions() = default;
    virtual void select(Span selection) = 0;
    virtual void set(const std::string& parameter, const std::string& value) = 0; // empty: nobody says it any more
    virtual void set_chords(const std::string& text) = 0;
    virtual void punch_in(bool is_transfer) = 0;
    virtual void cancel() = 0;
    virtual void choose(int take) = 0;
    virtual void keep() = 0;
    virtual void show_in_folder() = 0;
    virtual void open_page() = 0;
};

} // namespace punchin::view
