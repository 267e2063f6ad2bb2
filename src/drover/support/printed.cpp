#include "drover/support/printed.hpp"

#include <cstdio>
#include <iostream>

namespace drover::support {

void flush_printed() {
  std::cout.flush();
  std::cerr.flush();
  std::clog.flush();
  std::wcout.flush();
  std::wcerr.flush();
  std::wclog.flush();
  (void)std::fflush(nullptr);
}

}  // namespace drover::support
