#include "protocol/record/saved_copy.h"

#include <array>
#include <bit>

#include "protocol/record/bytes.h"
#include "protocol/record/hash.h"

namespace kindred {

namespace {

// Another digest of states, or another order of leaves, is another version too.
constexpr uint8_t kSaveVersion = 1;
constexpr char kSaveKind = static_cast<char>(StoredKind::kSave);
constexpr size_t kSaveChecksumBytes = 8;
constexpr uint8_t kSaveLevelMax = 22;

using Histogram = std::array<uint64_t, 7>;

void add_save_checksum(std::string* out) {
  ByteWriter(out).u64(hash64(*out));
}

/// What stands before a checksum that holds; empty where it does not.
std::string_view checked_content(std::string_view bytes) {
  if (bytes.size() < kSaveChecksumBytes) {
    return {};
  }
  const std::string_view content = bytes.substr(0, bytes.size() - kSaveChecksumBytes);
  return load_le<uint64_t>(bytes.data() + content.size()) == hash64(content) ? content
                                                                             : std::string_view();
}

void write_histogram(ByteWriter& writer, const Histogram& histogram) {
  for (const uint64_t keys : histogram) {
    writer.varint(keys);
  }
}

void read_histogram(ByteReader& reader, Histogram* histogram) {
  for (uint64_t& keys : *histogram) {
    keys = reader.varint();
  }
}

void write_count(ByteWriter& writer, const CountFigures& count) {
  write_histogram(writer, count.by_siblings);
  write_histogram(writer, count.by_clock);
  for (const uint64_t figure :
       {count.live, count.written, count.crowded, count.expiring, count.passed_tick}) {
    writer.varint(figure);
  }
  writer.varint(count.dying.size());
  uint64_t before = 0;
  for (const auto& [tick, keys] : count.dying) {
    writer.varint(tick - before);
    writer.varint(keys);
    before = tick;
  }
}

void read_count(ByteReader& reader, CountFigures* count) {
  read_histogram(reader, &count->by_siblings);
  read_histogram(reader, &count->by_clock);
  for (uint64_t* figure :
       {&count->live, &count->written, &count->crowded, &count->expiring, &count->passed_tick}) {
    *figure = reader.varint();
  }
  count->dying.resize(reader.count(2));
  uint64_t tick = 0;
  for (auto& [at, keys] : count->dying) {
    tick += reader.varint();
    at = tick;
    keys = reader.varint();
  }
}

}  // namespace

std::string save_mark_key() {
  return std::string(1, kSaveKind);
}

std::string saved_copy_key(uint16_t partition) {
  return {kSaveKind, static_cast<char>(partition >> 8), static_cast<char>(partition)};
}

StoredKeyRange all_saved_range() {
  return {std::string(1, kSaveKind), std::string(1, kSaveKind + 1)};
}

void encode_save_mark(const SaveMark& mark, std::string* out) {
  out->clear();
  ByteWriter writer(out);
  writer.u8(kSaveVersion);
  writer.u64(mark.id);
  writer.u32(mark.partition_count);
  writer.u64(mark.flush_stamp);
  add_save_checksum(out);
}

bool decode_save_mark(std::string_view bytes, SaveMark* mark) {
  ByteReader reader(checked_content(bytes));
  const bool is_known = reader.u8() == kSaveVersion;
  mark->id = reader.u64();
  mark->partition_count = reader.u32();
  mark->flush_stamp = reader.u64();
  return reader.complete() && is_known;
}

void encode_saved_copy(uint64_t save_id, uint16_t partition, const SavedCopy& copy,
                       std::string* out) {
  out->clear();
  ByteWriter writer(out);
  writer.u8(kSaveVersion);
  writer.u64(save_id);
  writer.u16(partition);
  writer.varint(copy.keys);
  writer.u8(copy.leaves.empty() ? 0 : static_cast<uint8_t>(std::countr_zero(copy.leaves.size())));
  for (const uint64_t leaf : copy.leaves) {
    writer.u64(leaf);
  }
  write_count(writer, copy.count);
  add_save_checksum(out);
}

bool decode_saved_copy(std::string_view bytes, uint64_t save_id, uint16_t partition,
                       SavedCopy* copy) {
  ByteReader reader(checked_content(bytes));
  const bool is_known = reader.u8() == kSaveVersion;
  const bool is_its = reader.u64() == save_id && reader.u16() == partition;
  if (!is_known || !is_its) {
    return false;
  }
  copy->keys = reader.varint();
  const uint8_t level = reader.u8();
  const size_t leaves = level == 0 ? 0 : size_t{1} << (level & 31U);
  if (level > kSaveLevelMax || leaves > reader.remaining() / sizeof(uint64_t)) {
    return false;
  }
  copy->leaves.resize(leaves);
  for (uint64_t& leaf : copy->leaves) {
    leaf = reader.u64();
  }
  read_count(reader, &copy->count);
  return reader.complete() && is_sound(*copy);
}

}  // namespace kindred
