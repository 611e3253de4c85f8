// Command example writes config.example.yaml; go generate ./config runs it.
package main

import (
	"fmt"
	"os"

	"zhiyin/config"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: example FILE")
		os.Exit(2)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func write(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := config.WriteExample(f); err != nil {
		return err
	}
	return f.Close()
}
