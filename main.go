// Command zhiyin is the whole product in one binary: the server, its demo, and the tools to run it.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/urfave/cli/v3"
)

// version is set when the binary is built.
var version = "development"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := commands().Run(ctx, os.Args)
	stop()
	if err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "zhiyin:", err)
		os.Exit(1)
	}
}

func commands() *cli.Command {
	return &cli.Command{
		Name:    "zhiyin",
		Usage:   "知音 · know the customers who come through WeChat, and stay in touch with them",
		Version: version,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "config", Usage: "YAML configuration `FILE`; the environment (ZHIYIN_…) goes before it", Sources: cli.EnvVars("ZHIYIN_CONFIG")},
		},
		Commands: []*cli.Command{
			serveCommand(),
			demoCommand(),
			migrateCommand(),
			simulateCommand(),
			adminCommand(),
			doctorCommand(),
			benchCommand(),
		},
	}
}
