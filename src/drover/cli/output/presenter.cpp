#include "drover/cli/output/presenter.hpp"

#include <algorithm>
#include <utility>

namespace drover::cli {

namespace {

constexpr std::size_t kMaxPartialLine = 64 * 1024;
constexpr std::size_t kMaxPartialBytes = 16UL << 20;
constexpr core::Stream kStreams[] = {core::Stream::out, core::Stream::err};

std::size_t index(core::Stream stream) {
  return static_cast<std::size_t>(stream);
}

}  // namespace

Presenter::Presenter(const PresenterOptions& options, journal::OutputReader reader, OutputSink& out, OutputSink& err,
                     PrintedMark* mark)
    : options_(options),
      reader_(std::move(reader)),
      out_(out),
      err_(err),
      mark_(mark),
      next_(options.first_task),
      index_end_(options.index_end),
      printed_end_(options.index_end) {}

void Presenter::deliver(Delivery delivery) {
  if (finish_live(delivery)) delivery.output = {};
  index_end_ = std::max(index_end_, delivery.index_end);
  if (!options_.keep_order) {
    print(delivery);
    printed_end_ = index_end_;
  } else if (delivery.attempt.task > next_) {
    held_.insert_or_assign(delivery.attempt.task, std::move(delivery));
    return;
  } else if (delivery.attempt.task < next_) {
    print(delivery);
  } else {
    print_next(delivery);
    for (auto first = held_.begin(); first != held_.end() && first->first == next_; first = held_.erase(first))
      print_next(first->second);
    return;
  }
  note_place();
}

/// They are in no output that is printed again, or not whole.
void Presenter::show(const Words& words) {
  bool is_at_line_start = true;
  append_lines(sink(words.stream), words.tag, words.bytes, is_at_line_start);
  note_place();
}

void Presenter::print_next(const Delivery& delivery) {
  print(delivery);
  ++next_.value;
  note_place();
}

void Presenter::finish() {
  for (const auto& [task, delivery] : held_) print(delivery);
  held_.clear();
  printed_end_ = index_end_;
  note_place();
}

void Presenter::note_place() {
  if (mark_ == nullptr) return;
  mark_->reached({printed_end_, next_, {}}, {out_.num_appended(), &err_ == &out_ ? 0 : err_.num_appended()});
}

void Presenter::print(const Delivery& delivery) {
  for (const core::Stream stream : kStreams)
    if (const std::uint64_t num = delivery.num_printed.at(index(stream)); num > 0) sink(stream).skip(num);
  for (const core::Stream stream : kStreams) print_stored(delivery, stream);
}

void Presenter::print_stored(const Delivery& delivery, core::Stream stream) {
  OutputSink& to = sink(stream);
  bool is_at_line_start = true;
  reader_.read(delivery.attempt.task, stream, delivery.output.of(stream), [&](std::string_view bytes) {
    append_lines(to, delivery.tag, bytes, is_at_line_start);
    return to.is_open();
  });
}

void Presenter::append_lines(OutputSink& to, std::string_view tag, std::string_view bytes, bool& is_at_line_start) {
  if (bytes.empty()) return;
  if (!options_.tag) {
    is_at_line_start = bytes.back() == '\n';
    return to.append(bytes);
  }
  while (!bytes.empty()) {
    if (is_at_line_start) {
      to.append(tag);
      to.append("\t");
    }
    const std::size_t newline = bytes.find('\n');
    is_at_line_start = newline != std::string_view::npos;
    const std::string_view line = bytes.substr(0, is_at_line_start ? newline + 1 : bytes.size());
    to.append(line);
    bytes.remove_prefix(line.size());
  }
}

void Presenter::show(const Chunk& chunk) {
  LiveAttempt& live = live_[chunk.attempt.task];
  if (chunk.attempt.n < live.n) return;
  if (chunk.attempt.n > live.n) begin(live, chunk.attempt);
  if (!live.is_shown) return;

  LiveStream& stream = live.streams.at(index(chunk.stream));
  OutputSink& to = sink(chunk.stream);
  const std::string_view bytes = chunk.bytes;
  const std::size_t newline = bytes.rfind('\n');
  const std::size_t num_whole = newline == std::string_view::npos ? 0 : newline + 1;
  if (num_whole > 0) {
    print_partial(to, chunk.tag, stream);
    append_lines(to, chunk.tag, bytes.substr(0, num_whole), stream.is_at_line_start);
  }
  stream.partial_line += bytes.substr(num_whole);
  num_partial_bytes_ += bytes.size() - num_whole;
  if (stream.partial_line.size() >= kMaxPartialLine || num_partial_bytes_ >= kMaxPartialBytes) {
    print_partial(to, chunk.tag, stream);
  }
}

void Presenter::print_partial(OutputSink& to, std::string_view tag, LiveStream& stream) {
  append_lines(to, tag, stream.partial_line, stream.is_at_line_start);
  num_partial_bytes_ -= stream.partial_line.size();
  stream.partial_line = std::string();
}

void Presenter::begin(LiveAttempt& live, core::AttemptId attempt) {
  abort(live);
  live.n = attempt.n;
  live.is_shown = !options_.keep_order || attempt.task == next_;
}

void Presenter::abort(LiveAttempt& live) {
  for (const core::Stream stream : kStreams) {
    LiveStream& state = live.streams.at(index(stream));
    if (!state.is_at_line_start) sink(stream).append("\n");
    num_partial_bytes_ -= state.partial_line.size();
    state = LiveStream();
  }
}

bool Presenter::finish_live(const Delivery& delivery) {
  const auto found = live_.find(delivery.attempt.task);
  if (found == live_.end()) return false;
  LiveAttempt& live = found->second;
  const bool is_shown = live.is_shown && live.n == delivery.attempt.n;
  if (is_shown) {
    for (const core::Stream stream : kStreams) {
      print_partial(sink(stream), delivery.tag, live.streams.at(index(stream)));
    }
  } else {
    abort(live);
  }
  live_.erase(found);
  return is_shown;
}

}  // namespace drover::cli
