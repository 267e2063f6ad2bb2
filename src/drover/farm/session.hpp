// What the code on the master sees of the farm while it runs.
#pragma once

#include "drover/farm/submitter.hpp"

namespace drover {

/// Thread-safe, as are the futures that it gives. Waiting functions throw RunStopped when the run ends
/// before what they wait for.
class Session : public Submitter {
 public:
  explicit Session(std::shared_ptr<runtime::CallBoard> board);

  /// A barrier: waits until all that was submitted so far, and until then, has ended, and all that was to
  /// be done then() is done.
  void wait_all() { board().wait_all(); }
};

}  // namespace drover
