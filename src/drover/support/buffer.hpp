// Bytes of a size that is known beforehand.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

namespace drover::support {

/// Owns its bytes, which say nothing before they are written: large ones cost no memory before. Move-only.
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(std::size_t size) : bytes_(new char[size]), size_(size) {}

  [[nodiscard]] char* data() { return bytes_.get(); }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] const char* begin() const { return bytes_.get(); }
  [[nodiscard]] const char* end() const { return bytes_.get() + size_; }
  [[nodiscard]] std::span<const char> view() const { return {bytes_.get(), size_}; }

 private:
  std::unique_ptr<char[]> bytes_;
  std::size_t size_ = 0;
};

}  // namespace drover::support
