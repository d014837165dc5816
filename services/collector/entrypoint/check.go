package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

const (
	exitSound   = 0
	exitDamaged = 10
	exitUnknown = 11
)

// check reads a queue file from end to end and returns an exit status.
func check(path string) int {
	info, err := os.Stat(path)
	if err != nil {
		fmt.Println(err)
		return exitUnknown
	}
	if info.Size() == 0 {
		return exitSound // created but not written to yet: the storage initialises it
	}
	database, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true, Timeout: 5 * time.Second})
	if err != nil {
		fmt.Println(err)
		if errors.Is(err, berrors.ErrTimeout) || errors.Is(err, os.ErrPermission) {
			return exitUnknown
		}
		return exitDamaged
	}
	defer database.Close()
	if err := database.View(readAll); err != nil {
		fmt.Println(err)
		return exitDamaged
	}
	return exitSound
}

func readAll(tx *bbolt.Tx) error {
	for err := range tx.Check() {
		// Unreferenced pages waste space but contain no span; compaction removes them.
		if !strings.Contains(err.Error(), "unreachable unfreed") {
			return err
		}
	}
	return tx.ForEach(func(_ []byte, bucket *bbolt.Bucket) error {
		var sum byte
		err := bucket.ForEach(func(key, value []byte) error {
			for _, part := range [][]byte{key, value} {
				for i := 0; i < len(part); i += 512 {
					sum ^= part[i] // reads each page, so that a hole in the file is found now
				}
			}
			return nil
		})
		_ = sum
		return err
	})
}
