package transfer

import (
	"archive/zip"
	"io"
	"os"
	"strings"
)

// checkArchive refuses a spreadsheet that would unpack to far more than a table needs, before anything is unpacked. An
// archive that lies about its sizes fails while it is read: the reader stops at the size that was said.
func checkArchive(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	defer f.Seek(0, io.SeekStart)
	archive, err := zip.NewReader(f, info.Size())
	if err != nil {
		return ErrNotATable
	}
	var unpacked uint64
	isBook := false
	for _, entry := range archive.File {
		unpacked += entry.UncompressedSize64
		isBook = isBook || strings.EqualFold(entry.Name, "xl/workbook.xml")
	}
	switch {
	case unpacked > mostUnpacked || len(archive.File) > 2000:
		return ErrTooLarge
	case !isBook:
		return ErrNotATable
	}
	return nil
}
