// A program that outlives the host: its own session, no terminal, none of the host's files. Nothing here waits.
#pragma once

#include <string>
#include <vector>

namespace punchin::link {

class Process {
 public:
  // Start `command`; what was started before goes on, too. False where the system would not.
  bool start(const std::vector<std::string>& command);
  // Collect what has ended, so that nothing of it stays in the system's list.
  void collect();

 private:
#ifndef _WIN32
  std::vector<int> started_;
#endif
};

// What tells this process apart from all that run or ran on this machine; the same for all that is loaded into it.
std::string this_process();
/// The name of its file, without its ending: `ardour-7.3.0`.
std::string this_program();

}  // namespace punchin::link
