#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace kindred {

// Splits an inline command into arguments by Redis's quoting rules: "..." knows \n \r \t \b \a \xHH
// and \c for any other c, '...' knows \' alone, a closing quote must end its argument. Appends to
// `args` views of `line`, which is rewritten where a quoted argument shrinks. A NUL ends the line.
// Returns false on unbalanced quotes.
[[nodiscard]] bool split_inline_request(char* line, size_t size,
                                        std::vector<std::string_view>& args);

}  // namespace kindred
