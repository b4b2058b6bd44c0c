package engine

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
)

const tempSuffix = ".tmp" // of a file that is being written

// writeFile replaces a file in one step, after the new one has reached the disk.
func writeFile(path string, content []byte) (err error) {
	f, err := createTemp(path)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	_, err = f.Write(content)
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// createTemp creates a temporary file beside the path.
func createTemp(path string) (*os.File, error) {
	return os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*"+tempSuffix)
}

// isTempOf reports whether a name is one that createTemp makes. os.CreateTemp
// inserts only digits; a longer name may be of another plugin's file.
func isTempOf(path, name string) bool {
	digits, begins := strings.CutPrefix(name, filepath.Base(path)+".")
	digits, ends := strings.CutSuffix(digits, tempSuffix)
	return begins && ends && digits != "" && strings.Trim(digits, "0123456789") == ""
}
