// What stands on a disk may be anything. The first byte picks the decoder; checksums are made to
// hold, so that the fields behind them are reached. Whatever is read must be written back as it
// was.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "protocol/record/bytes.h"
#include "protocol/record/hash.h"
#include "protocol/record/key.h"
#include "protocol/record/node_file.h"
#include "protocol/record/record.h"
#include "protocol/record/saved_copy.h"
#include "protocol/record/state_bytes.h"

namespace kindred {
namespace {

void require(bool holds) {
  if (!holds) {
    std::abort();
  }
}

void check_state(std::string_view bytes) {
  State state;
  if (!load_state(bytes, &state)) {
    return;
  }
  const KeyRef key = make_key("key", 256);
  std::string record;
  encode_record(key, state, &record);
  require(std::string_view(record).substr(kRecordChecksumBytes) == bytes);
  State again;
  require(decode_record(key, record, &again) && again == state);
  State merged = merge(state, again);
  merged.round = state.round;  // a label of the whole, which merges leave to their callers
  require(merged == state && includes(state, again) && digest(state) == digest(again));
}

void check_record(std::string_view record) {
  const KeyRef key = make_key("key", 256);
  State state;
  std::string again;
  if (decode_record(key, record, &state)) {
    encode_record(key, state, &again);
    require(again == record);
  }
}

void check_stored_key(std::string_view stored) {
  KeyRef key;
  std::string again;
  if (decode_stored_key(stored, 64, &key)) {
    encode_stored_key(key, &again);
    require(again == stored);
  }
  encode_stored_key(make_key(stored, 64), &again);
  require(decode_stored_key(again, 64, &key) && key.key == stored);
}

// Of the present version a document is written as it was read; an older one is the same ever after.
void check_cluster(std::string_view fields) {
  constexpr uint16_t kPresent = 3;
  ClusterDocument cluster;
  for (uint16_t version = 1; version <= kPresent; ++version) {
    std::string bytes("KINDREDC");
    ByteWriter writer(&bytes);
    writer.u16(version);
    writer.raw(fields);
    writer.u64(hash64(bytes));
    if (decode_cluster(bytes, &cluster) != ClusterBytes::kValid) {
      continue;
    }
    std::string again;
    encode_cluster(cluster, &again);
    require(version != kPresent || again == bytes);
    std::string once_more;
    require(decode_cluster(again, &cluster) == ClusterBytes::kValid);
    encode_cluster(cluster, &once_more);
    require(once_more == again);
  }
  require(decode_cluster(fields, &cluster) != ClusterBytes::kValid || fields.size() >= 18);
}

void check_saved_copy(std::string_view fields) {
  std::string bytes;
  ByteWriter writer(&bytes);
  writer.u8(1);
  writer.u64(7);  // the save's id
  writer.u16(9);
  writer.raw(fields);
  writer.u64(hash64(bytes));
  SavedCopy copy;
  if (decode_saved_copy(bytes, 7, 9, &copy)) {
    std::string again;
    encode_saved_copy(7, 9, copy, &again);
    require(again == bytes);
  }
  require(!decode_saved_copy(bytes, 8, 9, &copy) && !decode_saved_copy(bytes, 7, 8, &copy));
  SaveMark mark;
  require(!decode_save_mark(fields, &mark) || fields.size() == 29);
}

}  // namespace
}  // namespace kindred

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  if (input.empty()) {
    return 0;
  }
  const std::string_view rest = input.substr(1);
  if ((input.front() & 4) != 0) {
    kindred::check_saved_copy(rest);
    return 0;
  }
  switch (input.front() & 3) {
    case 0:
      kindred::check_state(rest);
      break;
    case 1:
      kindred::check_record(rest);
      break;
    case 2:
      kindred::check_stored_key(rest);
      break;
    default:
      kindred::check_cluster(rest);
  }
  return 0;
}
