package transfer

import (
	"strings"
	"unicode"
)

// A spreadsheet takes a cell that begins with one of these for a formula, or looks behind them for one;
// full-width forms are taken for the narrow ones by some.
const formulaStarts = "=+-@＝＋－＠\t\r\n\x00"

// neutral makes a cell of a CSV file one that no spreadsheet calculates. [literal] gives it back.
func neutral(cell string) string {
	if strings.HasPrefix(cell, "'") || startsFormula(cell) {
		return "'" + cell
	}
	return cell
}

func startsFormula(cell string) bool {
	for line := range strings.SplitSeq(strings.ReplaceAll(cell, "\r", "\n"), "\n") {
		line = strings.TrimLeftFunc(line, func(r rune) bool { return unicode.IsSpace(r) || r == 0 || r == '\ufeff' })
		if line != "" && strings.ContainsRune(formulaStarts, []rune(line)[0]) {
			return true
		}
	}
	return cell != "" && strings.ContainsRune(formulaStarts, []rune(cell)[0])
}

// literal is what a cell says: without the apostrophe by which spreadsheets, and [neutral], mark a text.
func literal(cell string) string {
	return strings.TrimPrefix(cell, "'")
}
