#include "drover/farm/serialize.hpp"

#include <optional>

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
static_assert(!Serializable<Bare>);

TEST_CASE("values come back as they were") {
  CHECK(there_and_back(42) == 42);
  CHECK(there_and_back(-0.5) == -0.5);
  CHECK(there_and_back(Colour::green) == Colour::green);
  CHECK(there_and_back(std::string("a\0b", 3)) == std::string("a\0b", 3));
  CHECK(there_and_back(WithMember{7, {"x", "", "y"}}) == WithMember{7, {"x", "", "y"}});
  CHECK(there_and_back(WithFree{2.5}).x == 2.5);
  CHECK(there_and_back(std::map<std::string, std::vector<int>>{{"a", {1, 2}}}).at("a") == std::vector<int>{1, 2});
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
