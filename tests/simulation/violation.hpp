// What a checker throws when something is not as it must be.
#pragma once

#include <stdexcept>
#include <string>

namespace drover::simulation {

class Violation : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

inline void require(bool holds, const char* otherwise) {
  if (!holds) throw Violation(otherwise);
}

/// `words` makes the text, which costs too much where all is well.
template <class Words>
void require(bool holds, const Words& words) {
  if (!holds) throw Violation(words());
}

}  // namespace drover::simulation
