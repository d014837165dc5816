package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	countAttribute = "tracefoundry_queue_files_set_aside"
	countFile      = ".set-aside-count"
	asideMark      = ".corrupt-"
	// Compaction writes to files of this prefix, and removes them itself.
	compactionPrefix = "tempdb"
	// Damaged files that are kept for each queue, for inspection; more could fill the volume.
	keptAside = 2
	// Enough to read a gigabyte from a slow disk; after that the file is left to the collector.
	checkTimeout = 2 * time.Minute
)

// inspect checks every queue file in directory, moves the damaged ones aside, and returns how many
// were ever moved aside there.
func inspect(self, directory string, free freeSpace) int {
	count := readCount(directory)
	// The queues may have grown since files were set aside, and a rename can need space too.
	makeRoom(directory, free)
	entries, err := os.ReadDir(directory)
	if err != nil {
		return count
	}
	for _, entry := range entries {
		name := entry.Name()
		if !entry.Type().IsRegular() || name == countFile || strings.Contains(name, asideMark) ||
			strings.HasPrefix(name, compactionPrefix) {
			continue
		}
		path := filepath.Join(directory, name)
		damage := damageOf(self, path)
		if damage == "" {
			continue
		}
		aside := path + asideMark + time.Now().UTC().Format("20060102T150405.000000000")
		if err := os.Rename(path, aside); err != nil {
			say("error", "a damaged queue file could not be moved aside", map[string]any{"file": path, "damage": damage, "error": err.Error()})
			continue
		}
		count++
		say("error", "a queue file was damaged and is moved aside: the spans still in it are not sent",
			map[string]any{"file": path, "moved_to": aside, "damage": damage, "moved_aside_so_far": count})
		dropOldest(path)
		// On a full volume the count can be written only after this. It is written for each file, so
		// that a crash between two files does not lose the first.
		makeRoom(directory, free)
		if err := writeCount(directory, count); err != nil {
			say("error", "the count of queue files moved aside could not be kept", map[string]any{"error": err.Error()})
		}
	}
	return count
}

// damageOf describes the damage of a queue file; "" if there is none, or if it cannot be checked.
// The check runs in a separate process, because a damaged file can crash its reader.
func damageOf(self, path string) string {
	ctx, cancel := context.WithTimeout(context.Background(), checkTimeout)
	defer cancel()
	output, err := exec.CommandContext(ctx, self, checkCommand, path).CombinedOutput()
	var exited *exec.ExitError
	if err == nil || ctx.Err() != nil || !errors.As(err, &exited) {
		return ""
	}
	status, _ := exited.Sys().(syscall.WaitStatus)
	switch {
	case exited.ExitCode() == exitUnknown, status.Signaled() && status.Signal() == syscall.SIGKILL:
		say("warn", "a queue file could not be checked", map[string]any{"file": path, "reason": firstLine(output)})
		return ""
	case exited.ExitCode() == exitDamaged:
		return firstLine(output)
	}
	return fmt.Sprintf("reading it crashed (%s): %s", err, firstLine(output))
}

func dropOldest(path string) {
	aside, _ := filepath.Glob(path + asideMark + "*")
	sort.Strings(aside)
	for len(aside) > keptAside {
		say("warn", "an older damaged queue file is removed", map[string]any{"file": aside[0]})
		_ = os.Remove(aside[0])
		aside = aside[1:]
	}
}

func readCount(directory string) int {
	text, err := os.ReadFile(filepath.Join(directory, countFile))
	if err != nil {
		return 0
	}
	count, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || count < 0 {
		return 0
	}
	return count
}

// writeCount overwrites the old count in place. Truncating the file first would free its block, and
// on a full volume there may then be none to write to.
func writeCount(directory string, count int) error {
	file, err := os.OpenFile(filepath.Join(directory, countFile), os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	text := []byte(strconv.Itoa(count))
	if _, err = file.WriteAt(text, 0); err == nil {
		err = file.Truncate(int64(len(text)))
	}
	return errors.Join(err, file.Sync(), file.Close())
}

func firstLine(output []byte) string {
	line, _, _ := strings.Cut(strings.TrimSpace(string(output)), "\n")
	return line
}

// say writes one line in the form of the collector's own JSON log.
func say(level, message string, fields map[string]any) {
	line := map[string]any{"level": level, "ts": time.Now().UTC().Format(time.RFC3339Nano), "msg": message}
	for name, value := range fields {
		line[name] = value
	}
	text, _ := json.Marshal(line)
	fmt.Fprintln(os.Stderr, string(text))
}
