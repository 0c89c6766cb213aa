// The smallest CLAP host: plays a song in blocks of random size through a plug-in whose state it has set, and writes what
// comes out. Its steady clock has nothing to do with the song's position, as CLAP allows.
//
// claphost PLUGIN CHANNELS STATE SONG OUT RATE FIRST STEADY
//   CHANNELS: 1 or 2, of which the plug-in is asked for that configuration; SONG, OUT: float32, frames of so many
//   channels; STATE: the bytes of the plug-in's state, or "-"; FIRST: the song sample of the first frame; STEADY: what
//   the steady clock says then. Prints id, name, latency, the channels of the plug-in's ports, and parameters that go somewhere by
//   themselves.
#include <clap/entry.h>
#include <clap/events.h>
#include <clap/ext/audio-ports.h>
#include <clap/ext/latency.h>
#include <clap/ext/state.h>
#include <clap/host.h>
#include <clap/plugin-factory.h>
#include <clap/plugin.h>
#include <clap/process.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_CHANNELS = 2, MOST_FRAMES = 1024 };

// The extension by which hosts choose among a plug-in's configurations of ports (CLAP 1.0).
typedef struct {
  clap_id id;
  char name[CLAP_NAME_SIZE];
  uint32_t input_port_count, output_port_count;
  bool has_main_input;
  uint32_t main_input_channel_count;
  const char* main_input_port_type;
  bool has_main_output;
  uint32_t main_output_channel_count;
  const char* main_output_port_type;
} ports_config_t;
typedef struct {
  uint32_t (*count)(const clap_plugin_t*);
  bool (*get)(const clap_plugin_t*, uint32_t index, ports_config_t*);
  bool (*select)(const clap_plugin_t*, clap_id);
} plugin_ports_config_t;

static const void* get_extension(const clap_host_t* host, const char* id) { (void)host, (void)id; return NULL; }
static void nothing(const clap_host_t* host) { (void)host; }
static uint32_t no_events(const clap_input_events_t* list) { (void)list; return 0; }
static const clap_event_header_t* no_event(const clap_input_events_t* list, uint32_t index) { (void)list, (void)index; return NULL; }

// Prints where a parameter has gone by itself.
static bool push(const clap_output_events_t* list, const clap_event_header_t* event) {
  (void)list;
  if (event->type != CLAP_EVENT_PARAM_VALUE) return true;
  const clap_event_param_value_t* value = (const clap_event_param_value_t*)event;
  printf("parameter %u %g%s\n", value->param_id, value->value, event->flags & CLAP_EVENT_DONT_RECORD ? "" : " recorded");
  return true;
}

static int64_t from_file(const clap_istream_t* stream, void* buffer, uint64_t size) {
  return (int64_t)fread(buffer, 1, size, stream->ctx);
}

static const clap_plugin_t* open_plugin(const char* path, const clap_host_t* host) {
  void* library = dlopen(path, RTLD_NOW);
  if (!library) return fputs(dlerror(), stderr), NULL;
  const clap_plugin_entry_t* entry = dlsym(library, "clap_entry");
  if (!entry || !entry->init(path)) return NULL;
  const clap_plugin_factory_t* factory = entry->get_factory(CLAP_PLUGIN_FACTORY_ID);
  const clap_plugin_descriptor_t* about = factory->get_plugin_descriptor(factory, 0);
  const clap_plugin_t* plugin = factory->create_plugin(factory, host, about->id);
  if (!plugin || !plugin->init(plugin)) return NULL;
  printf("%s\n%s\n", about->id, about->name);
  return plugin;
}

static bool set_state(const clap_plugin_t* plugin, const char* path) {
  const clap_plugin_state_t* state = plugin->get_extension(plugin, CLAP_EXT_STATE);
  FILE* file = fopen(path, "rb");
  if (!state || !file) return false;
  const clap_istream_t stream = {file, from_file};
  const bool done = state->load(plugin, &stream);
  fclose(file);
  return done;
}

static bool set_channels(const clap_plugin_t* plugin, uint32_t channels) {
  const plugin_ports_config_t* configs = plugin->get_extension(plugin, "clap.audio-ports-config");
  ports_config_t config;
  for (uint32_t i = 0; configs && i < configs->count(plugin); ++i)
    if (configs->get(plugin, i, &config) && config.main_input_channel_count == channels &&
        config.main_output_channel_count == channels)
      return configs->select(plugin, config.id);
  return false;
}

static void print_ports(const clap_plugin_t* plugin) {
  const clap_plugin_audio_ports_t* ports = plugin->get_extension(plugin, CLAP_EXT_AUDIO_PORTS);
  for (int is_input = 1; is_input >= 0; --is_input)
    for (uint32_t i = 0; i < ports->count(plugin, is_input); ++i) {
      clap_audio_port_info_t info;
      if (ports->get(plugin, i, is_input, &info)) printf("%s %u\n", info.port_type ? info.port_type : "-", info.channel_count);
    }
}

static clap_event_transport_t transport_at(double seconds) {
  clap_event_transport_t transport;
  memset(&transport, 0, sizeof transport);
  transport.header.size = sizeof transport;
  transport.header.type = CLAP_EVENT_TRANSPORT;
  transport.flags = CLAP_TRANSPORT_HAS_TEMPO | CLAP_TRANSPORT_HAS_BEATS_TIMELINE | CLAP_TRANSPORT_HAS_SECONDS_TIMELINE |
                    CLAP_TRANSPORT_HAS_TIME_SIGNATURE | CLAP_TRANSPORT_IS_PLAYING;
  transport.tempo = 120;
  transport.tsig_num = transport.tsig_denom = 4;
  transport.song_pos_seconds = (clap_sectime)(seconds * CLAP_SECTIME_FACTOR);
  transport.song_pos_beats = (clap_beattime)(seconds * 2.0 * CLAP_BEATTIME_FACTOR);
  transport.bar_number = (int32_t)(seconds / 2.0);
  transport.bar_start = (clap_beattime)transport.bar_number * 4 * CLAP_BEATTIME_FACTOR;
  return transport;
}

static bool play(const clap_plugin_t* plugin, uint32_t channels, FILE* song, FILE* out, double rate, int64_t first,
                 int64_t steady) {
  static float input[MOST_CHANNELS][MOST_FRAMES], output[MOST_CHANNELS][MOST_FRAMES], frames[MOST_FRAMES * MOST_CHANNELS];
  float* in[MOST_CHANNELS] = {input[0], input[1]};
  float* result[MOST_CHANNELS] = {output[0], output[1]};
  const clap_input_events_t no_input = {NULL, no_events, no_event};
  const clap_output_events_t no_output = {NULL, push};
  for (int64_t done = 0;;) {
    const uint32_t count = (uint32_t)fread(frames, channels * sizeof frames[0], 1 + (size_t)rand() % MOST_FRAMES, song);
    if (count == 0) return true;
    for (uint32_t i = 0; i < count; ++i)
      for (uint32_t channel = 0; channel < channels; ++channel) input[channel][i] = frames[i * channels + channel];
    const clap_event_transport_t transport = transport_at((double)(first + done) / rate);
    clap_audio_buffer_t from = {in, NULL, channels, 0, 0}, to = {result, NULL, channels, 0, 0};
    const clap_process_t process = {steady + done, count, &transport, &from, &to, 1, 1, &no_input, &no_output};
    if (plugin->process(plugin, &process) == CLAP_PROCESS_ERROR) return false;
    for (uint32_t i = 0; i < count; ++i)
      for (uint32_t channel = 0; channel < channels; ++channel) frames[i * channels + channel] = output[channel][i];
    if (fwrite(frames, channels * sizeof frames[0], count, out) != count) return false;
    done += count;
  }
}

int main(int count, char** arguments) {
  if (count != 9) return 64;
  const clap_host_t host = {CLAP_VERSION, NULL, "claphost", "Punchin", "", "1", get_extension, nothing, nothing, nothing};
  const clap_plugin_t* plugin = open_plugin(arguments[1], &host);
  if (!plugin) return 1;
  const uint32_t channels = (uint32_t)atoi(arguments[2]);
  if (channels > MOST_CHANNELS || !set_channels(plugin, channels)) return 5;
  if (strcmp(arguments[3], "-") != 0 && !set_state(plugin, arguments[3])) return 2;
  const clap_plugin_latency_t* latency = plugin->get_extension(plugin, CLAP_EXT_LATENCY);
  printf("%u\n", latency ? latency->get(plugin) : 0);
  print_ports(plugin);
  const double rate = atof(arguments[6]);
  FILE *song = fopen(arguments[4], "rb"), *out = fopen(arguments[5], "wb");
  if (!song || !out || !plugin->activate(plugin, rate, 1, MOST_FRAMES) || !plugin->start_processing(plugin)) return 3;
  const bool played = play(plugin, channels, song, out, rate, atoll(arguments[7]), atoll(arguments[8]));
  plugin->stop_processing(plugin);
  plugin->deactivate(plugin);
  plugin->destroy(plugin);
  fclose(song);
  return fclose(out) == 0 && played ? 0 : 4;
}
