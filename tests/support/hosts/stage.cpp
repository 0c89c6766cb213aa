// A host with one window: loads a CLAP plug-in, plays it a song faster than time and shows its window, driven by lines.
// See stage.py.
//
//   play START END   the song over these samples, at 120 bpm in 4/4; a chord in each bar, louder on each beat, and the
//                    same chords as MIDI
//   state FILE       write the plug-in's state
//   size W H         resize the window, as a host does when its frame is dragged
//   quit
//
// Each line is answered by `done`; before them `window ID` says what the window is called on the X server.
#include <X11/Xlib.h>
#include <clap/audio-buffer.h>
#include <clap/entry.h>
#include <clap/events.h>
#include <clap/ext/gui.h>
#include <clap/ext/params.h>
#include <clap/ext/state.h>
#include <clap/ext/timer-support.h>
#include <clap/host.h>
#include <clap/plugin-factory.h>
#include <clap/plugin.h>
#include <clap/process.h>
#include <clap/stream.h>
#include <dlfcn.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

constexpr double kRate = 48000, kBpm = 120;
constexpr uint32_t kBlock = 512;
constexpr int kTick = 16;  // milliseconds

// ---- what the host offers ------------------------------------------------------------------------------------

std::set<clap_id> timers;

const clap_host_timer_support_t kTimers = {
    [](const clap_host_t*, uint32_t, clap_id* id) {
      *id = timers.empty() ? 1 : *timers.rbegin() + 1;
      return timers.insert(*id).second;
    },
    [](const clap_host_t*, clap_id id) { return timers.erase(id) != 0; },
};
const clap_host_gui_t kGui = {
    [](const clap_host_t*) {},
    [](const clap_host_t*, uint32_t, uint32_t) { return true; },
    [](const clap_host_t*) { return true; },
    [](const clap_host_t*) { return true; },
    [](const clap_host_t*, bool) {},
};
const clap_host_state_t kState = {[](const clap_host_t*) {}};
const clap_host_params_t kParams = {
    [](const clap_host_t*, clap_param_rescan_flags) {},
    [](const clap_host_t*, clap_id, clap_param_clear_flags) {},
    [](const clap_host_t*) {},
};

const void* extension(const clap_host_t*, const char* id) {
  const std::string name(id);
  if (name == CLAP_EXT_TIMER_SUPPORT) return &kTimers;
  if (name == CLAP_EXT_GUI) return &kGui;
  if (name == CLAP_EXT_STATE) return &kState;
  return name == CLAP_EXT_PARAMS ? &kParams : nullptr;
}

const clap_host_t kHost = {CLAP_VERSION,
                           nullptr,
                           "Stage",
                           "Punchin",
                           "",
                           "1",
                           extension,
                           [](const clap_host_t*) {},
                           [](const clap_host_t*) {},
                           [](const clap_host_t*) {}};

// ---- the song ------------------------------------------------------------------------------------------------

float song(int64_t sample, int channel) {
  constexpr std::array<std::array<double, 3>, 4> kChords = {
      {{220, 262, 330}, {175, 220, 262}, {131, 165, 196}, {196, 247, 294}}};  // Am F C G
  const double seconds = double(sample) / kRate, beat = seconds * kBpm / 60;
  const auto& chord = kChords[size_t(beat / 4) % kChords.size()];
  double sum = 0;
  for (const double pitch : chord) sum += std::sin(2 * M_PI * pitch * seconds * (1 + 0.001 * channel));
  return float(sum * 0.16 * std::exp(-2 * (beat - std::floor(beat))));
}

// The same chords as keys, each down for its bar.
using Keys = std::vector<clap_event_midi_t>;

Keys keys(int64_t sample, uint32_t frames) {
  constexpr std::array<std::array<uint8_t, 3>, 4> kChords = {{{57, 60, 64}, {53, 57, 60}, {48, 52, 55}, {55, 59, 62}}};
  constexpr int64_t kBar = int64_t(kRate * 60 / kBpm * 4);
  Keys found;
  const auto add = [&](int64_t at, int64_t bar, uint8_t kind) {
    if (at < sample || at >= sample + frames) return;
    for (const uint8_t pitch : kChords[size_t(bar) % kChords.size()]) {
      clap_event_midi_t key{};
      key.header = {sizeof key, uint32_t(at - sample), CLAP_CORE_EVENT_SPACE_ID, CLAP_EVENT_MIDI, 0};
      const uint8_t bytes[] = {kind, pitch, 100};
      std::copy(std::begin(bytes), std::end(bytes), key.data);
      found.push_back(key);
    }
  };
  for (int64_t bar = sample / kBar; bar * kBar < sample + frames; ++bar) {
    add(bar * kBar, bar, 0x90);
    add((bar + 1) * kBar - 1, bar, 0x80);
  }
  return found;
}

clap_input_events_t events(Keys& keys) {
  return {&keys, [](const clap_input_events_t* of) { return uint32_t(static_cast<Keys*>(of->ctx)->size()); },
          [](const clap_input_events_t* of, uint32_t at) -> const clap_event_header_t* {
            return &(*static_cast<Keys*>(of->ctx))[at].header;
          }};
}

const clap_output_events_t kNowhere = {nullptr,
                                       [](const clap_output_events_t*, const clap_event_header_t*) { return true; }};

clap_event_transport_t transport(int64_t sample, bool is_playing) {
  clap_event_transport_t now{};
  now.header.size = sizeof now;
  now.header.type = CLAP_EVENT_TRANSPORT;
  now.flags = CLAP_TRANSPORT_HAS_TEMPO | CLAP_TRANSPORT_HAS_BEATS_TIMELINE | CLAP_TRANSPORT_HAS_SECONDS_TIMELINE |
              CLAP_TRANSPORT_HAS_TIME_SIGNATURE | (is_playing ? uint32_t(CLAP_TRANSPORT_IS_PLAYING) : 0U);
  const double seconds = double(sample) / kRate, beat = seconds * kBpm / 60, bar = std::floor(beat / 4);
  now.song_pos_seconds = clap_sectime(seconds * CLAP_SECTIME_FACTOR);
  now.song_pos_beats = clap_beattime(beat * CLAP_BEATTIME_FACTOR);
  now.tempo = kBpm;
  now.bar_start = clap_beattime(bar * 4 * CLAP_BEATTIME_FACTOR);
  now.bar_number = int32_t(bar);
  now.tsig_num = now.tsig_denom = 4;
  return now;
}

void block(const clap_plugin_t* plugin, int64_t sample, uint32_t frames, bool is_playing) {
  std::vector<float> in[2], out[2];
  float *ins[2], *outs[2];
  for (int channel = 0; channel < 2; ++channel) {
    for (uint32_t at = 0; at < frames; ++at) in[channel].push_back(is_playing ? song(sample + at, channel) : 0);
    out[channel].resize(frames);
    ins[channel] = in[channel].data();
    outs[channel] = out[channel].data();
  }
  clap_audio_buffer_t input{ins, nullptr, 2, 0, 0}, output{outs, nullptr, 2, 0, 0};
  const clap_event_transport_t now = transport(sample, is_playing);
  Keys played = is_playing ? keys(sample, frames) : Keys{};
  const clap_input_events_t heard = events(played);
  const clap_process_t process{-1, frames, &now, &input, &output, 1, 1, &heard, &kNowhere};
  if (plugin->process(plugin, &process) == CLAP_PROCESS_ERROR) throw std::runtime_error("process");
}

int64_t playhead = 0;

void play(const clap_plugin_t* plugin, int64_t start, int64_t end) {
  for (playhead = start; playhead < end; playhead += kBlock)
    block(plugin, playhead, uint32_t(std::min<int64_t>(kBlock, end - playhead)), true);
  playhead = end;
}

void save(const clap_plugin_t* plugin, const std::string& path) {
  std::ofstream file(path, std::ios::binary);
  const clap_ostream_t stream{&file, [](const clap_ostream_t* to, const void* bytes, uint64_t size) {
                                auto& out = *static_cast<std::ofstream*>(to->ctx);
                                out.write(static_cast<const char*>(bytes), std::streamsize(size));
                                return int64_t(size);
                              }};
  const auto* state = static_cast<const clap_plugin_state_t*>(plugin->get_extension(plugin, CLAP_EXT_STATE));
  if (!state->save(plugin, &stream)) throw std::runtime_error("state");
}

// ---- the window ----------------------------------------------------------------------------------------------

class Frame {
 public:
  explicit Frame(const clap_plugin_t* plugin) : plugin_(plugin), gui_(extension_of<clap_plugin_gui_t>(CLAP_EXT_GUI)) {
    if (!gui_->create(plugin, CLAP_WINDOW_API_X11, false)) throw std::runtime_error("no window");
    uint32_t width = 0, height = 0;
    gui_->get_size(plugin, &width, &height);
    window_ = XCreateSimpleWindow(display_, DefaultRootWindow(display_), 0, 0, width, height, 0, 0, 0);
    XStoreName(display_, window_, "Stage");
    XMapWindow(display_, window_);
    XSync(display_, False);
    clap_window_t parent{CLAP_WINDOW_API_X11, {}};
    parent.x11 = window_;
    gui_->set_parent(plugin, &parent);
    gui_->show(plugin);
    std::cout << "window " << window_ << std::endl;
  }
  ~Frame() {
    gui_->hide(plugin_);
    gui_->destroy(plugin_);
    XDestroyWindow(display_, window_);
    XCloseDisplay(display_);
  }

  void resize(uint32_t width, uint32_t height) {
    gui_->adjust_size(plugin_, &width, &height);
    XResizeWindow(display_, window_, width, height);
    XSync(display_, False);
    gui_->set_size(plugin_, width, height);
  }
  void tick() {
    const auto* timer = extension_of<clap_plugin_timer_support_t>(CLAP_EXT_TIMER_SUPPORT);
    for (const clap_id id : std::set<clap_id>(timers)) timer->on_timer(plugin_, id);
  }

 private:
  template <typename Extension>
  const Extension* extension_of(const char* id) {
    const auto* found = static_cast<const Extension*>(plugin_->get_extension(plugin_, id));
    if (!found) throw std::runtime_error(id);
    return found;
  }

  const clap_plugin_t* plugin_;
  const clap_plugin_gui_t* gui_;
  Display* display_ = XOpenDisplay(nullptr);
  ::Window window_ = 0;
};

bool obey(const clap_plugin_t* plugin, Frame& frame, const std::string& line) {
  std::istringstream words(line);
  std::string name, path;
  int64_t first = 0, second = 0;
  words >> name;
  if (name == "quit") return false;
  if (name == "play" && words >> first >> second)
    play(plugin, first, second);
  else if (name == "size" && words >> first >> second)
    frame.resize(uint32_t(first), uint32_t(second));
  else if (name == "state" && words >> path)
    save(plugin, path);
  else
    throw std::invalid_argument(line);
  std::cout << "done" << std::endl;
  return true;
}

// Lines as they come, and the window's timers in between.
void serve(const clap_plugin_t* plugin, Frame& frame) {
  std::string waiting;
  for (;;) {
    pollfd input{STDIN_FILENO, POLLIN, 0};
    if (poll(&input, 1, kTick) > 0) {
      char bytes[4096];
      const ssize_t count = read(STDIN_FILENO, bytes, sizeof bytes);
      if (count <= 0) return;
      waiting.append(bytes, size_t(count));
    }
    for (size_t end; (end = waiting.find('\n')) != std::string::npos; waiting.erase(0, end + 1))
      if (!obey(plugin, frame, waiting.substr(0, end))) return;
    block(plugin, playhead, kBlock, false);  // hosts go on processing while the song stands still
    frame.tick();
  }
}

}  // namespace

int main(int count, char** words) {
  void* library = count == 2 ? dlopen(words[1], RTLD_NOW) : nullptr;
  if (!library) {
    std::cerr << (count == 2 ? dlerror() : "usage: stage PLUGIN.clap") << std::endl;
    return 1;
  }
  const auto* entry = static_cast<const clap_plugin_entry_t*>(dlsym(library, "clap_entry"));
  if (!entry || !entry->init(words[1])) return 1;
  const auto* factory = static_cast<const clap_plugin_factory_t*>(entry->get_factory(CLAP_PLUGIN_FACTORY_ID));
  const clap_plugin_t* plugin = factory->create_plugin(factory, &kHost, factory->get_plugin_descriptor(factory, 0)->id);
  if (!plugin || !plugin->init(plugin) || !plugin->activate(plugin, kRate, 1, kBlock)) return 1;
  plugin->start_processing(plugin);
  block(plugin, 0, kBlock, false);
  {
    Frame frame(plugin);
    serve(plugin, frame);
  }
  plugin->stop_processing(plugin);
  plugin->deactivate(plugin);
  plugin->destroy(plugin);
  entry->deinit();
}
