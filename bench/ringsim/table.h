#pragma once

#include <iosfwd>
#include <string>
#include <variant>
#include <vector>

namespace kindred::bench {

using Cell = std::variant<std::string, double>;

/// What a command found: rows of named figures.
struct Table {
  std::vector<std::string> columns;
  std::vector<std::vector<Cell>> rows;
  std::string remark;  // a sentence for people, below the rows; may be empty

  /// The cell of a numeric column; the column exists.
  double number(std::size_t row, const std::string& column) const;
};

/// Columns aligned, for people.
void print_text(const Table& table, std::ostream& out);
/// An array of objects, one a row.
void print_json(const Table& table, std::ostream& out);

}  // namespace kindred::bench
