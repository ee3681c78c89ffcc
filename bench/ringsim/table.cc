#include "bench/ringsim/table.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdio>
#include <ostream>

namespace kindred::bench {
namespace {

std::string text_of(double number) {
  std::array<char, 32> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "%.6g", number);
  return buffer.data();
}

std::string text_of(const Cell& cell) {
  const auto* text = std::get_if<std::string>(&cell);
  return text != nullptr ? *text : text_of(std::get<double>(cell));
}

// Names and columns are this program's own words, without a character to escape.
std::string json_of(const Cell& cell) {
  const bool is_text = std::holds_alternative<std::string>(cell);
  return is_text ? '"' + text_of(cell) + '"' : text_of(cell);
}

}  // namespace

double Table::number(std::size_t row, const std::string& column) const {
  const auto at = std::find(columns.begin(), columns.end(), column) - columns.begin();
  return std::get<double>(rows.at(row).at(static_cast<std::size_t>(at)));
}

void print_text(const Table& table, std::ostream& out) {
  std::vector<std::vector<std::string>> lines{table.columns};
  for (const auto& row : table.rows) {
    lines.emplace_back();
    for (const Cell& cell : row) {
      lines.back().push_back(text_of(cell));
    }
  }
  for (const auto& line : lines) {
    for (std::size_t column = 0; column < line.size(); ++column) {
      std::size_t width = 0;
      for (const auto& other : lines) {
        width = std::max(width, other[column].size());
      }
      out << (column == 0 ? "" : "  ") << std::string(width - line[column].size(), ' ')
          << line[column];
    }
    out << '\n';
  }
  if (!table.remark.empty()) {
    out << '\n' << table.remark << '\n';
  }
}

void print_json(const Table& table, std::ostream& out) {
  out << "[\n";
  for (std::size_t row = 0; row < table.rows.size(); ++row) {
    out << " {";
    for (std::size_t column = 0; column < table.columns.size(); ++column) {
      out << (column == 0 ? "" : ", ") << '"' << table.columns[column]
          << "\": " << json_of(table.rows[row][column]);
    }
    out << (row + 1 == table.rows.size() ? "}\n" : "},\n");
  }
  out << "]\n";
}

}  // namespace kindred::bench
