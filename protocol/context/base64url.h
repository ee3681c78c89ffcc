#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace kindred {

/// Base64 with the alphabet that is safe in URLs and file names, without padding. Any thread.
/// Source: RFC 4648, section 5.
[[nodiscard]] std::string encode_base64url(std::string_view bytes);

/// Bytes that a text of `text_size` characters stands for.
constexpr size_t base64url_decoded_size(size_t text_size) {
  return text_size * 3 / 4;
}

/// Writes base64url_decoded_size(text.size()) bytes to `to`. False for any text that
/// encode_base64url() would not have made: a strange character, a padded text, an impossible
/// length, or bits set in the last character that no byte has.
[[nodiscard]] bool decode_base64url(std::string_view text, char* to);

}  // namespace kindred
