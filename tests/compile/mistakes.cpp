// Mistakes that people make with the library, each with what the compiler is to say of it: see check.sh.
#include <drover/farm.hpp>

namespace {

struct Bare {};

struct NoDefault {
  explicit NoDefault(int start) : x(start) {}
  int x;
  template <class Archive>
  void serialize(Archive& ar, unsigned) {
    ar& x;
  }
};

}  // namespace

void register_functions(drover::Farm& farm) {
  farm.task("generic", [](auto x) { return x; });  // error: the parameters of a task's function cannot be told
  farm.task("mutable", [n = 0](int x) mutable { return n += x; });  // error: a task's function is mutable
  farm.task("reference",
            [](std::string& text) { text = ""; });  // error: a task's function takes a reference that is not
  farm.task("bare", [](Bare) {});  // error: an argument, a result or a value that is broadcast has no serialization
  farm.task("within",
            [] { return std::vector<std::optional<const char*>>(); });  // error: an argument, a result or a value
  farm.task("no default", [](NoDefault) {});  // error: an argument or a result has no default constructor
  farm.task<int(std::string)>("other",
                              [](int x) { return x; });  // error: a task's function does not take the parameters
}

void submit_tasks(drover::Session& session, const drover::TaskType<int(int)>& square) {
  (void)session.submit(square, 1, 2);   // error: a task is given more or fewer arguments than it takes
  (void)session.submit(square, "one");  // error: an argument of a task is not what its parameter can be
  (void)session.map(square,
                    std::vector<std::string>{});  // error: an argument of a task is not what its parameter can be
  (void)session.broadcast(std::vector<Bare>());   // error: an argument, a result or a value that is broadcast has no
  session.submit(square, 1).then([](const std::string&) {});  // error: then() takes a function that can be called with
}

int run_session(drover::Farm& farm) {
  return farm.run([](drover::Session&) { return std::string(); });  // error: a session gives nothing, or an int
}

int run_without_session(drover::Farm& farm) {
  return farm.run([] {});  // error: run() takes a function that can be called with a Session&
}
