#include "drover/farm/serialize.hpp"

#include <complex>
#include <optional>
#include <variant>

#include "support/catch.hpp"

using namespace drover;

namespace {

struct WithMember {
  int a = 0;
  std::vector<std::string> b;
  template <class Archive>
  void serialize(Archive& ar, unsigned) {
    ar& a& b;
  }
  friend bool operator==(const WithMember&, const WithMember&) = default;
};

class WithPrivateMember {
 public:
  int value = 0;

 private:
  friend class boost::serialization::access;
  template <class Archive>
  void serialize(Archive& ar, unsigned) {
    ar& value;
  }
};

struct WithFree {
  double x = 0;
};
template <class Archive>
void serialize(Archive& ar, WithFree& value, unsigned) {
  ar& value.x;
}

struct Bare {
  int x = 0;
};

/// Has parts that Boost sees by way of its member.
struct WithParts {
  std::optional<std::string> maybe;
  std::variant<std::monostate, int, std::vector<WithParts>> one_of;
  template <class Archive>
  void serialize(Archive& ar, unsigned) {
    ar& maybe& one_of;
  }
  friend bool operator==(const WithParts&, const WithParts&) = default;
};

struct Shape {
  virtual ~Shape() = default;
  int size = 0;
  template <class Archive>
  void serialize(Archive& ar, unsigned) {
    ar& size;
  }
};

enum class Colour : std::uint8_t { red, green };

template <class T>
T there_and_back(const T& value) {
  T loaded{};
  detail::from_bytes(detail::to_bytes(value), loaded);
  return loaded;
}

}  // namespace

static_assert(Serializable<int> && Serializable<double> && Serializable<Colour> && Serializable<void>);
static_assert(Serializable<std::string> && Serializable<std::vector<double>> &&
              Serializable<std::map<int, std::string>>);
static_assert(Serializable<std::unique_ptr<WithMember>> && Serializable<std::pair<int, std::string>>);
static_assert(Serializable<WithMember> && Serializable<WithPrivateMember> && Serializable<WithFree>);
static_assert(!Serializable<Bare> && !Serializable<int*> && !Serializable<const char*> &&
              !Serializable<std::string_view>);
static_assert(!Serializable<std::vector<Bare>> && !Serializable<std::map<int, std::vector<Bare>>> &&
              !Serializable<std::optional<Bare>> && !Serializable<std::tuple<int, Bare>> &&
              !Serializable<std::variant<int, Bare>> && !Serializable<std::unique_ptr<Bare>>);

TEST_CASE("values come back as they were") {
  CHECK(there_and_back(42) == 42);
  CHECK(there_and_back(-0.5) == -0.5);
  CHECK(there_and_back(Colour::green) == Colour::green);
  CHECK(there_and_back(std::string("a\0b", 3)) == std::string("a\0b", 3));
  CHECK(there_and_back(WithMember{7, {"x", "", "y"}}) == WithMember{7, {"x", "", "y"}});
  CHECK(there_and_back(WithFree{2.5}).x == 2.5);
  CHECK(there_and_back(std::map<std::string, std::vector<int>>{{"a", {1, 2}}}).at("a") == std::vector<int>{1, 2});
}

template <class T>
void check_comes_back(const T& value) {
  static_assert(Serializable<T>);
  CHECK((there_and_back(value) == value));
}

TEST_CASE("sequences and sets of the standard library come back as they were") {
  check_comes_back(std::array<int, 3>{1, 2, 3});
  check_comes_back(std::vector<bool>{true, false, true});
  check_comes_back(std::deque<std::string>{"a", ""});
  check_comes_back(std::list<int>{1, 2});
  check_comes_back(std::forward_list<int>{4, 5});
  check_comes_back(std::set<std::string>{"a", "b"});
  check_comes_back(std::multimap<int, int>{{1, 2}, {1, 3}});
  check_comes_back(std::unordered_set<int>{1, 2});
  check_comes_back(std::unordered_map<std::string, std::vector<WithMember>>{{"a", {{1, {"x"}}}}});
  check_comes_back(std::bitset<70>(0xF0F));
  check_comes_back(std::complex<double>(1, 2));
  check_comes_back(std::wstring(L"abc"));
}

TEST_CASE("what may be one thing or another comes back as it was") {
  check_comes_back(std::optional<int>());
  check_comes_back(std::optional<std::string>("x"));
  check_comes_back(std::optional<std::optional<int>>(std::optional<int>()));
  check_comes_back(std::variant<int, std::string>("s"));
  check_comes_back(std::tuple<>());
  check_comes_back(std::tuple<int, std::string, double>(1, "b", 0.5));
  check_comes_back(std::vector<std::tuple<int, std::vector<std::optional<double>>>>{{1, {2.0, {}}}});
  check_comes_back(WithParts{"o", std::vector<WithParts>{{}, {"r", 4}}});
}

TEST_CASE("lengths of time, points in time and paths come back as they were") {
  check_comes_back(std::chrono::milliseconds(5));
  check_comes_back(std::chrono::duration<double>(0.5));
  check_comes_back(std::chrono::system_clock::now());
  check_comes_back(std::filesystem::path("/x/y z"));
  check_comes_back(std::map<std::filesystem::path, std::array<std::chrono::seconds, 2>>{{"x", {}}});
}

TEST_CASE("a pointer that owns something takes it along, whatever it is") {
  CHECK(there_and_back(std::unique_ptr<int>()) == nullptr);
  std::unique_ptr<std::string> text;
  detail::from_bytes(detail::to_bytes(std::make_unique<std::string>("x")), text);
  CHECK(*text == "x");
  std::unique_ptr<Shape> shape;
  auto made = std::make_unique<Shape>();
  made->size = 7;
  detail::from_bytes(detail::to_bytes(made), shape);
  CHECK(shape->size == 7);
}

TEST_CASE("a variant of which there are less alternatives is an error") {
  std::variant<int> loaded;
  const std::string bytes = detail::to_bytes(std::variant<int, double>(0.5));
  CHECK_THROWS_AS(detail::from_bytes(bytes, loaded), std::exception);
}

TEST_CASE("several values go together, also those that can only be moved") {
  const std::string bytes = detail::to_bytes(3, std::make_unique<WithMember>(WithMember{1, {"moved"}}), 0.5);
  int a = 0;
  std::unique_ptr<WithMember> b;
  double c = 0;
  detail::from_bytes(bytes, a, b, c);
  CHECK(a == 3);
  REQUIRE(b != nullptr);
  CHECK(*b == WithMember{1, {"moved"}});
  CHECK(c == 0.5);
}

TEST_CASE("bytes of another type are an error") {
  int value = 0;
  CHECK_THROWS_AS(detail::from_bytes(detail::to_bytes(1.0), value), std::length_error);
  std::vector<std::string> strings;
  CHECK_THROWS_AS(detail::from_bytes(std::string_view("xy"), strings), std::exception);
}
