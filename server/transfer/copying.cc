#include "server/transfer/copying.h"

#include <memory>
#include <vector>

#include "server/transfer/key_stream.h"

namespace kindred::transfer {

namespace {

constexpr size_t kCommandsInFlight = 1000;
constexpr size_t kReadBytes = 1 << 16;

/// Commands on their way to the target; replies are read a window at a time.
class Sending {
 public:
  Sending(Connection& target, Progress& progress) : target_(target), progress_(progress) {}

  /// False where the connection broke.
  bool send(const std::vector<std::string_view>& words) {
    size_t bytes = 0;
    for (const std::string_view word : words) {
      bytes += word.size();
    }
    target_.append(words);
    in_flight_.push_back({words.size() > 1 ? std::string(words[1]) : std::string(), bytes});
    return in_flight_.size() < kCommandsInFlight || finish();
  }
  /// Reads what is still to come.
  bool finish() {
    for (const Sent& sent : in_flight_) {
      const Reply reply = target_.read();
      if (reply == nullptr) {
        return false;
      }
      if (reply->type == REDIS_REPLY_ERROR) {
        progress_.failed(sent.key + ": " + std::string(text_of(*reply)));
      } else {
        progress_.moved(sent.bytes);
      }
    }
    in_flight_.clear();
    return true;
  }

 private:
  struct Sent {
    std::string key;
    size_t bytes;
  };
  Connection& target_;
  Progress& progress_;
  std::vector<Sent> in_flight_;
};

struct FreeReader {
  void operator()(redisReader* reader) const { redisReaderFree(reader); }
};

/// Sends every whole command that the reader has by now. False where the bytes are no commands, or
/// the connection broke.
bool send_commands(redisReader& reader, Sending& sending, Progress& progress) {
  for (;;) {
    void* object = nullptr;
    if (redisReaderGetReply(&reader, &object) != REDIS_OK) {
      progress.failed(std::string("the input is no command stream: ") + reader.errstr);
      return false;
    }
    if (object == nullptr) {
      return true;
    }
    const Reply command(static_cast<redisReply*>(object));
    std::vector<std::string_view> words;
    for (size_t i = 0; i < command->elements; ++i) {
      words.push_back(text_of(*command->element[i]));
    }
    if (command->type != REDIS_REPLY_ARRAY || words.empty()) {
      progress.failed("the input is no command stream");
      return false;
    }
    if (!sending.send(words)) {
      return false;
    }
  }
}

}  // namespace

bool export_keys(Connection& source, const std::string& pattern, std::FILE* out) {
  Progress progress(count_keys(source));
  SetCommand set;
  std::string bytes;
  const bool is_read = read_keys(
      source, pattern, progress,
      [&](const Item& item) {
        append_command(set.words(item), &bytes);
        progress.moved(item.key.size() + item.value.size());
      },
      [&] {
        const bool is_written = std::fwrite(bytes.data(), 1, bytes.size(), out) == bytes.size();
        bytes.clear();
        if (!is_written) {
          progress.failed("the output takes no more");
        }
        return is_written;
      });
  if (!is_read) {
    progress.failed("the source: " + source.error());
  }
  const bool is_flushed = std::fflush(out) == 0;
  progress.finish();
  return is_read && is_flushed && progress.failures() == 0;
}

bool import_keys(std::FILE* in, Connection& target) {
  Progress progress(0);
  Sending sending(target, progress);
  const std::unique_ptr<redisReader, FreeReader> reader(redisReaderCreate());
  std::vector<char> bytes(kReadBytes);
  bool goes_on = reader != nullptr;
  while (goes_on) {
    const size_t size = std::fread(bytes.data(), 1, bytes.size(), in);
    if (size == 0) {
      break;
    }
    goes_on = redisReaderFeed(reader.get(), bytes.data(), size) == REDIS_OK &&
              send_commands(*reader, sending, progress);
  }
  if (goes_on && (reader->pos < reader->len || reader->ridx >= 0)) {
    progress.failed("the input ends within a command");
  }
  if (!sending.finish() || !goes_on) {
    progress.failed("the target: " + target.error());
  }
  progress.finish();
  return progress.failures() == 0;
}

bool copy_keys(Connection& source, const std::string& pattern, Connection& target) {
  Progress progress(count_keys(source));
  Sending sending(target, progress);
  SetCommand set;
  bool target_lives = true;
  const bool is_read = read_keys(
      source, pattern, progress,
      [&](const Item& item) { target_lives = target_lives && sending.send(set.words(item)); },
      [&] { return target_lives; });
  target_lives = target_lives && sending.finish();
  if (!target_lives) {
    progress.failed("the target: " + target.error());
  } else if (!is_read) {
    progress.failed("the source: " + source.error());
  }
  progress.finish();
  return progress.failures() == 0;
}

}  // namespace kindred::transfer
