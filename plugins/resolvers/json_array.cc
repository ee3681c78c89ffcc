#include "plugins/resolvers/json_array.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

namespace kindred::plugins::resolvers {
namespace {

using Json = nlohmann::json;

// Deeper ones cost a copy of what is inside for each level.
constexpr std::size_t kDepthMax = 64;

// What the parser tells of a text, put together from the inside out.
class ArrayReader {
 public:
  explicit ArrayReader(std::vector<std::string>* elements) : elements_(elements) {}

  bool null() { return add("null"); }
  bool boolean(bool value) { return add(value ? "true" : "false"); }
  bool number_integer(Json::number_integer_t value) { return add(std::to_string(value)); }
  bool number_unsigned(Json::number_unsigned_t value) { return add(std::to_string(value)); }
  bool number_float(Json::number_float_t /*value*/, const std::string& text) { return add(text); }
  bool string(std::string& value) { return add(Json(std::move(value)).dump()); }
  bool binary(Json::binary_t& /*value*/) { return false; }  // JSON has none

  bool start_object(std::size_t /*size*/) { return open(true); }
  bool key(std::string& name) {
    open_.back().name = Json(std::move(name)).dump();
    return true;
  }
  bool end_object() {
    std::string text = "{";
    for (const auto& [name, value] : open_.back().members) {
      text.append(text.size() > 1 ? "," : "").append(name).append(":").append(value);
    }
    return close(text + "}");
  }

  bool start_array(std::size_t /*size*/) { return open(false); }
  bool end_array() {
    if (open_.size() == 1) {
      *elements_ = std::move(open_.back().elements);
      open_.clear();
      return true;
    }
    std::string text = "[";
    for (const std::string& element : open_.back().elements) {
      text.append(text.size() > 1 ? "," : "").append(element);
    }
    return close(text + "]");
  }

  bool parse_error(std::size_t /*position*/, const std::string& /*token*/,
                   const nlohmann::detail::exception& /*error*/) {
    return false;
  }

 private:
  struct Open {
    bool is_object = false;
    std::string name;  // of the member that comes next
    std::map<std::string, std::string> members;
    std::vector<std::string> elements;
  };

  // The outermost is the array.
  bool open(bool is_object) {
    if ((open_.empty() && is_object) || open_.size() == kDepthMax) {
      return false;
    }
    open_.push_back({is_object, {}, {}, {}});
    return true;
  }

  bool close(std::string text) {
    open_.pop_back();
    return add(std::move(text));
  }

  bool add(std::string text) {
    if (open_.empty()) {
      return false;
    }
    Open& parent = open_.back();
    if (parent.is_object) {
      parent.members[parent.name] = std::move(text);
    } else {
      parent.elements.push_back(std::move(text));
    }
    return true;
  }

  std::vector<std::string>* elements_;
  std::vector<Open> open_;
};

}  // namespace

bool read_json_array(std::string_view text, std::vector<std::string>* elements) {
  const std::size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos || text[begin] != '[') {
    return false;
  }
  ArrayReader reader(elements);
  return Json::sax_parse(text.begin(), text.end(), &reader);
}

}  // namespace kindred::plugins::resolvers
