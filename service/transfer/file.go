package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"unicode"

	"gorm.io/gorm"

	"zhiyin/model"
)

const partSize = 1 << 20

// keep copies what is uploaded into a file of ours, at most MaxFile bytes of it. Remove it afterwards.
func (s *Service) keep(r io.Reader) (f *os.File, size int64, err error) {
	if f, err = scratch(); err != nil {
		return nil, 0, err
	}
	size, err = io.Copy(f, io.LimitReader(r, s.MaxFile+1))
	if err == nil && size > s.MaxFile {
		err = ErrTooLarge
	}
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, size, nil
}

// scratch is a file without a name: it is gone when it is closed, or when the process ends.
func scratch() (*os.File, error) {
	f, err := os.CreateTemp("", "zhiyin-transfer-*")
	if err != nil {
		return nil, fmt.Errorf("make a temporary file: %w", err)
	}
	return f, os.Remove(f.Name())
}

// storeTx writes a file's bytes as rows.
func (s *Service) storeTx(tx *gorm.DB, name, mime string, f io.Reader) (*model.TransferFile, error) {
	row := &model.TransferFile{Name: fileName(name), MIME: mime, ExpiresAt: s.Now().Add(s.KeepFiles), CreatedAt: s.Now()}
	if err := tx.Create(row).Error; err != nil {
		return nil, err
	}
	buf := make([]byte, partSize)
	for part := 0; ; part++ {
		n, err := io.ReadFull(f, buf)
		if n > 0 {
			if err := tx.Create(&model.TransferPart{FileID: row.ID, Part: part, Content: buf[:n]}).Error; err != nil {
				return nil, err
			}
			row.Size += int64(n)
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return row, tx.Model(row).Update("size", row.Size).Error
		}
		if err != nil {
			return nil, err
		}
	}
}

// fetch brings a stored file to the disk.
func (s *Service) fetch(ctx context.Context, id int64) (*os.File, error) {
	f, err := scratch()
	if err != nil {
		return nil, err
	}
	if err := s.copyTo(ctx, id, f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	_, err = f.Seek(0, io.SeekStart)
	return f, err
}

func (s *Service) copyTo(ctx context.Context, id int64, w io.Writer) error {
	for part := 0; ; part++ {
		content, err := filePart(s.DB.WithContext(ctx), id, part)
		if errors.Is(err, gorm.ErrRecordNotFound) {
			if part == 0 {
				return ErrExpired
			}
			return nil
		}
		if err != nil {
			return fmt.Errorf("read file %d: %w", id, err)
		}
		if _, err := w.Write(content); err != nil {
			return err
		}
	}
}

// fileName keeps the last part of a name, without what is not meant to be seen.
func fileName(name string) string {
	name = filepath.Base(strings.ReplaceAll(strings.ToValidUTF8(name, ""), `\`, "/"))
	name = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || strings.ContainsRune(`"<>:|?*`, r) {
			return -1
		}
		return r
	}, name)
	if name = strings.Trim(name, ". /"); name == "" {
		return "file"
	}
	if runes := []rune(name); len(runes) > 100 {
		return string(runes[len(runes)-100:]) // with its extension
	}
	return name
}
