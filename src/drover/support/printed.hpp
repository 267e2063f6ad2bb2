// What this process has printed and C++ and C still keep in their buffers.
#pragma once

namespace drover::support {

/// Hands all of it over to the system, as the end of a process does that exits in good order: to be called before one
/// that ends without, and before one that forks. Waits for who reads.
void flush_printed();

}  // namespace drover::support
