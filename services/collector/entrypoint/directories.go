package main

import (
	"os"
	"strings"

	"gopkg.in/yaml.v3"
)

// configSources returns the configuration files named by --config, in order, without their scheme.
// Other sources (env:, yaml:) are left out: they cannot be read in the same way.
func configSources(arguments []string) []string {
	var files []string
	for i := 0; i < len(arguments); i++ {
		flag, value, joined := strings.Cut(strings.TrimLeft(arguments[i], "-"), "=")
		if flag != "config" || !strings.HasPrefix(arguments[i], "-") {
			continue
		}
		if !joined {
			if i++; i == len(arguments) {
				break
			}
			value = arguments[i]
		}
		value = strings.TrimPrefix(value, "file:")
		if !strings.HasPrefix(value, "env:") && !strings.HasPrefix(value, "yaml:") {
			files = append(files, value)
		}
	}
	return files
}

// queueDirectories returns the directory of every file_storage extension that the configuration
// names. A file that cannot be read or parsed has none: the collector reports the error.
func queueDirectories(arguments []string) []string {
	var directories []string
	for _, path := range configSources(arguments) {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		var config struct {
			Extensions map[string]yaml.Node `yaml:"extensions"`
		}
		if yaml.Unmarshal(text, &config) != nil {
			continue
		}
		for name, node := range config.Extensions {
			var storage struct {
				Directory string `yaml:"directory"`
			}
			kind, _, _ := strings.Cut(name, "/")
			if kind == "file_storage" && node.Decode(&storage) == nil && storage.Directory != "" {
				directories = append(directories, os.Expand(storage.Directory, environment))
			}
		}
	}
	return directories
}

// environment resolves ${env:NAME} and ${env:NAME:-default} as the collector does.
func environment(reference string) string {
	name, fallback, _ := strings.Cut(strings.TrimPrefix(reference, "env:"), ":-")
	if value, set := os.LookupEnv(name); set {
		return value
	}
	return fallback
}
