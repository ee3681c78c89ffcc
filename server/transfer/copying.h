#pragma once

#include <cstdio>
#include <string>

#include "server/transfer/connection.h"

namespace kindred::transfer {

/// Writes the source's keys to `out` as commands that `redis-cli --pipe` and import_keys() take.
/// True where all were read; why not, is told on the error output.
bool export_keys(Connection& source, const std::string& pattern, std::FILE* out);

/// Sends the commands that `in` holds to the target. True where all were carried out.
bool import_keys(std::FILE* in, Connection& target);

/// From server to server, both running.
bool copy_keys(Connection& source, const std::string& pattern, Connection& target);

}  // namespace kindred::transfer
