#include "drover/support/thrown.hpp"

#include <cxxabi.h>

#include <cstdlib>
#include <exception>
#include <memory>
#include <typeinfo>
#include <utility>

namespace drover::support {

namespace {

std::string demangled(const char* name) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> text(abi::__cxa_demangle(name, nullptr, nullptr, &status),
                                                         &std::free);
  return status == 0 ? text.get() : name;
}

}  // namespace

Thrown describe_current_exception() {
  const std::type_info* type = abi::__cxa_current_exception_type();
  std::string name = type != nullptr ? demangled(type->name()) : "unknown";
  try {
    throw;
  } catch (const std::exception& e) {
    return {std::move(name), e.what()};
  } catch (const std::string& text) {
    return {"std::string", text};
  } catch (const char* text) {
    return {std::move(name), text != nullptr ? text : "a null pointer"};
  } catch (...) {
    return {name, "an exception of type " + name};
  }
}

}  // namespace drover::support
