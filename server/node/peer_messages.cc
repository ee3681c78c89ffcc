#include "server/node/peer_messages.h"

#include "protocol/record/bytes.h"
#include "replication/ring/slot.h"

namespace kindred {

namespace {

constexpr uint8_t kHelloVersion = 1;
constexpr size_t kHostBytesMax = 255;

constexpr size_t kActorsMax = 1024;  // more than a context holds

enum class ControlKind : uint8_t {
  kCountKeys = 1,
  kCountKeysReply = 2,
  kAskActors = 3,
  kActorsReply = 4,
  kYielding = 5,
  kMakeBackup = 6,
  kBackupReply = 7,
};

void write_actors(ByteWriter& writer, ControlKind kind, uint64_t id,
                  const std::vector<ActorId>& actors) {
  writer.u8(static_cast<uint8_t>(kind));
  writer.u64(id);
  writer.varint(actors.size());
  for (const ActorId actor : actors) {
    writer.u64(actor);
  }
}

std::vector<ActorId> read_actors(ByteReader& reader) {
  std::vector<ActorId> actors(reader.count(sizeof(ActorId), kActorsMax));
  for (ActorId& actor : actors) {
    actor = reader.u64();
  }
  return actors;
}

}  // namespace

std::string encode_hello(const LinkHello& hello) {
  std::string bytes;
  ByteWriter writer(&bytes);
  writer.u8(kHelloVersion);
  writer.u64(hello.node);
  writer.sized(hello.peer_address.host);
  writer.u16(hello.peer_address.port);
  writer.u64(hello.capabilities);
  return bytes;
}

// A later version may say more behind what this one knows.
bool decode_hello(std::string_view bytes, LinkHello* hello) {
  ByteReader reader(bytes);
  const uint8_t version = reader.u8();
  hello->node = reader.u64();
  hello->peer_address.host = reader.sized();
  hello->peer_address.port = reader.u16();
  hello->capabilities = reader.u64();
  return reader.ok() && version >= kHelloVersion &&
         hello->peer_address.host.size() <= kHostBytesMax;
}

std::string encode_control(const ControlMessage& message) {
  std::string bytes;
  ByteWriter writer(&bytes);
  if (const auto* count = std::get_if<CountKeys>(&message)) {
    writer.u8(static_cast<uint8_t>(ControlKind::kCountKeys));
    writer.u64(count->id);
    writer.varint(count->partitions.size());
    for (const uint16_t partition : count->partitions) {
      writer.u16(partition);
    }
  } else if (const auto* reply = std::get_if<CountKeysReply>(&message)) {
    writer.u8(static_cast<uint8_t>(ControlKind::kCountKeysReply));
    writer.u64(reply->id);
    writer.u64(reply->keys);
  } else if (const auto* asked = std::get_if<AskActors>(&message)) {
    write_actors(writer, ControlKind::kAskActors, asked->id, asked->actors);
  } else if (const auto* known = std::get_if<ActorsReply>(&message)) {
    write_actors(writer, ControlKind::kActorsReply, known->id, known->own);
  } else if (const auto* backup = std::get_if<MakeBackup>(&message)) {
    writer.u8(static_cast<uint8_t>(ControlKind::kMakeBackup));
    writer.u64(backup->id);
    writer.sized(backup->name);
  } else if (const auto* made = std::get_if<BackupReply>(&message)) {
    writer.u8(static_cast<uint8_t>(ControlKind::kBackupReply));
    writer.u64(made->id);
    writer.sized(made->error);
    writer.sized(made->directory);
  } else if (std::holds_alternative<Yielding>(message)) {
    writer.u8(static_cast<uint8_t>(ControlKind::kYielding));
  }
  return bytes;
}

bool decode_control(std::string_view bytes, ControlMessage* message) {
  ByteReader reader(bytes);
  switch (static_cast<ControlKind>(reader.u8())) {
    case ControlKind::kCountKeys: {
      CountKeys count;
      count.id = reader.u64();
      const size_t size = reader.count(sizeof(uint16_t), kSlotCount);
      count.partitions.reserve(size);
      for (size_t i = 0; i < size; ++i) {
        count.partitions.push_back(reader.u16());
      }
      *message = std::move(count);
      return reader.complete();
    }
    case ControlKind::kCountKeysReply: {
      CountKeysReply reply;
      reply.id = reader.u64();
      reply.keys = reader.u64();
      *message = reply;
      return reader.complete();
    }
    case ControlKind::kAskActors: {
      const uint64_t id = reader.u64();
      *message = AskActors{id, read_actors(reader)};
      return reader.complete();
    }
    case ControlKind::kMakeBackup: {
      MakeBackup asked;
      asked.id = reader.u64();
      asked.name = reader.sized();
      *message = std::move(asked);
      return reader.complete();
    }
    case ControlKind::kBackupReply: {
      BackupReply made;
      made.id = reader.u64();
      made.error = reader.sized();
      made.directory = reader.sized();
      *message = std::move(made);
      return reader.complete();
    }
    case ControlKind::kYielding:
      *message = Yielding{};
      return reader.complete();
    case ControlKind::kActorsReply: {
      const uint64_t id = reader.u64();
      *message = ActorsReply{id, read_actors(reader)};
      return reader.complete();
    }
  }
  return false;
}

std::string encode_publication(const Publication& publication) {
  std::string bytes;
  ByteWriter writer(&bytes);
  writer.boolean(publication.to_shard_channel);
  writer.sized(publication.channel);
  writer.raw(publication.message);
  return bytes;
}

bool decode_publication(std::string_view bytes, Publication* publication) {
  ByteReader reader(bytes);
  publication->to_shard_channel = reader.boolean();
  publication->channel = reader.sized();
  publication->message = reader.rest();
  return reader.complete();
}

}  // namespace kindred
