#include "protocol/record/record.h"

#include "protocol/record/bytes.h"
#include "protocol/record/hash.h"
#include "protocol/record/state_bytes.h"

namespace kindred {

namespace {

uint32_t checksum(uint64_t key_hash, std::string_view state_bytes) {
  const uint64_t sum = hash64(state_bytes) ^ key_hash;
  return static_cast<uint32_t>(sum ^ (sum >> 32));
}

}  // namespace

void encode_record(const KeyRef& key, const State& state, std::string* out) {
  if (state.never_written()) {
    out->clear();
    return;
  }
  out->resize(kRecordChecksumBytes + state_bytes_max(state));
  char* const begin = out->data() + kRecordChecksumBytes;
  char* const end = store_state(begin, state);
  const std::string_view state_bytes(begin, static_cast<size_t>(end - begin));
  store_le(out->data(), checksum(key.hash, state_bytes));
  out->resize(kRecordChecksumBytes + state_bytes.size());
}

bool decode_record(const KeyRef& key, std::string_view record, State* state) {
  if (record.empty()) {
    *state = State{};
    return true;
  }
  if (record.size() < kRecordChecksumBytes) {
    return false;
  }
  const std::string_view state_bytes = record.substr(kRecordChecksumBytes);
  return load_le<uint32_t>(record.data()) == checksum(key.hash, state_bytes) &&
         load_state(state_bytes, state);
}

}  // namespace kindred
