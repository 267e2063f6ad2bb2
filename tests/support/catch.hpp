// Catch2 of either major version: Debian 12 has 2, Debian 13 has 3.
#pragma once

#ifdef DROVER_CATCH2_V3
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#endif
