package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"go.etcd.io/bbolt"
)

// TestMain makes the test program a checker too, as the entrypoint is its own.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == checkCommand {
		os.Exit(check(os.Args[2]))
	}
	os.Exit(m.Run())
}

// writeQueue makes a queue file as the storage extension does, with 200 entries of 4 KiB.
func writeQueue(t *testing.T, path string) {
	t.Helper()
	database, err := bbolt.Open(path, 0o600, &bbolt.Options{NoFreelistSync: true, FreelistType: bbolt.FreelistMapType})
	if err != nil {
		t.Fatal(err)
	}
	for first := 0; first < 200; first += 50 {
		err = database.Update(func(tx *bbolt.Tx) error {
			bucket, err := tx.CreateBucketIfNotExists([]byte("default"))
			for i := first; err == nil && i < first+50; i++ {
				err = bucket.Put([]byte(fmt.Sprint(i)), bytes.Repeat([]byte{byte(i)}, 4096))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := database.Close(); err != nil {
		t.Fatal(err)
	}
}

func names(t *testing.T, directory string) []string {
	t.Helper()
	entries, err := os.ReadDir(directory)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, entry := range entries {
		found = append(found, entry.Name())
	}
	return found
}

func self(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// enough is the free space of a volume that files set aside do not matter to.
func enough(string) (uint64, error) { return 1 << 40, nil }

func TestASoundQueueStaysWhereItIs(t *testing.T) {
	directory := t.TempDir()
	writeQueue(t, filepath.Join(directory, "exporter_otlp_http__traces"))
	if err := os.WriteFile(filepath.Join(directory, "exporter_otlp_http__logs"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if count := inspect(self(t), directory, enough); count != 0 {
		t.Fatalf("moved %d files aside", count)
	}
	if found := names(t, directory); len(found) != 2 {
		t.Fatalf("found %v", found)
	}
}

func TestADamagedQueueIsMovedAsideAndCounted(t *testing.T) {
	damages := map[string]func([]byte) []byte{
		"no queue at all": func([]byte) []byte { return []byte("these are no pages") },
		"cut short":       func(pages []byte) []byte { return pages[:len(pages)/3] },
		"both heads lost": func(pages []byte) []byte { return append(make([]byte, 8192), pages[8192:]...) },
		"a hole in it": func(pages []byte) []byte {
			return append(append(append([]byte{}, pages[:8192]...), make([]byte, len(pages)-16384)...), pages[len(pages)-8192:]...)
		},
	}
	for name, damaged := range damages {
		t.Run(name, func(t *testing.T) {
			directory := t.TempDir()
			path := filepath.Join(directory, "exporter_otlp_http__traces")
			for expected := 1; expected <= 4; expected++ {
				writeQueue(t, path)
				pages, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, damaged(pages), 0o600); err != nil {
					t.Fatal(err)
				}
				if count := inspect(self(t), directory, enough); count != expected {
					t.Fatalf("expected %d, counted %d", expected, count)
				}
				if _, err := os.Stat(path); !os.IsNotExist(err) {
					t.Fatalf("the damaged file is still there: %v", err)
				}
			}
			if count := inspect(self(t), directory, enough); count != 4 {
				t.Fatalf("a later start counts %d", count)
			}
			aside := 0
			for _, found := range names(t, directory) {
				if strings.Contains(found, asideMark) {
					aside++
				}
			}
			if aside != keptAside {
				t.Fatalf("%d files kept: %v", aside, names(t, directory))
			}
		})
	}
}

func TestOnlyStorageDirectoriesOfTheConfigurationAreLookedAt(t *testing.T) {
	t.Setenv("QUEUE", "/data")
	path := filepath.Join(t.TempDir(), "collector.yaml")
	text := "extensions:\n  health_check: {endpoint: 0.0.0.0:13133}\n" +
		"  file_storage/q: {directory: \"${env:QUEUE}/q\", fsync: true}\n" +
		"  file_storage: {directory: \"${env:MISSING:-/fallback}\"}\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, arguments := range [][]string{{"--config", path}, {"--config=file:" + path, "--config=yaml:a: b"}} {
		found := map[string]bool{}
		for _, directory := range queueDirectories(arguments) {
			found[directory] = true
		}
		if expected := map[string]bool{"/data/q": true, "/fallback": true}; !reflect.DeepEqual(expected, found) {
			t.Fatalf("found %v", found)
		}
	}
}

func TestSubcommandsRunWithoutACheck(t *testing.T) {
	if runsPipelines([]string{"validate", "--config=a.yaml"}) || runsPipelines([]string{"--version"}) {
		t.Fatal("a subcommand was taken for a start")
	}
	if !runsPipelines([]string{"--config=a.yaml"}) {
		t.Fatal("a start was not recognised")
	}
}
