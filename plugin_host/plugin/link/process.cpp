#include "process.hpp"

#include <cstdint>
#include <cstring>
#include <filesystem>

#ifdef _WIN32
#include <windows.h>
#else
#include <algorithm>
#include <csignal>
#include <fcntl.h>
#include <fstream>
#include <spawn.h>
#include <sstream>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __APPLE__
#include <libproc.h>
#endif
extern char** environ;
#endif

namespace punchin::link {

#ifdef _WIN32

namespace {

std::wstring wide(const std::string& text) {
  const int size = MultiByteToWideChar(CP_UTF8, 0, text.c_str(), -1, nullptr, 0);
  std::wstring found(static_cast<size_t>(size), L'\0');
  MultiByteToWideChar(CP_UTF8, 0, text.c_str(), -1, found.data(), size);
  found.resize(std::wcslen(found.c_str()));
  return found;
}

// One argument as CommandLineToArgvW reads it back.
std::wstring quoted(const std::wstring& argument) {
  std::wstring found = L"\"";
  size_t slashes = 0;
  for (const wchar_t letter : argument) {
    if (letter == L'"') found.append(slashes + 1, L'\\');
    slashes = letter == L'\\' ? slashes + 1 : 0;
    found.append(1, letter);
  }
  return found.append(slashes, L'\\').append(L"\"");
}

}  // namespace

bool Process::start(const std::vector<std::string>& command) {
  std::wstring line;
  for (const std::string& argument : command)
    line += (line.empty() ? L"" : L" ") + quoted(wide(argument));
  STARTUPINFOW startup{};
  startup.cb = sizeof startup;
  PROCESS_INFORMATION made{};
  if (!CreateProcessW(nullptr, line.data(), nullptr, nullptr, FALSE, DETACHED_PROCESS | CREATE_NEW_PROCESS_GROUP,
            nullptr, nullptr, &startup, &made))
    return false;
  CloseHandle(made.hThread);
  CloseHandle(made.hProcess);
  return true;
}

void Process::collect() {}

namespace {

unsigned long own_id() { return GetCurrentProcessId(); }

std::filesystem::path program_path() {
  wchar_t path[MAX_PATH]{};
  GetModuleFileNameW(nullptr, path, MAX_PATH - 1);
  return path;
}

std::string started() {
  FILETIME created{}, ended, kernel, user;
  GetProcessTimes(GetCurrentProcess(), &created, &ended, &kernel, &user);
  return std::to_string((static_cast<uint64_t>(created.dwHighDateTime) << 32) | created.dwLowDateTime);
}

}  // namespace

#else

namespace {

constexpr size_t kMost = 16;  // that are remembered until they end

// The host's environment without what its own Python, if it has one, was told.
std::vector<char*> environment() {
  std::vector<char*> found;
  for (char** each = environ; *each; ++each)
    if (std::strncmp(*each, "PYTHON", 6) != 0)
      found.push_back(*each);
  found.push_back(nullptr);
  return found;
}

struct Attributes {
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;

  Attributes() {
    posix_spawn_file_actions_init(&files);
    for (const int descriptor : {0, 1, 2})
      posix_spawn_file_actions_addopen(&files, descriptor, "/dev/null", O_RDWR, 0);
    posix_spawnattr_init(&attributes);
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID;
#ifdef __APPLE__
    flags |= POSIX_SPAWN_CLOEXEC_DEFAULT;
#elif defined(__GLIBC__) && __GLIBC_PREREQ(2, 34)
    posix_spawn_file_actions_addclosefrom_np(&files, 3);
#endif
    posix_spawnattr_setflags(&attributes, flags);
  }
  ~Attributes() {
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
  }
};

}  // namespace

bool Process::start(const std::vector<std::string>& command) {
  collect();
  if (command.empty() || started_.size() >= kMost)
    return false;
  std::vector<char*> arguments;
  for (const std::string& each : command)
    arguments.push_back(const_cast<char*>(each.c_str()));
  arguments.push_back(nullptr);
  Attributes attributes;
  auto clean = environment();
  pid_t child = 0;
  if (posix_spawnp(&child, arguments[0], &attributes.files, &attributes.attributes, arguments.data(), clean.data()))
    return false;
  started_.push_back(child);
  return true;
}

void Process::collect() {
  const auto is_over = [](int child) { return waitpid(child, nullptr, WNOHANG) != 0; };
  started_.erase(std::remove_if(started_.begin(), started_.end(), is_over), started_.end());
}

namespace {

int own_id() { return getpid(); }

#ifdef __APPLE__
std::filesystem::path program_path() { return getprogname(); }

std::string started() {
  proc_bsdinfo found{};
  proc_pidinfo(getpid(), PROC_PIDTBSDINFO, 0, &found, sizeof found);
  return std::to_string(found.pbi_start_tvsec) + "." + std::to_string(found.pbi_start_tvusec);
}
#else
std::filesystem::path program_path() {
  std::error_code problem;
  return std::filesystem::read_symlink("/proc/self/exe", problem).filename().string() + ".exe";  // no ending is lost
}

// Clock ticks since the machine started, and which of its starts that was.
std::string started() {
  std::string boot, word, ticks;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> boot;
  std::ifstream status("/proc/self/stat");
  std::string line;
  std::getline(status, line);
  std::istringstream fields(line.substr(line.rfind(')') + 1));  // a program's name may hold anything
  for (int field = 3; field <= 22 && fields >> word; ++field)
    ticks = word;
  return boot.substr(0, 8) + "." + ticks;
}
#endif

}  // namespace

#endif

std::string this_program() {
  const std::string name = program_path().stem().u8string();
  return name.empty() ? "Plug-in" : name;
}

std::string this_process() { return std::to_string(own_id()) + "-" + started(); }

}  // namespace punchin::link
