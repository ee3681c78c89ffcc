// JSON arrays in a form in which equal elements are equal bytes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace kindred::plugins::resolvers {

// The array's elements, each as compact JSON: object members sorted by name, the last one of a name
// counting; strings escaped one way; numbers as they were written, so that none loses digits.
// False where `text` is no JSON array, or one that is nested more than 64 deep.
bool read_json_array(std::string_view text, std::vector<std::string>* elements);

}  // namespace kindred::plugins::resolvers
