// A program whose functions are of all the kinds that there may be, and take and give all the types. The status is 0 if
// each value arrives as it was; what does not is said on stderr.
#include <cstdio>
#include <drover/farm.hpp>

namespace {

int num_faults = 0;

void expect(bool is_so, const std::string& what) {
  if (is_so) return;
  std::fprintf(stderr, "not so: %s\n", what.c_str());
  ++num_faults;
}

struct Point {
  int x = 0;
  int y = 0;
  template <class Archive>
  void serialize(Archive& ar, unsigned) {
    ar& x& y;
  }
  [[nodiscard]] int sum() const { return x + y; }
  [[nodiscard]] Point scaled(int factor) noexcept { return {x * factor, y * factor}; }
  friend bool operator==(const Point&, const Point&) = default;
};

int twice(int x) noexcept {
  return 2 * x;
}

const std::string& greeting() {
  static const std::string text = "hello";
  return text;
}

/// A task that gives back what it gets.
template <class T>
struct Echo {
  drover::TaskType<T(T)> type;
  T value;
  std::string name;
};

template <class T>
Echo<T> echo(drover::Farm& farm, const std::string& name, T value) {
  return {farm.task(name, [](T x) { return x; }), std::move(value), name};
}

template <class T>
void check(drover::Session& session, const Echo<T>& echo) {
  expect(session.submit(echo.type, echo.value).get() == echo.value, "a " + echo.name + " comes back as it was");
}

auto echoes(drover::Farm& farm) {
  return std::tuple(
      echo(farm, "list", std::list<int>{1, 2}), echo(farm, "deque", std::deque<std::string>{"a", ""}),
      echo(farm, "optional", std::optional<Point>(Point{1, 2})),
      echo(farm, "tuple", std::tuple<int, std::string>(1, "b")),
      echo(farm, "variant", std::variant<std::monostate, int, Point>(Point{3, 4})),
      echo(farm, "duration", std::chrono::milliseconds(1500)), echo(farm, "path", std::filesystem::path("/a b/c")),
      echo(farm, "complex", std::complex<double>(1, -2)), echo(farm, "bitset", std::bitset<70>(0xF0F)),
      echo(farm, "vector of bool", std::vector<bool>{true, false, true}), echo(farm, "array", std::array<int, 2>{5, 6}),
      echo(farm, "map", std::map<std::string, std::unordered_set<int>>{{"a", {1, 2}}}), echo(farm, "bool", true));
}

}  // namespace

int main(int argc, char** argv) {
  drover::Farm farm(argc, argv);
  const auto all_echoes = echoes(farm);
  const auto plain = farm.task("plain", twice);
  const auto sum = farm.task("sum", &Point::sum);
  const auto scaled = farm.task("scaled", &Point::scaled);
  const auto generic = farm.task<double(double, int)>("generic", [](auto a, auto b) { return a * b; });
  const auto movable = farm.task("movable", [kept = std::make_unique<int>(7)](int x) { return x + *kept; });
  const auto wrapped = farm.task("wrapped", std::function<int(int)>(twice));
  const auto reference = farm.task("reference", greeting);
  const auto owned = farm.task("owned", [](std::unique_ptr<int> x) { return std::make_unique<int>(*x + 1); });
  const auto text = farm.task("text", [](int) -> int { throw "some words"; });
  const bool is_master = farm.is_master();

  return farm.run([&](drover::Session& session) {
    expect(is_master, "where the session is, is the master");
    std::apply([&](const auto&... each) { (check(session, each), ...); }, all_echoes);
    expect(session.submit(plain, 4).get() == 8, "a function that is noexcept");
    expect(session.submit(sum, Point{1, 2}).get() == 3, "a member function");
    expect(session.submit(scaled, Point{1, 2}, 3).get() == Point{3, 6}, "one that is not const");
    expect(session.submit(generic, 0.5, 3).get() == 1.5, "a generic function with its signature");
    expect(session.submit(movable, 1).get() == 8, "a function that can only be moved");
    expect(session.submit(wrapped, 5).get() == 10, "a std::function");
    expect(session.submit(reference).get() == "hello", "a result that was a reference");
    expect(*session.submit(owned, std::make_unique<int>(1)).get() == 2, "an owner");
    try {
      (void)session.submit(text, 1).get();
      expect(false, "a task that throws has no result");
    } catch (const drover::TaskFailed& e) {
      expect(std::string(e.what()) == "some words", std::string("thrown words are kept, not: ") + e.what());
    }
    int expected = 0;
    const auto get = [](auto& result) { return result.get(); };
    for (const int doubled : session.map(plain, std::views::iota(0, 20)) | std::views::transform(get))
      expect(doubled == 2 * expected++, "what map() gives is a view");
    expect(expected == 20, "of all results");
    return num_faults;
  });
}
