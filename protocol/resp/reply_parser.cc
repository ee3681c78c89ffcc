#include "protocol/resp/reply_parser.h"

#include <optional>
#include <utility>

#include "protocol/resp/number.h"

namespace kindred {

namespace {

constexpr size_t kMaxDepth = 64;
constexpr size_t kVerbatimPrefixBytes = 4;  // "txt:"

}  // namespace

const Reply* Reply::find(std::string_view key) const {
  for (size_t i = 0; i + 1 < elements.size(); i += 2) {
    if (elements[i].text == key) {
      return &elements[i + 1];
    }
  }
  return nullptr;
}

void ReplyParser::feed(std::string_view bytes) {
  if (pos_ > buffer_.size() / 2) {
    buffer_.erase(0, pos_);
    pos_ = 0;
  }
  buffer_.append(bytes);
}

ReplyStatus ReplyParser::next(Reply& reply) {
  for (;;) {
    Reply element;
    size_t children = 0;
    const ReplyStatus status = failed_ ? ReplyStatus::kError : read_element(element, children);
    if (status != ReplyStatus::kReply) {
      failed_ = status == ReplyStatus::kError;
      return status;
    }
    if (children > 0) {
      if (open_.size() == kMaxDepth) {
        failed_ = true;
        return ReplyStatus::kError;
      }
      open_.push_back({std::move(element), children});
    } else if (close(element)) {
      reply = std::move(element);
      return ReplyStatus::kReply;
    }
  }
}

bool ReplyParser::close(Reply& reply) {
  while (!open_.empty()) {
    Open& parent = open_.back();
    parent.reply.elements.push_back(std::move(reply));
    if (--parent.missing > 0) {
      return false;
    }
    reply = std::move(parent.reply);
    open_.pop_back();
  }
  return true;
}

ReplyStatus ReplyParser::read_element(Reply& reply, size_t& children) {
  const size_t line_end = buffer_.find("\r\n", pos_);
  if (line_end == std::string::npos) {
    return ReplyStatus::kNeedMore;
  }
  if (line_end == pos_) {
    return ReplyStatus::kError;
  }
  const char type = buffer_[pos_];
  const std::string_view line = std::string_view(buffer_).substr(pos_ + 1, line_end - pos_ - 1);
  if (type == '$' || type == '=') {
    return read_sized(type, line, line_end, reply);
  }
  ReplyStatus status = ReplyStatus::kReply;
  reply.text = line;
  switch (type) {
    case '+':
      reply.type = ReplyType::kSimpleString;
      break;
    case '-':
      reply.type = ReplyType::kError;
      break;
    case '(':
      reply.type = ReplyType::kBigNumber;
      break;
    case '_':
      reply.type = ReplyType::kNull;
      break;
    case '#':
      reply.type = ReplyType::kBoolean;
      reply.integer = line == "t" ? 1 : 0;
      status = line == "t" || line == "f" ? ReplyStatus::kReply : ReplyStatus::kError;
      break;
    case ':': {
      const std::optional<int64_t> value = parse_int64(line);
      reply.type = ReplyType::kInteger;
      reply.integer = value.value_or(0);
      status = value ? ReplyStatus::kReply : ReplyStatus::kError;
      break;
    }
    case ',': {
      const std::optional<double> value = parse_double(line);
      reply.type = ReplyType::kDouble;
      reply.number = value.value_or(0);
      status = value ? ReplyStatus::kReply : ReplyStatus::kError;
      break;
    }
    default:
      status = read_aggregate(type, line, reply, children);
  }
  pos_ = line_end + 2;
  return status;
}

ReplyStatus ReplyParser::read_aggregate(char type, std::string_view size, Reply& reply,
                                        size_t& children) {
  const std::optional<int64_t> count = parse_int64(size);
  reply.text.clear();
  if (!count || *count < -1 || *count > INT32_MAX) {
    return ReplyStatus::kError;
  }
  if (type == '*' && *count == -1) {
    reply.type = ReplyType::kNullArray;
    return ReplyStatus::kReply;
  }
  if (*count < 0) {
    return ReplyStatus::kError;
  }
  children = static_cast<size_t>(*count) * (type == '%' ? 2 : 1);
  switch (type) {
    case '*':
      reply.type = ReplyType::kArray;
      return ReplyStatus::kReply;
    case '%':
      reply.type = ReplyType::kMap;
      return ReplyStatus::kReply;
    case '~':
      reply.type = ReplyType::kSet;
      return ReplyStatus::kReply;
    case '>':
      reply.type = ReplyType::kPush;
      return ReplyStatus::kReply;
    default:
      return ReplyStatus::kError;
  }
}

ReplyStatus ReplyParser::read_sized(char type, std::string_view size, size_t line_end,
                                    Reply& reply) {
  const std::optional<int64_t> length = parse_int64(size);
  if (!length || *length < -1 || *length > INT64_MAX - 2) {
    return ReplyStatus::kError;
  }
  if (*length == -1) {
    reply.type = ReplyType::kNull;
    pos_ = line_end + 2;
    return type == '$' ? ReplyStatus::kReply : ReplyStatus::kError;
  }
  const auto bytes = static_cast<size_t>(*length);
  const size_t start = line_end + 2;
  if (buffer_.size() - start < bytes + 2) {
    return ReplyStatus::kNeedMore;
  }
  const size_t prefix = type == '=' ? kVerbatimPrefixBytes : 0;
  if (bytes < prefix || buffer_.compare(start + bytes, 2, "\r\n") != 0) {
    return ReplyStatus::kError;
  }
  reply.type = type == '=' ? ReplyType::kVerbatim : ReplyType::kBulk;
  reply.text.assign(buffer_, start + prefix, bytes - prefix);
  pos_ = start + bytes + 2;
  return ReplyStatus::kReply;
}

}  // namespace kindred
