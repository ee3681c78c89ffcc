#include "server/node/backup_files.h"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

namespace kindred {

namespace {

namespace fs = std::filesystem;

/// Says that a directory is a backup, and of which engine. Written last.
constexpr char kBackupFile[] = "backup";
constexpr std::string_view kHeader = "kindred-backup 1\nengine ";
/// In a node's directory: which backup it was restored from.
constexpr char kRestoredFile[] = "restored";
constexpr char kRestoringFile[] = "restoring";

std::string read_file(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream content;
  content << stream.rdbuf();
  return stream ? content.str() : std::string();
}

std::string words(const std::string& what, const std::string& path, const std::error_code& error) {
  return what + " '" + path + "': " + error.message();
}

/// `engine` where it begins a directory's name: "data-rocksdb", "data-rocksdb-1".
bool is_engine_data(const std::string& name, const std::string& engine) {
  return name == "data-" + engine || name.starts_with("data-" + engine + "-");
}

}  // namespace

std::string engine_directory(const std::string& dir, const std::string& engine, unsigned index) {
  return dir + "/data-" + engine + (index == 0 ? "" : "-" + std::to_string(index));
}

std::string write_backup(const std::string& target, const std::string& engine,
                         const std::vector<std::unique_ptr<plugins::Engine>>& engines,
                         std::string_view node_record) {
  const std::string aside = target + ".part";
  std::error_code failure;
  if (fs::exists(target, failure)) {
    return "there is a backup '" + target + "' already";
  }
  fs::remove_all(aside, failure);
  fs::create_directories(aside, failure);
  if (failure) {
    return words("can't make", aside, failure);
  }
  std::string error;
  for (unsigned i = 0; i < engines.size() && error.empty(); ++i) {
    const plugins::Status status = engines[i]->checkpoint(engine_directory(aside, engine, i));
    error = status.ok() ? "" : status.text();
  }
  if (error.empty()) {
    error = replace_file(aside + "/" + kNodeRecordFile, node_record);
  }
  if (error.empty()) {
    error = replace_file(aside + "/" + kBackupFile, std::string(kHeader) + engine + "\n");
  }
  if (error.empty()) {
    fs::rename(aside, target, failure);
    error = failure ? words("can't rename", aside, failure) : "";
  }
  if (!error.empty()) {
    fs::remove_all(aside, failure);  // as far as that goes
  }
  return error;
}

std::string remove_other_backups(const std::string& kept) {
  const fs::path place(kept);
  std::vector<fs::path> others;
  std::error_code failure;
  for (const fs::directory_entry& entry : fs::directory_iterator(place.parent_path(), failure)) {
    if (entry.path().filename() != place.filename()) {
      others.push_back(entry.path());
    }
  }
  if (failure) {
    return words("can't list", place.parent_path().string(), failure);
  }
  for (const fs::path& other : others) {
    fs::remove_all(other, failure);
    if (failure) {
      return words("can't remove", other.string(), failure);
    }
  }
  return "";
}

std::string restore_backup(const std::string& backup, const std::string& dir,
                           const std::string& engine) {
  std::error_code failure;
  fs::create_directories(dir, failure);
  const std::string restoring = dir + "/" + kRestoringFile;
  const bool was_cut_short = fs::exists(restoring, failure);
  if (!was_cut_short && read_file(dir + "/" + kRestoredFile) == backup + "\n") {
    return "";
  }
  if (!was_cut_short && fs::exists(dir + "/" + kNodeRecordFile, failure)) {
    return "'" + dir +
           "' holds a node's data already; a backup is restored into an empty directory";
  }
  const std::string told = read_file(backup + "/" + kBackupFile);
  if (!told.starts_with(kHeader)) {
    return "'" + backup + "' is no backup, or none that was finished";
  }
  if (told != std::string(kHeader) + engine + "\n") {
    std::string error = "'" + backup;
    error += "' is a backup of another storage engine: ";
    error += told.substr(kHeader.size(), told.size() - kHeader.size() - 1);
    return error;
  }
  std::string error = replace_file(restoring, backup + "\n");
  if (!error.empty()) {
    return error;
  }
  for (const fs::directory_entry& entry : fs::directory_iterator(backup, failure)) {
    const std::string name = entry.path().filename().string();
    if (is_engine_data(name, engine)) {
      const fs::path copy = fs::path(dir) / name;
      fs::remove_all(copy, failure);
      fs::copy(entry.path(), copy, fs::copy_options::recursive, failure);
    }
    if (failure) {
      return words("can't restore", entry.path().string(), failure);
    }
  }
  error = replace_file(dir + "/" + kNodeRecordFile, read_file(backup + "/" + kNodeRecordFile));
  if (error.empty()) {
    error = replace_file(dir + "/" + kRestoredFile, backup + "\n");
  }
  if (error.empty()) {
    fs::remove(restoring, failure);
  }
  return error;
}

}  // namespace kindred
