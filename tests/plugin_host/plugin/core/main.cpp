#include "test.hpp"

extern "C" __attribute__((weak)) void trap_begin() {}
extern "C" __attribute__((weak)) int trap_end() { return -1; }

int main(int count, char** arguments) {
  if (count < 2) {
    for (const auto& [name, run] : punchin::test::tests()) std::puts(name.c_str());
    return 0;
  }
  punchin::test::tests().at(arguments[1])();
  return 0;
}
