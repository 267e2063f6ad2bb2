#include "drover/core/outcome.hpp"

#include <cerrno>
#include <csignal>
#include <cstring>

namespace drover::core {

namespace {

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;  // for clang before 17

}  // namespace

std::string_view outcome_name(const Outcome& outcome) {
  return std::visit(Overloaded{[](const Exited&) { return std::string_view("exited"); },
                               [](const Signaled&) { return std::string_view("signaled"); },
                               [](const TimedOut&) { return std::string_view("timed_out"); },
                               [](const NotStarted&) { return std::string_view("not_started"); },
                               [](const Killed&) { return std::string_view("killed"); },
                               [](const Threw&) { return std::string_view("threw"); }},
                    outcome);
}

std::string describe(const Outcome& outcome) {
  return std::visit(Overloaded{[](const Exited& e) { return "exit status " + std::to_string(e.code); },
                               [](const Signaled& s) {
                                 const char* name = sigabbrev_np(s.signal);
                                 return "killed by signal " + std::to_string(s.signal) +
                                        (name != nullptr ? std::string(" (SIG") + name + ")" : std::string());
                               },
                               [](const TimedOut&) { return std::string("timed out"); },
                               [](const NotStarted& n) { return "could not start: " + n.reason; },
                               [](const Killed&) { return std::string("killed by drover"); },
                               [](const Threw& t) { return (t.type.empty() ? "" : t.type + ": ") + t.text; }},
                    outcome);
}

int exit_value(const Outcome& outcome) {
  return std::visit(Overloaded{[](const Exited& e) { return e.code; }, [](const Signaled&) { return 0; },
                               [](const TimedOut&) { return -1; },
                               [](const NotStarted& n) { return n.errno_value == ENOENT ? 127 : 126; },
                               [](const Killed&) { return -1; }, [](const Threw&) { return 1; }},
                    outcome);
}

int signal_value(const Outcome& outcome) {
  return std::visit(Overloaded{[](const Exited&) { return 0; }, [](const Signaled& s) { return s.signal; },
                               [](const TimedOut& t) { return t.signal; }, [](const NotStarted&) { return 0; },
                               [](const Killed&) { return SIGTERM; }, [](const Threw&) { return 0; }},
                    outcome);
}

}  // namespace drover::core
