#pragma once

#include <span>
#include <string>
#include <string_view>

#include "protocol/command/command_spec.h"

// Redis's error texts, as clients know and match them, for ReplyWriter::error.

namespace kindred {

namespace error_text {

inline constexpr std::string_view kSyntax = "ERR syntax error";
inline constexpr std::string_view kNotAnInteger = "ERR value is not an integer or out of range";
inline constexpr std::string_view kNotAFloat = "ERR value is not a valid float";
inline constexpr std::string_view kOverflow = "ERR increment or decrement would overflow";
inline constexpr std::string_view kNotFinite = "ERR increment would produce NaN or Infinity";
inline constexpr std::string_view kDecrementOverflow = "ERR decrement would overflow";
inline constexpr std::string_view kDbIndexOutOfRange = "ERR DB index is out of range";
inline constexpr std::string_view kInvalidDbIndex = "ERR invalid DB index";
inline constexpr std::string_view kInvalidCursor = "ERR invalid cursor";
inline constexpr std::string_view kNoSuchKey = "ERR no such key";
inline constexpr std::string_view kOffsetOutOfRange = "ERR offset is out of range";
inline constexpr std::string_view kStringTooLong =
    "ERR string exceeds maximum allowed size (proto-max-bulk-len)";
inline constexpr std::string_view kTimeoutNotAnInteger =
    "ERR timeout is not an integer or out of range";
inline constexpr std::string_view kTimeoutNegative = "ERR timeout is negative";
inline constexpr std::string_view kWrongType =
    "WRONGTYPE Operation against a key holding the wrong kind of value";
inline constexpr std::string_view kNoAuth = "NOAUTH Authentication required.";
inline constexpr std::string_view kHelloNoAuth =
    "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH "
    "<user> <pass> option can be used to authenticate the client and select the RESP protocol "
    "version at the same time";
inline constexpr std::string_view kWrongPass =
    "WRONGPASS invalid username-password pair or user is disabled.";
inline constexpr std::string_view kAuthWithoutPassword =
    "ERR AUTH <password> called without any password configured for the default user. Are you "
    "sure your configuration is correct?";
inline constexpr std::string_view kNoProto = "NOPROTO unsupported protocol version";
inline constexpr std::string_view kProtoNotAnInteger =
    "ERR Protocol version is not an integer or out of range";
inline constexpr std::string_view kExecAbort =
    "EXECABORT Transaction discarded because of previous errors.";
inline constexpr std::string_view kTransactionTooLarge =
    "OOM command not allowed when the transaction's queue > 'client-query-buffer-limit'.";
inline constexpr std::string_view kExecWithoutMulti = "ERR EXEC without MULTI";
inline constexpr std::string_view kDiscardWithoutMulti = "ERR DISCARD without MULTI";
inline constexpr std::string_view kNestedMulti = "ERR MULTI calls can not be nested";
inline constexpr std::string_view kNotInMulti = "ERR Command not allowed inside a transaction";
inline constexpr std::string_view kMaxClients = "ERR max number of clients reached";
inline constexpr std::string_view kNoKeyArguments = "ERR The command has no key arguments";
inline constexpr std::string_view kInvalidCommand = "ERR Invalid command specified";
inline constexpr std::string_view kInvalidArgCount =
    "ERR Invalid number of arguments specified for command";

}  // namespace error_text

// "ERR unknown command 'FOO', with args beginning with: 'a' 'b' ": `args` as received, name first.
// Each part is cut at its first NUL and at 128 bytes; CR and LF become spaces.
std::string unknown_command_error(std::span<const std::string_view> args);

// "ERR unknown subcommand 'X'. Try CONFIG HELP."
std::string unknown_subcommand_error(const CommandSpec& container, std::string_view subcommand);

// "ERR unknown subcommand or wrong number of arguments for 'X'. Try ACL HELP.", of a subcommand
// that takes one of several numbers of arguments.
std::string subcommand_arity_error(const CommandSpec& container, std::string_view subcommand);

// "ERR wrong number of arguments for 'config|get' command"
std::string arity_error(const CommandSpec& spec);

// "ERR invalid expire time in 'set' command"
std::string invalid_expire_error(const CommandSpec& spec);

}  // namespace kindred
