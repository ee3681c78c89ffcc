#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace kindred {

/// A node's data directory, locked: no other process can open it while this object lives. Files are
/// written to the side, synced and renamed, so that a reader finds the old or the new content.
/// Errors are sentences that name the file; empty: done.
class NodeDirectory {
 public:
  /// Makes the directory (its parent exists) and locks it. Null with `error` set where it can't.
  static std::unique_ptr<NodeDirectory> open(const std::string& path, std::string* error);
  ~NodeDirectory();
  NodeDirectory(const NodeDirectory&) = delete;
  NodeDirectory& operator=(const NodeDirectory&) = delete;

  /// The content of a file; nullopt with an empty `error` where there is none.
  [[nodiscard]] std::optional<std::string> read(const std::string& name, std::string* error) const;
  /// Returns when content and name are on the device. Any thread, one call at a time a file.
  [[nodiscard]] std::string write(const std::string& name, std::string_view content) const;
  /// False where it could not be removed.
  bool remove(const std::string& name) const;

  std::string path_of(const std::string& name) const { return path_ + "/" + name; }

 private:
  NodeDirectory(std::string path, int lock) : path_(std::move(path)), lock_(lock) {}
  std::string path_;
  int lock_;
};

/// Replaces a file: written to the side, synced, renamed, readable by its owner alone. Empty: done.
[[nodiscard]] std::string replace_file(const std::string& path, std::string_view content);

/// Names this run of the machine; empty where the system doesn't tell.
std::string machine_boot_id();

}  // namespace kindred
