// The desk of a real plug-in: its engine, and its link to the bridge.
#pragma once

#include <functional>

#include "../core/engine.hpp"
#include "../link/link.hpp"
#include "../link/process.hpp"
#include "desk.hpp"
#include "drag.hpp"

namespace punchin::view {

// The parameters that the host has, too: they change through it, so that it knows and can record them.
struct HostParameters {
  std::function<void(int take)> choose;
  std::function<void(bool is_original)> set_original;
};

class EngineDesk : public Desk {
 public:
  EngineDesk(Engine& engine, link::Link& link, HostParameters host);

  // Called some thirty times a second: goes on with a drag.
  void idle();
  Facts facts() override;
  std::vector<Peak> peaks(Span span, std::size_t columns) const override;
  std::vector<NoteBar> notes(Span span) const override;

  void select(Span selection) override;
  void set(const std::string& parameter, const std::string& value) override;
  void write(const std::string& field, const std::string& text) override;
  void punch_in(bool is_transfer) override;
  void cancel() override;
  void choose(int take) override;
  void activate(std::size_t region) override;
  void set_original(bool is_original) override;
  void keep() override;
  void show_in_folder() override;
  void drag_out(int take) override;
  void open_page() override;

 private:
  void tell_settings(Facts& facts) const;
  void tell_regions(Facts& facts) const;
  void tell_link(Facts& facts) const;
  // A take of the active region, from 1; nothing where there is none of that number.
  std::optional<TakeView> take(int number) const;

  Engine& engine_;
  link::Link& link_;
  HostParameters host_;
  link::Process file_manager_;
  std::unique_ptr<FileDrag> drag_;
};

}  // namespace punchin::view
