#include "tests/harness/redis_server.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <utility>

namespace kindred::testing_support {

RedisServer::RedisServer(std::vector<std::string> options) : options_(std::move(options)) {
  std::string pattern = std::filesystem::temp_directory_path() / "kindred-redis-XXXXXX";
  if (::mkdtemp(pattern.data()) == nullptr) {
    std::perror("mkdtemp");
    std::abort();
  }
  dir_ = pattern;
  start();
}

RedisServer::~RedisServer() {
  kill();
  std::filesystem::remove_all(dir_);
}

void RedisServer::start() {
  std::vector<std::string> words = {"redis-server",
                                    "--port",
                                    "0",
                                    "--unixsocket",
                                    dir_ + "/socket",
                                    "--dir",
                                    dir_,
                                    "--logfile",
                                    dir_ + "/log",
                                    "--save",
                                    "",
                                    "--daemonize",
                                    "no"};
  words.insert(words.end(), options_.begin(), options_.end());
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (std::string& word : words) {
    arguments.push_back(word.data());
  }
  arguments.push_back(nullptr);
  pid_ = ::fork();
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::execvp(arguments[0], arguments.data());
    ::_exit(127);
  }
  if (pid_ < 0) {
    std::perror("fork");
    std::abort();
  }
}

void RedisServer::kill() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
}

void RedisServer::pause() {
  ::kill(pid_, SIGSTOP);
}

void RedisServer::resume() {
  ::kill(pid_, SIGCONT);
}

}  // namespace kindred::testing_support
