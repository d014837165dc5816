// The entrypoint runs before the collector, in the same process: it looks at the files of the
// sending queue, moves aside those that the collector could not open, and then becomes the
// collector.
//
// A power failure or a full disk can damage a queue file. The collector's storage refuses to start
// with such a file, however often it is tried. The spans in the file are lost either way, but later
// spans need not be. So the file is renamed, which is logged, and the total number of renamed files
// is the resource attribute tracefoundry_queue_files_set_aside of the collector's own metrics, for
// alerts.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

const (
	collectorName = "tracefoundry-collector"
	checkCommand  = "check-queue-file"
)

func main() {
	arguments := os.Args[1:]
	if len(arguments) == 2 && arguments[0] == checkCommand {
		os.Exit(check(arguments[1]))
	}
	self, err := os.Executable()
	if err != nil {
		fail(err)
	}
	if runsPipelines(arguments) {
		count := 0
		for _, directory := range queueDirectories(arguments) {
			count += inspect(self, directory, ofVolume)
		}
		arguments = append(arguments,
			fmt.Sprintf("--config=yaml:service::telemetry::resource::%s: %q", countAttribute, fmt.Sprint(count)))
	}
	collector := filepath.Join(filepath.Dir(self), collectorName)
	if err := syscall.Exec(collector, append([]string{collectorName}, arguments...), os.Environ()); err != nil {
		fail(fmt.Errorf("start %s: %w", collector, err))
	}
}

// runsPipelines is true for a start of the collector, false for subcommands (validate, components).
func runsPipelines(arguments []string) bool {
	return len(arguments) > 0 && strings.HasPrefix(arguments[0], "-") && len(configSources(arguments)) > 0
}

func fail(err error) {
	say("error", err.Error(), nil)
	os.Exit(1)
}
