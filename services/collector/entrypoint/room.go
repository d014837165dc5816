package main

import (
	"os"
	"path/filepath"
	"sort"
	"strings"
	"syscall"
)

// The share of damaged files: a fifth of the space that would be free without them. With empty queues
// four fifths of the volume are left, which is the limit of both queues together; as the queues fill,
// the share shrinks.
const asideShare = 5

// freeSpace returns how many bytes can still be written to the volume of a directory.
type freeSpace func(directory string) (uint64, error)

func ofVolume(directory string) (uint64, error) {
	var found syscall.Statfs_t
	if err := syscall.Statfs(directory, &found); err != nil {
		return 0, err
	}
	return uint64(found.Bavail) * uint64(found.Bsize), nil
}

// makeRoom removes the oldest files set aside in directory until the others take no more than their
// share. Nothing else can remove them, because the image has no shell.
func makeRoom(directory string, free freeSpace) {
	aside, _ := filepath.Glob(filepath.Join(directory, "*"+asideMark+"*"))
	if len(aside) == 0 {
		return
	}
	left, err := free(directory)
	if err != nil {
		say("error", "the free space of the queue's volume is not known", map[string]any{"directory": directory, "error": err.Error()})
		return
	}
	sort.Slice(aside, func(i, j int) bool { return whenSetAside(aside[i]) < whenSetAside(aside[j]) })
	taken := uint64(0)
	for _, path := range aside {
		taken += sizeOnVolume(path)
	}
	// Computed, not measured again: some file systems free the space only some time after a removal.
	total := left + taken
	for _, path := range aside {
		if taken <= total/asideShare {
			return
		}
		size := sizeOnVolume(path)
		if err := os.Remove(path); err != nil {
			say("error", "a damaged queue file could not be removed", map[string]any{"file": path, "error": err.Error()})
			continue
		}
		taken -= size
		say("warn", "a damaged queue file is removed: the queues need its space",
			map[string]any{"file": path, "bytes": size, "free_bytes": total - taken})
	}
}

func whenSetAside(path string) string {
	return path[strings.LastIndex(path, asideMark)+len(asideMark):]
}

func sizeOnVolume(path string) uint64 {
	info, err := os.Lstat(path)
	if err != nil {
		return 0
	}
	if status, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(status.Blocks) * 512
	}
	return uint64(info.Size())
}
