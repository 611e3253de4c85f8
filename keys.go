package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/urfave/cli/v3"

	"zhiyin/config"
	"zhiyin/progress"
	"zhiyin/service/keyring"
)

// keysCommand is about the keys that data is sealed with, see docs/running.md.
func keysCommand() *cli.Command {
	purpose := &cli.StringFlag{Name: "purpose", Value: keyring.PersonalData, Usage: "`WHAT` is sealed: “" + keyring.PersonalData + "”, “" + keyring.Credentials + "” or “" + keyring.OtherSystems + "”"}
	return &cli.Command{
		Name: "keys", Usage: "change the keys that data is encrypted with, while the server runs",
		Commands: []*cli.Command{
			{Name: "list", Usage: "show the keys and how far they are in use", Action: withKeys(listKeys)},
			{Name: "rewrap", Usage: "seal the data keys with the present secret_key instead of secret_key_before; data is not touched", Action: withKeys(rewrapKeys)},
			{Name: "rotate", Usage: "make a new data key and seal everything anew with it; servers that run take part, and it may be stopped and run again", Flags: []cli.Flag{purpose}, Action: withKeys(rotateKeys)},
			{Name: "drop", Usage: "delete the data keys that nothing needs any more", Flags: []cli.Flag{purpose}, Action: withKeys(dropKeys)},
		},
	}
}

func withKeys(do func(ctx context.Context, c *cli.Command, r *keyring.Ring) error) cli.ActionFunc {
	return func(ctx context.Context, c *cli.Command) (err error) {
		cfg, err := config.Load(c.String("config"), os.Environ())
		if err != nil {
			return err
		}
		p, err := assemble(ctx, cfg, newLogger(cfg))
		defer func() { err = errors.Join(err, p.Close()) }()
		if err != nil {
			return err
		}
		if err := p.bringUpToDate(ctx); err != nil {
			return err
		}
		return do(ctx, c, p.keys)
	}
}

func listKeys(ctx context.Context, _ *cli.Command, r *keyring.Ring) error {
	list, err := r.List(ctx)
	if err != nil {
		return err
	}
	for _, s := range list {
		fmt.Println(s.Purpose)
		for _, k := range s.Keys {
			fmt.Printf("  generation %d, made %s, seals from %s\n", k.Generation, k.CreatedAt.Format(time.DateTime), k.ActiveAt.Format(time.DateTime))
		}
		if t := s.Rotation; t != nil {
			state := fmt.Sprintf("in pass %d", t.Pass)
			if t.FinishedAt != nil {
				state = "ended " + t.FinishedAt.Format(time.DateTime)
			}
			fmt.Printf("  rotation to generation %d: %s, %d values sealed anew, %d can't be\n", t.Generation, state, t.Resealed, t.Unreadable)
		}
	}
	return nil
}

func rewrapKeys(ctx context.Context, _ *cli.Command, r *keyring.Ring) error {
	n, err := r.Rewrap(ctx)
	if err == nil {
		fmt.Printf("%d data keys sealed with the present secret_key; secret_key_before is no longer needed\n", n)
	}
	return err
}

// rotateKeys begins a rotation, or joins the one that runs, and works on it until it has ended.
func rotateKeys(ctx context.Context, c *cli.Command, r *keyring.Ring) error {
	purpose := c.String("purpose")
	if _, err := r.Rotate(ctx, purpose); err != nil && !errors.Is(err, keyring.ErrRunning) {
		return err
	}
	bar := progress.New(os.Stderr, "rotate")
	for {
		if err := r.Reseal(ctx); err != nil {
			return err
		}
		list, err := r.List(ctx)
		if err != nil {
			return err
		}
		for _, s := range list {
			if s.Purpose != purpose || s.Rotation == nil {
				continue
			}
			if s.Rotation.FinishedAt != nil {
				fmt.Printf("%d values sealed anew, %d can't be\n", s.Rotation.Resealed, s.Rotation.Unreadable)
				return nil
			}
			if err := bar.Show("values", s.Rotation.Resealed, 0); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second): // until every server has the key
		}
	}
}

func dropKeys(ctx context.Context, c *cli.Command, r *keyring.Ring) error {
	n, err := r.Drop(ctx, c.String("purpose"))
	if err == nil {
		fmt.Printf("%d data keys deleted\n", n)
	}
	return err
}
