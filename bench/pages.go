package bench

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net/http"
	"net/http/httptest"
	"text/tabwriter"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/staff"
)

// PagesOptions says what to look at, and how often.
type PagesOptions struct {
	DB      *gorm.DB // filled by bench seed; gets a few sessions and roles, which are taken away again
	Handler http.Handler
	IDs     model.PublicIDs
	Looks   int
}

// viewer is somebody signed in for the measurement.
type viewer struct {
	staffID, customerID  int64
	console, sidebar     string // their sessions
	role                 string
	sessionIDs, roleRows []int64
}

// Pages measures what people wait for: the customer card beside a chat, and a page of the list of customers,
// as sales who see their own and as an operator who sees everybody, through the whole server without the network.
func Pages(ctx context.Context, o PagesOptions, out io.Writer) (err error) {
	var people []*viewer
	defer func() {
		for _, v := range people {
			err = errors.Join(err, v.leave(o.DB))
		}
	}()
	for i := range 8 {
		role := staff.RoleSales
		if i%4 == 3 {
			role = staff.RoleOperator
		}
		v, err := enter(ctx, o.DB, role)
		if v != nil {
			people = append(people, v)
		}
		if err != nil {
			return err
		}
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "\tp50\tp95\tp99")
	for _, page := range []struct {
		name, role string
		ask        func(v *viewer) (*http.Request, error)
	}{
		{"customer card, sales", staff.RoleSales, o.card},
		{"customer card, operator", staff.RoleOperator, o.card},
		{"list of customers, sales", staff.RoleSales, listed("")},
		{"list of customers, operator", staff.RoleOperator, listed("")},
		{"list by name, operator", staff.RoleOperator, listed("&name_prefix=王")},
	} {
		var took []time.Duration
		for len(took) < o.Looks {
			v := people[mathrand.N(len(people))]
			if v.role != page.role {
				continue
			}
			if err := v.turn(ctx, o.DB); err != nil {
				return err
			}
			r, err := page.ask(v)
			if err != nil {
				return err
			}
			answer, began := httptest.NewRecorder(), time.Now()
			o.Handler.ServeHTTP(answer, r.WithContext(ctx))
			took = append(took, time.Since(began))
			if answer.Code != http.StatusOK {
				return fmt.Errorf("%s: %d %.300s", page.name, answer.Code, answer.Body)
			}
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", page.name, ms(percentile(took, 50)), ms(percentile(took, 95)), ms(percentile(took, 99)))
	}
	return table.Flush()
}

func (o PagesOptions) card(v *viewer) (*http.Request, error) {
	return asked("/api/sidebar/customers/"+o.IDs.Of(model.KindCustomer, v.customerID), v.sidebar)
}

func listed(filter string) func(v *viewer) (*http.Request, error) {
	return func(v *viewer) (*http.Request, error) {
		return asked("/api/console/customers?limit=50"+filter, v.console)
	}
}

func asked(path, token string) (*http.Request, error) {
	r, err := http.NewRequest(http.MethodGet, path, nil)
	if err == nil {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return r, err
}

// enter signs somebody in who follows customers.
func enter(ctx context.Context, db *gorm.DB, role string) (*viewer, error) {
	v, now := &viewer{role: role}, time.Now()
	at, err := somewhere(ctx, db, 0)
	if err != nil {
		return nil, err
	}
	v.staffID = at.StaffID
	right := model.StaffRole{StaffID: v.staffID, Role: role, CreatedAt: now}
	res := model.InsertIgnore(db.WithContext(ctx)).Create(&right)
	if res.Error != nil {
		return nil, res.Error
	}
	if res.RowsAffected == 1 {
		v.roleRows = append(v.roleRows, right.ID)
	}
	for face, token := range map[string]*string{staff.FaceConsole: &v.console, staff.FaceSidebar: &v.sidebar} {
		*token = rand.Text()
		hash := sha256.Sum256([]byte(*token))
		s := model.Session{StaffID: v.staffID, TokenHash: hash[:], Face: face, SeenAt: now, ExpiresAt: now.Add(time.Hour), CreatedAt: now}
		if err := db.WithContext(ctx).Create(&s).Error; err != nil {
			return v, err
		}
		v.sessionIDs = append(v.sessionIDs, s.ID)
	}
	return v, nil
}

// turn has the viewer look at another of their customers.
func (v *viewer) turn(ctx context.Context, db *gorm.DB) error {
	at, err := somewhere(ctx, db, v.staffID)
	if err == nil {
		v.customerID = at.CustomerID
	}
	return err
}

func (v *viewer) leave(db *gorm.DB) error {
	err := db.Where("id IN ?", append(v.sessionIDs, 0)).Delete(&model.Session{}).Error
	return errors.Join(err, db.Where("id IN ?", append(v.roleRows, 0)).Delete(&model.StaffRole{}).Error)
}

// somewhere is a relation taken by chance, of one staff member or (0) of anybody.
func somewhere(ctx context.Context, db *gorm.DB, staffID int64) (*model.Relation, error) {
	of := func() *gorm.DB {
		q := db.WithContext(ctx).Model(&model.Relation{}).Where("status = ?", "active")
		if staffID != 0 {
			q = q.Where("staff_id = ?", staffID)
		}
		return q
	}
	var most int64
	if err := of().Select("COALESCE(MAX(id), 0)").Scan(&most).Error; err != nil {
		return nil, err
	}
	var found model.Relation
	err := of().Where("id >= ?", mathrand.N(most+1)).Order("id").Take(&found).Error
	return &found, err
}
