#include "protocol/resp/inline_request.h"

#include "protocol/resp/ascii.h"

namespace kindred {

namespace {

bool ends_word(char c) {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t' || c == '\0';
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  if (c >= 'a' && c <= 'f') {
    return c - 'a' + 10;
  }
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

char escaped(char c) {
  switch (c) {
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'b':
      return '\b';
    case 'a':
      return '\a';
    default:
      return c;
  }
}

// Reads one argument at a time, writing its decoded bytes over the line it came from: decoding
// never makes an argument longer.
class Splitter {
 public:
  Splitter(char* line, size_t size) : next_(line), end_(line + size) {}

  bool skip_blanks() {
    while (next_ < end_ && is_ascii_space(*next_)) {
      ++next_;
    }
    return peek() != '\0';
  }

  bool read_word(std::string_view& word) {
    char* const start = next_;
    out_ = next_;
    while (!ends_word(peek())) {
      const char c = *next_++;
      if (c == '"' || c == '\'') {
        if (!(c == '"' ? read_double_quoted() : read_single_quoted())) {
          return false;
        }
        break;
      }
      *out_++ = c;
    }
    word = std::string_view(start, static_cast<size_t>(out_ - start));
    return true;
  }

 private:
  char peek(size_t ahead = 0) const {
    return static_cast<size_t>(end_ - next_) > ahead ? next_[ahead] : '\0';
  }

  bool closes_argument() const { return peek() == '\0' || is_ascii_space(peek()); }

  bool read_double_quoted() {
    while (peek() != '\0') {
      const char c = *next_++;
      if (c == '"') {
        return closes_argument();
      }
      if (c != '\\' || peek() == '\0') {
        *out_++ = c;
      } else if (peek() == 'x' && hex_digit(peek(1)) >= 0 && hex_digit(peek(2)) >= 0) {
        *out_++ = static_cast<char>(hex_digit(peek(1)) * 16 + hex_digit(peek(2)));
        next_ += 3;
      } else {
        *out_++ = escaped(*next_++);
      }
    }
    return false;
  }

  bool read_single_quoted() {
    while (peek() != '\0') {
      const char c = *next_++;
      if (c == '\'') {
        return closes_argument();
      }
      if (c == '\\' && peek() == '\'') {
        *out_++ = *next_++;
      } else {
        *out_++ = c;
      }
    }
    return false;
  }

  char* next_;
  char* end_;
  char* out_ = nullptr;
};

}  // namespace

bool split_inline_request(char* line, size_t size, std::vector<std::string_view>& args) {
  Splitter splitter(line, size);
  while (splitter.skip_blanks()) {
    std::string_view word;
    if (!splitter.read_word(word)) {
      return false;
    }
    args.push_back(word);
  }
  return true;
}

}  // namespace kindred
