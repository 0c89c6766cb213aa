#include <fstream>

#include "test.hpp"

namespace punchin::test {
namespace {

TEST(a_thousand_states_come_back_as_they_went) {
  std::mt19937_64 random{1};
  for (int i = 0; i < 1000; ++i) {
    State state;
    const auto sample = [&] { return static_cast<Sample>(random() % 100'000'000) - 1'000'000; };
    const auto place = [&] {
      const Sample start = sample();
      return Place{{start, start + static_cast<Sample>(random() % 9'000'000)}, random() % 2 == 0 ? 44'100.0 : 48'000.0};
    };
    state.selection = place();
    for (std::size_t k = random() % 6; k > 0; --k) {
      Region region{place(), {}, static_cast<int>(random() % 4), {}};
      if (random() % 2 == 0) region.edges = {noise(24, static_cast<unsigned>(i)), noise(24, static_cast<unsigned>(i) + 1)};
      for (std::size_t j = random() % 5; j > 0; --j) {
        region.takes.push_back({"Läufe/take \"" + std::to_string(random()) + "\".wav", "0123456789abcdef", "Take\n\t" + std::to_string(j)});
      }
      state.regions.push_back(region);
    }
    state.active = state.regions.empty() ? 0 : random() % state.regions.size();
    state.project = "/home/musician/Song № " + std::to_string(i);
    state.settings = R"({"chords":"F♯m7 | B7","nested":{"a":[1,2.5,null]},"takes":)" + std::to_string(i) + "}";
    const std::string text = encode(state);
    for (const char letter : text) CHECK(letter >= ' ' && letter < 127);
    CHECK(encode(decode(text)) == text);
    Engine engine;
    engine.load(text);
    const State again = decode(engine.save());
    CHECK(again.settings == state.settings && again.project == state.project && again.active == state.active);
    CHECK(again.regions.size() == state.regions.size());
    for (std::size_t k = 0; k < again.regions.size(); ++k) {
      CHECK(again.regions[k].place.span == state.regions[k].place.span && again.regions[k].choice == state.regions[k].choice);
      CHECK(again.regions[k].edges.start.channels == state.regions[k].edges.start.channels);
      CHECK(again.regions[k].takes.size() == state.regions[k].takes.size());
    }
  }
}

TEST(what_is_no_state_changes_nothing) {
  const Folder folder;
  Engine engine;
  engine.add_takes({0, 1000}, {take_file(folder, "take.wav", noise(1000, 1))});
  const std::string before = engine.save();
  for (const std::string bad : {"", "{", "[]", "{\"version\":1}", "{\"version\":99}", "\xff\xfe", "null", "7"}) {
    try {
      engine.load(bad);
      CHECK(false);
    } catch (const Error& error) {
      CHECK(std::string{error.what()}.find("cannot be read") != std::string::npos);
    }
  }
  std::mt19937 random{2};
  for (int i = 0; i < 3000; ++i) {
    std::string bad = before;
    for (int k = 0; k < 3; ++k) bad[random() % bad.size()] = static_cast<char>(random());
    try {
      engine.load(bad);
    } catch (const Error&) {
    }
  }
  engine.load(before);
  CHECK(engine.save() == before);
}

TEST(takes_are_found_again_when_the_project_moves) {
  const Folder folder;
  namespace fs = std::filesystem;
  fs::create_directories(folder / "song/takes");
  const Audio take = noise(1000, 3);
  write_wav(folder / "song/takes/take.wav", take, 0);
  std::string saved;
  {
    Engine engine;
    engine.set_project(folder / "song");
    engine.add_takes({0, 1000}, {{(folder / "song/takes/take.wav").string(), "", ""}});
    saved = engine.save();
    CHECK(decode(saved).regions[0].takes[0].path == "takes/take.wav");
  }
  fs::rename(folder / "song", folder / "moved");
  Engine engine;
  engine.load(saved);
  CHECK(!engine.regions().regions[0].takes[0].problem.empty());
  const Audio song = noise(1000, 4);
  CHECK(play(engine, song, 0).channels == song.channels);
  CHECK(engine.find_takes(folder / "moved") == 1);
  CHECK(engine.regions().regions[0].takes[0].problem.empty());
  play(engine, song, 50'000);
  CHECK(play(engine, song, 0).channels == take.channels);
  Engine other;
  other.load(saved);
  other.set_project(folder / "moved");
  CHECK(other.regions().regions[0].takes[0].problem.empty());
}

TEST(another_file_of_the_same_name_is_not_the_take) {
  const Folder folder;
  Engine engine;
  const TakeRef take = take_file(folder, "take.wav", noise(1000, 5));
  engine.add_takes({0, 1000}, {take});
  const std::string saved = engine.save();
  take_file(folder, "take.wav", noise(1000, 6));
  Engine again;
  again.load(saved);
  CHECK(again.regions().regions[0].takes[0].problem.find("another file") != std::string::npos);
  const Audio song = noise(1000, 7);
  CHECK(play(again, song, 0).channels == song.channels);
}

}  // namespace
}  // namespace punchin::test
