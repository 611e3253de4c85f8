package journey

import (
	"context"
	"zhiyin/service/work"
)

type Forecast interface{}

const workRehearse = "journey.rehearse"

func (s *Service) rehearseWork(ctx context.Context, _ *work.Lease, p stopRef) error { return nil }
