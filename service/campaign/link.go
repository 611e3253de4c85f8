package campaign

import (
	"context"
	"net/url"
	"strings"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/staff"
)

// The kinds of short links. Names are data.
const (
	LinkWeb     = "web"     // an https address; visits go through us and are counted
	LinkMiniApp = "miniapp" // a path in a mini-program, which tells us itself by the campaign's code
)

// LinkPath is where short links to the web begin, on the server's own address.
const LinkPath = "/s/"

// NewLink is a short link that somebody wants.
type NewLink struct {
	CampaignID int64 // 0: none
	Kind       string
	Target     string
}

const maxTarget = 1024

// CreateLink makes a short link. A path of a mini-program gets the campaign's code as its parameter "campaign", which the
// mini-program hands over when the customer signs in. It fails with ErrInvalid or ErrNotFound.
func (s *Service) CreateLink(ctx context.Context, v *staff.Viewer, in NewLink) (*model.ShortLink, error) {
	db := s.DB.WithContext(ctx)
	code := ""
	if in.CampaignID != 0 {
		c, err := campaignByID(db, in.CampaignID)
		if err != nil {
			return nil, err
		}
		code = c.Code
	}
	target, err := targetOf(in, code)
	if err != nil {
		return nil, err
	}
	row := &model.ShortLink{Code: newCode(), CampaignID: in.CampaignID, Target: target, Kind: in.Kind, CreatedBy: who(v), CreatedAt: s.Now()}
	return row, insert(db, row)
}

// targetOf reads where a link leads, strictly: what browsers would read in another way than we do is refused.
func targetOf(in NewLink, code string) (string, error) {
	bad := ErrInvalid.With("target", "https 地址，或小程序页面路径，最多 1000 个字节 / an https address, or a path of the mini-program, of at most 1000 bytes")
	u, err := url.Parse(in.Target)
	if err != nil || len(in.Target) > maxTarget-24 || strings.ContainsAny(in.Target, "\\ \t\r\n") || u.User != nil {
		return "", bad
	}
	switch {
	case in.Kind == LinkWeb && u.Scheme == "https" && u.Host != "":
		return u.String(), nil
	case in.Kind == LinkMiniApp && u.Scheme == "" && u.Host == "" && u.Path != "" && !strings.HasPrefix(u.Path, "/") && u.Fragment == "":
		if code != "" {
			q := u.Query()
			q.Set("campaign", code)
			u.RawQuery = q.Encode()
		}
		return u.String(), nil
	}
	return "", bad
}

// Links lists a campaign's short links, with how often each was followed.
func (s *Service) Links(ctx context.Context, campaignID int64) ([]LinkVisits, error) {
	if _, err := campaignByID(s.DB.WithContext(ctx), campaignID); err != nil {
		return nil, err
	}
	return linksOf(s.DB.WithContext(ctx), campaignID)
}

// LinkVisits is a short link and how often it was followed.
type LinkVisits struct {
	model.ShortLink
	Visits int64
}

// EndLink makes a short link lead nowhere from now on. It may be repeated, and fails with ErrNoLink.
func (s *Service) EndLink(ctx context.Context, id int64) error {
	return endLink(s.DB.WithContext(ctx), id, s.Now())
}

// Follow says where a short link leads, and counts the visit of the day. It fails with ErrNoLink.
func (s *Service) Follow(ctx context.Context, code string) (target string, err error) {
	row, err := linkByCode(s.DB.WithContext(ctx), code)
	if err != nil {
		return "", err
	}
	day := dayNumber(s.Now().In(s.Zone))
	return row.Target, model.InTx(ctx, s.DB, func(tx *gorm.DB) error { return countVisit(tx, row.ID, day) })
}
