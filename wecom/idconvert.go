package wecom

import (
	"context"
	"errors"
)

// ErrNotConvertible: the platform can't tell whose unionid it is: the mini-program is not bound to this corp
// and an open-platform account of the same owner, or unionid and openid don't belong together.
var ErrNotConvertible = errors.New("the id can't be converted for this corp")

// Converted says who a WeChat user is among the external contacts of a corp: one of the two is set.
type Converted struct {
	ExternalUserID string
	// PendingID is a name for somebody who is nobody's customer yet, valid for 90 days.
	PendingID string
}

// ConvertUnionID asks which external contact a WeChat user is, known by unionid and by the openid in a
// mini-program of the corp's owner. It fails with ErrNotConvertible.
// Platform documentation, 客户联系 · unionid 与 external_userid 的关联.
func (c *Corp) ConvertUnionID(ctx context.Context, unionID, openID string) (Converted, error) {
	const api = "idconvert/unionid_to_external_userid"
	if unionID == "" || openID == "" {
		return Converted{}, c.bad(api, "unionid and openid are both needed")
	}
	var out struct {
		ExternalUserID string `json:"external_userid"`
		PendingID      string `json:"pending_id"`
	}
	err := c.post(ctx, api, struct {
		UnionID     string `json:"unionid"`
		OpenID      string `json:"openid"`
		SubjectType int    `json:"subject_type"` // 0: the mini-program is the corp's own
	}{unionID, openID, 0}, &out)
	if err == nil && out.ExternalUserID == "" && out.PendingID == "" {
		err = c.doubt(api, "the answer names nobody")
	}
	return Converted{out.ExternalUserID, out.PendingID}, err
}

// PendingIDs gives the pending ids under which up to 100 external contacts were converted before they became
// customers. Who has none is absent from the answer.
// Platform documentation, 客户联系 · external_userid 查询 pending_id.
func (c *Corp) PendingIDs(ctx context.Context, externalUserIDs []string) (map[string]string, error) {
	const api = "idconvert/batch/external_userid_to_pending_id"
	if len(externalUserIDs) == 0 || len(externalUserIDs) > 100 {
		return nil, c.bad(api, "between 1 and 100 customers")
	}
	var out struct {
		Result []struct {
			ExternalUserID string `json:"external_userid"`
			PendingID      string `json:"pending_id"`
		} `json:"result"`
	}
	err := c.post(ctx, api, struct {
		IDs []string `json:"external_userid"`
	}{externalUserIDs}, &out)
	if err != nil {
		return nil, err
	}
	ids := make(map[string]string, len(out.Result))
	for _, r := range out.Result {
		if r.PendingID != "" {
			ids[r.ExternalUserID] = r.PendingID
		}
	}
	return ids, nil
}
