// By XDND, version 5, on a connection of our own: the toolkit's has the pointer as long as the button is down, and knows no
// drags. So nothing is grabbed: the pointer is looked at, step by step, and the other window spoken with.
#include "drag.hpp"

#if defined(__linux__)

#include <X11/Xatom.h>
#include <X11/Xlib.h>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <optional>
#include <string>
#include <utility>

#endif

namespace punchin::view {

#if defined(__linux__)

namespace {

constexpr long kVersion = 5, kOldest = 3;
constexpr auto kPatience = std::chrono::seconds(10);  // with a window that was dropped onto
constexpr int kDeepest = 32;                          // windows within windows

std::string uri_of(const std::filesystem::path& file) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  const std::string plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";
  std::string uri = "file://";
  for (const char letter : file.u8string()) {
    const auto byte = static_cast<unsigned char>(letter);
    if (plain.find(letter) != std::string::npos)
      uri += letter;
    else
      uri += {'%', kDigits[byte / 16], kDigits[byte % 16]};
  }
  return uri + "\r\n";
}

// Windows of other programs go away at any time. What Xlib does then is to end the program, so while one of these lives,
// errors of our connection are passed over, and those of others go where they went before.
class Trap {
 public:
  explicit Trap(Display* display) : display_(std::exchange(ours, display)), before_(XSetErrorHandler(handle)) {
    if (before_ != handle) others = before_;
  }
  ~Trap() {
    XSync(ours, False);
    XSetErrorHandler(before_);
    ours = display_;
  }
  Trap(const Trap&) = delete;
  Trap& operator=(const Trap&) = delete;

 private:
  static int handle(Display* display, XErrorEvent* error) {
    return display == ours || !others ? 0 : others(display, error);
  }
  static inline Display* ours = nullptr;
  static inline XErrorHandler others = nullptr;

  Display* display_;
  XErrorHandler before_;
};

class XDrag : public FileDrag {
 public:
  XDrag(Display* display, std::string uri) : display_(display), uri_(std::move(uri)) {
    const Trap trap(display_);
    XSetWindowAttributes none{};
    source_ = XCreateWindow(display_, DefaultRootWindow(display_), -1, -1, 1, 1, 0, CopyFromParent, InputOnly,
                            CopyFromParent, 0, &none);
    XSetSelectionOwner(display_, atom("XdndSelection"), source_, CurrentTime);
  }
  ~XDrag() override {
    {
      const Trap trap(display_);
      if (target_ && !dropped_) say("XdndLeave");
      XDestroyWindow(display_, source_);
    }
    XCloseDisplay(display_);
  }

  bool step() override {
    const Trap trap(display_);
    while (XPending(display_)) {
      XEvent event;
      XNextEvent(display_, &event);
      if (event.type == SelectionRequest) hand_over(event.xselectionrequest);
      if (event.type == ClientMessage && !hear(event.xclient)) return false;
    }
    if (dropped_) return std::chrono::steady_clock::now() - *dropped_ < kPatience;
    return follow();
  }

 private:
  struct Pointer {
    int x = 0, y = 0;
    bool is_down = false;
    Window over = 0;  // the window under it that takes drops, if any does
  };

  Atom atom(const char* name) { return XInternAtom(display_, name, False); }

  // The version of XDND that a window knows; 0 where it takes no drops.
  long version_of(Window window) {
    Atom type = 0;
    int format = 0;
    unsigned long count = 0, left = 0;
    unsigned char* bytes = nullptr;
    const int failed =
        XGetWindowProperty(display_, window, atom("XdndAware"), 0, 1, False, XA_ATOM, &type, &format, &count, &left, &bytes);
    const long found = !failed && bytes && count == 1 ? *reinterpret_cast<long*>(bytes) : 0;
    if (bytes) XFree(bytes);
    return found;
  }

  Pointer look() {
    Pointer now;
    Window root = DefaultRootWindow(display_), within = root, child = 0;
    for (int depth = 0; within && depth < kDeepest; ++depth, within = child) {
      int x = 0, y = 0;
      unsigned held = 0;
      if (!XQueryPointer(display_, within, &root, &child, &now.x, &now.y, &x, &y, &held)) break;
      if (depth == 0) now.is_down = (held & Button1Mask) != 0;
      if (version_of(within) >= kOldest) now.over = within;
      if (now.over) break;
    }
    return now;
  }

  // Where the pointer went. False once the button was let go where nobody takes the file.
  bool follow() {
    const Pointer now = look();
    if (!now.is_down) return drop();
    if (now.over != target_) {
      if (target_) say("XdndLeave");
      target_ = now.over;
      is_taken_ = is_waiting_ = false;
      version_ = std::min(kVersion, target_ ? version_of(target_) : kVersion);
      if (target_) say("XdndEnter", version_ << 24, long(atom("text/uri-list")));
      x_ = y_ = -1;
    }
    if (target_ && !is_waiting_ && (now.x != x_ || now.y != y_)) {
      x_ = now.x;
      y_ = now.y;
      is_waiting_ = true;
      say("XdndPosition", 0, long(x_) << 16 | y_, CurrentTime, long(atom("XdndActionCopy")));
    }
    return true;
  }

  // Before the other window has said whether it takes the file, it is asked for that.
  bool drop() {
    if (!target_ || (!is_taken_ && !is_waiting_)) return false;
    if (is_waiting_) {
      if (!let_go_) let_go_ = std::chrono::steady_clock::now();
      return std::chrono::steady_clock::now() - *let_go_ < kPatience;
    }
    dropped_ = std::chrono::steady_clock::now();
    say("XdndDrop", 0, CurrentTime);
    return true;
  }

  // What the other window says. False once it has the file.
  bool hear(const XClientMessageEvent& message) {
    if (Window(message.data.l[0]) != target_) return true;
    if (message.message_type == atom("XdndFinished")) return false;
    if (message.message_type == atom("XdndStatus")) {
      is_waiting_ = false;
      is_taken_ = (message.data.l[1] & 1) != 0;
    }
    return true;
  }

  void hand_over(const XSelectionRequestEvent& wanted) {
    XEvent answer{};
    answer.xselection.type = SelectionNotify;
    answer.xselection.requestor = wanted.requestor;
    answer.xselection.selection = wanted.selection;
    answer.xselection.target = wanted.target;
    answer.xselection.time = wanted.time;
    if (wanted.target == atom("text/uri-list") && wanted.property) {
      answer.xselection.property = wanted.property;
      XChangeProperty(display_, wanted.requestor, wanted.property, wanted.target, 8, PropModeReplace,
                      reinterpret_cast<const unsigned char*>(uri_.data()), int(uri_.size()));
    }
    XSendEvent(display_, wanted.requestor, False, NoEventMask, &answer);
  }

  void say(const char* what, long one = 0, long two = 0, long three = 0, long four = 0) {
    XEvent event{};
    event.xclient.type = ClientMessage;
    event.xclient.window = target_;
    event.xclient.message_type = atom(what);
    event.xclient.format = 32;
    const long words[] = {long(source_), one, two, three, four};
    std::copy(std::begin(words), std::end(words), event.xclient.data.l);
    XSendEvent(display_, target_, False, NoEventMask, &event);
  }

  using Moment = std::chrono::steady_clock::time_point;

  Display* display_;
  const std::string uri_;
  Window source_ = 0, target_ = 0;
  long version_ = kVersion;
  int x_ = -1, y_ = -1;
  bool is_waiting_ = false;  // for the other window's word on where the pointer is
  bool is_taken_ = false;    // the last one
  std::optional<Moment> let_go_, dropped_;
};

}  // namespace

bool can_drag_out() { return true; }

std::unique_ptr<FileDrag> drag_out(const std::filesystem::path& file) {
  Display* display = XOpenDisplay(nullptr);
  return display ? std::make_unique<XDrag>(display, uri_of(file)) : nullptr;
}

#else

bool can_drag_out() { return false; }

std::unique_ptr<FileDrag> drag_out(const std::filesystem::path&) { return nullptr; }

#endif

}  // namespace punchin::view
