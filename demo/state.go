package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// restore gives the simulator the world that the last run left, if there is one.
func restore(ctx context.Context, control *caller, path string) error {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the simulated world: %w", err)
	}
	if err := control.call(ctx, "PUT", "/_sim/state", json.RawMessage(b), nil); err != nil {
		return fmt.Errorf("the simulated world in %s can't be used (delete data/ to begin anew): %w", path, err)
	}
	return nil
}

// save keeps the simulated world for the next run. It runs after a stop, so under a time of its own.
func save(control *caller, path string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	var world json.RawMessage
	if err := control.call(ctx, "GET", "/_sim/state", nil, &world); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil { // nothing else makes it when the database is a server
		return err
	}
	// Written beside and renamed, so that a kill leaves the old world or the new one.
	if err := os.WriteFile(path+".new", world, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
