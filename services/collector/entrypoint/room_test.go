package main

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

const (
	tracesQueue = "exporter_otlp_http__traces"
	logsQueue   = "exporter_otlp_http__logs"
	mebibyte    = 1 << 20
)

// setAside makes a file as if a queue of this name had been set aside on a day of November.
func setAside(t *testing.T, directory, queue, day string, size int) string {
	t.Helper()
	name := queue + asideMark + "202511" + day + "T000000.000000000"
	if err := os.WriteFile(filepath.Join(directory, name), make([]byte, size), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestFilesSetAsideLeaveTheQueuesTheirSpaceTheOldestGoingFirst(t *testing.T) {
	cases := map[string]struct {
		free     uint64
		expected int // of the four files, the newest ones
	}{
		"a fifth of the space":           {16 * mebibyte, 4},
		"a little more":                  {15 * mebibyte, 3},
		"room for half of them":          {7 * mebibyte, 2},
		"room for one":                   {mebibyte, 1},
		"a volume that is full":          {0, 0},
		"a volume far larger than these": {1 << 40, 4},
	}
	for name, each := range cases {
		t.Run(name, func(t *testing.T) {
			directory := t.TempDir()
			files := []string{
				setAside(t, directory, tracesQueue, "01", mebibyte),
				setAside(t, directory, logsQueue, "02", mebibyte),
				setAside(t, directory, tracesQueue, "03", mebibyte),
				setAside(t, directory, logsQueue, "04", mebibyte),
			}
			makeRoom(directory, func(string) (uint64, error) { return each.free, nil })
			expected := map[string]bool{}
			for _, kept := range files[len(files)-each.expected:] {
				expected[kept] = true
			}
			found := map[string]bool{}
			for _, kept := range names(t, directory) {
				found[kept] = true
			}
			if !reflect.DeepEqual(expected, found) {
				t.Fatalf("expected %v, found %v", expected, found)
			}
		})
	}
}

func TestAQueueDamagedOnAFullVolumeIsCountedAndNotKept(t *testing.T) {
	directory := t.TempDir()
	path := filepath.Join(directory, tracesQueue)
	for expected := 1; expected <= 2; expected++ {
		if err := os.WriteFile(path, []byte("these are no pages"), 0o600); err != nil {
			t.Fatal(err)
		}
		// What inspect asks for is the space before the removal that it then counts itself.
		full := func(string) (uint64, error) { return 0, nil }
		if count := inspect(self(t), directory, full); count != expected {
			t.Fatalf("expected %d, counted %d", expected, count)
		}
		if found := names(t, directory); !reflect.DeepEqual([]string{countFile}, found) {
			t.Fatalf("found %v", found)
		}
		if count := readCount(directory); count != expected {
			t.Fatalf("%d is kept", count)
		}
	}
}

func TestAStartMakesRoomForQueuesThatGrewSinceFilesWereSetAside(t *testing.T) {
	directory := t.TempDir()
	writeQueue(t, filepath.Join(directory, tracesQueue))
	setAside(t, directory, tracesQueue, "01", 4*mebibyte)
	newest := setAside(t, directory, logsQueue, "02", mebibyte)
	if err := writeCount(directory, 2); err != nil {
		t.Fatal(err)
	}
	if count := inspect(self(t), directory, func(string) (uint64, error) { return 5 * mebibyte, nil }); count != 2 {
		t.Fatalf("counted %d", count)
	}
	if expected, found := []string{countFile, newest, tracesQueue}, names(t, directory); !reflect.DeepEqual(expected, found) {
		t.Fatalf("found %v", found)
	}
}

func TestNothingIsRemovedWhileTheSpaceIsNotKnown(t *testing.T) {
	directory := t.TempDir()
	kept := setAside(t, directory, tracesQueue, "01", mebibyte)
	makeRoom(directory, func(string) (uint64, error) { return 0, errors.New("no answer") })
	if found := names(t, directory); !reflect.DeepEqual([]string{kept}, found) {
		t.Fatalf("found %v", found)
	}
}

func TestTheSpaceOfAVolumeIsAsked(t *testing.T) {
	if _, err := ofVolume(filepath.Join(t.TempDir(), "missing")); err == nil {
		t.Fatal("a missing directory has a volume")
	}
	if free, err := ofVolume(t.TempDir()); err != nil || free == 0 {
		t.Fatalf("%d bytes, %v", free, err)
	}
}

func TestACountIsWrittenOverWhateverStandsThere(t *testing.T) {
	directory := t.TempDir()
	if err := os.WriteFile(filepath.Join(directory, countFile), []byte("no number"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := writeCount(directory, 1); err != nil || readCount(directory) != 1 {
		t.Fatalf("%d is kept, %v", readCount(directory), err)
	}
}
