// `drover scale`: groups of workers come and go.
#pragma once

#include <cstdint>
#include <string>

#include "drover/cli/client/client_options.hpp"

namespace drover::cli {

struct ScaleAddOptions {
  ClientOptions client;
  std::string hosts;  ///< a:8,b:8
  std::string hostfile;
  std::uint32_t population = 0;
  std::uint32_t num_slots = 0;
  std::string via = "auto";
};

struct ScaleDrainOptions {
  ClientOptions client;
  std::string target;
  bool now = false;
  bool wait = false;
};

struct ScaleOptions {
  ScaleAddOptions add;
  ScaleDrainOptions drain;
};

struct ScaleCommands {
  CLI::App* add = nullptr;
  CLI::App* drain = nullptr;
};

/// Declares the subcommands. `options` outlives them.
[[nodiscard]] ScaleCommands declare_scale(CLI::App& app, ScaleOptions& options);

/// Returns the exit status once the group works. Throws control::RequestRefused when it does not come.
[[nodiscard]] int run_scale_add(const ScaleAddOptions& options);

/// Returns the exit status.
[[nodiscard]] int run_scale_drain(const ScaleDrainOptions& options);

}  // namespace drover::cli
