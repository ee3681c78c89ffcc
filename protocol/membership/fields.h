#pragma once

#include "protocol/record/bytes.h"
#include "replication/membership/node_record.h"

namespace kindred::membership_codec {

/// The fields that messages and the node record share. Reading marks the reader as failed where a
/// field is out of its bounds. A document is written whole, with its own checksum.
void write_address(ByteWriter& writer, const Address& address);
Address read_address(ByteReader& reader);
void write_promise(ByteWriter& writer, const Promise& promise);
/// `has_cluster`: not so in node records of version 1.
Promise read_promise(ByteReader& reader, bool has_cluster);
std::string read_text(ByteReader& reader);
void write_document(ByteWriter& writer, const ClusterDocument& document);
std::shared_ptr<const ClusterDocument> read_document(ByteReader& reader);
void write_optional_document(ByteWriter& writer,
                             const std::shared_ptr<const ClusterDocument>& document);
std::shared_ptr<const ClusterDocument> read_optional_document(ByteReader& reader);
void write_number(ByteWriter& writer, const DocumentNumber& number);
DocumentNumber read_number(ByteReader& reader);
void write_ballot(ByteWriter& writer, const Ballot& ballot);
Ballot read_ballot(ByteReader& reader);

}  // namespace kindred::membership_codec
