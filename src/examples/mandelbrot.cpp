// The Mandelbrot set in tiles, each a task, put together to a picture.
//
//     mandelbrot [-j WORKERS] [SIZE [FILE.png]]
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <drover/farm.hpp>
#include <fstream>

namespace {

constexpr int kTileSize = 64;
constexpr int kMostIterations = 500;

struct Tile {
  int x = 0;
  int y = 0;
  int picture_size = 0;

  template <class Archive>
  void serialize(Archive& ar, unsigned) {
    ar& x& y& picture_size;
  }
};

using Pixels = std::vector<std::uint8_t>;

std::uint8_t shade(double re, double im) {
  double x = 0;
  double y = 0;
  for (int i = 0; i < kMostIterations; ++i) {
    const double next = x * x - y * y + re;
    y = 2 * x * y + im;
    x = next;
    if (x * x + y * y > 4) return static_cast<std::uint8_t>(255 - i * 255 / kMostIterations);
  }
  return 0;
}

Pixels draw(const Tile& tile) {
  Pixels pixels;
  for (int y = tile.y; y < tile.y + kTileSize; ++y)
    for (int x = tile.x; x < tile.x + kTileSize; ++x)
      pixels.push_back(shade(3.0 * x / tile.picture_size - 2.25, 3.0 * y / tile.picture_size - 1.5));
  return pixels;
}

/// A grey PNG. Its data are stored, not compressed, which needs no library.
class PngWriter {
 public:
  explicit PngWriter(const std::string& path) : file_(path, std::ios::binary) {
    if (!file_) throw std::runtime_error("cannot write " + path);
    file_.write("\x89PNG\r\n\x1a\n", 8);
  }

  void write(int size, const Pixels& pixels) {
    chunk("IHDR", number(size) + number(size) + std::string("\x08\x00\x00\x00\x00", 5));
    std::string data("\x78\x01", 2);  // zlib: no dictionary, fastest
    std::uint32_t sum_a = 1;
    std::uint32_t sum_b = 0;
    for (int y = 0; y < size; ++y) {
      const auto length = static_cast<std::uint16_t>(size + 1);
      data += y + 1 == size ? '\x01' : '\x00';  // the last block; stored
      for (const int n : {length & 0xFF, length >> 8, ~length & 0xFF, (~length >> 8) & 0xFF})
        data += static_cast<char>(n);
      std::string line(1, '\0');  // no filter
      line.append(reinterpret_cast<const char*>(pixels.data()) + y * size, static_cast<std::size_t>(size));
      for (const char c : line) {
        sum_a = (sum_a + static_cast<std::uint8_t>(c)) % 65521;
        sum_b = (sum_b + sum_a) % 65521;
      }
      data += line;
    }
    chunk("IDAT", data + number(static_cast<int>(sum_b << 16U | sum_a)));
    chunk("IEND", "");
  }

 private:
  static std::string number(int value) {
    const auto v = static_cast<std::uint32_t>(value);
    return {static_cast<char>(v >> 24U), static_cast<char>(v >> 16U), static_cast<char>(v >> 8U), static_cast<char>(v)};
  }

  static std::uint32_t checksum(const std::string& bytes) {
    std::uint32_t sum = ~0U;
    for (const char c : bytes) {
      sum ^= static_cast<std::uint8_t>(c);
      for (int bit = 0; bit < 8; ++bit) sum = (sum >> 1U) ^ (sum & 1U ? 0xEDB88320U : 0);
    }
    return ~sum;
  }

  void chunk(const std::string& type, const std::string& data) {
    file_ << number(static_cast<int>(data.size())) << type << data << number(static_cast<int>(checksum(type + data)));
  }

  std::ofstream file_;
};

std::vector<Tile> tiles(int size) {
  std::vector<Tile> all;
  for (int y = 0; y < size; y += kTileSize)
    for (int x = 0; x < size; x += kTileSize) all.push_back({x, y, size});
  return all;
}

}  // namespace

int main(int argc, char** argv) {
  drover::Farm farm(argc, argv);
  const auto draw_tile = farm.task("draw", draw);
  const int wanted = argc > 1 ? std::atoi(argv[1]) : 1024;
  const std::string path = argc > 2 ? argv[2] : "mandelbrot.png";

  return farm.run([&](drover::Session& session) {
    const int size = (wanted + kTileSize - 1) / kTileSize * kTileSize;
    const std::vector<Tile> all = tiles(size);
    Pixels picture(static_cast<std::size_t>(size) * static_cast<std::size_t>(size));
    for (auto& result : session.map_unordered(draw_tile, all)) {
      const Tile& tile = all[result.index()];
      const Pixels pixels = result.get();
      for (int row = 0; row < kTileSize; ++row)
        std::copy_n(pixels.begin() + row * kTileSize, kTileSize, picture.begin() + (tile.y + row) * size + tile.x);
    }
    PngWriter(path).write(size, picture);
    std::printf("%s: %d x %d pixels from %zu tiles\n", path.c_str(), size, size, all.size());
  });
}
