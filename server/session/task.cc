#include "server/session/task.h"

#include "server/session/invariant.h"

namespace kindred {

namespace {
void unasked() {
  require(false, "only what a task asked for is answered");
}
}  // namespace

void Task::operation_done(Call&, uint32_t, Outcome&) {
  unasked();
}
void Task::scan_done(Call&, ScanPage&) {
  unasked();
}
void Task::number_done(Call&, uint64_t) {
  unasked();
}
void Task::keys_done(Call&, std::vector<std::string>&) {
  unasked();
}
void Task::text_done(Call&, std::string&) {
  unasked();
}
void Task::status_done(Call&, std::string&) {
  unasked();
}
void Task::ring_figures_done(Call&, RingFigures&) {
  unasked();
}

}  // namespace kindred
