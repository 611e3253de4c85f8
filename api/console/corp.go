package console

import (
	"context"

	"zhiyin/model"
)

// noAccount is an account that nothing is of.
const noAccount = -1

// ofCorp narrows an account that was asked for (0: any) to those whose things the viewer deals with. It
// fails as if there were no such account.
func ofCorp(ctx context.Context, asked int64) (accountID int64, err error) {
	only, bound := ViewerOf(ctx).Corp()
	switch {
	case !bound:
		return asked, nil
	case asked != 0 && asked != only:
		return 0, model.ErrNoSuchID
	case only == 0: // of no corp
		return noAccount, nil
	}
	return only, nil
}

// inCorp fails as if there were no such thing unless the viewer deals with the account that it is of.
func inCorp(ctx context.Context, accountID int64) error {
	if only, bound := ViewerOf(ctx).Corp(); bound && only != accountID {
		return model.ErrNoSuchID
	}
	return nil
}
