package main

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/redis/go-redis/v9"
	"gorm.io/gorm"

	"zhiyin/api"
	"zhiyin/api/callback"
	"zhiyin/api/console"
	"zhiyin/api/miniapp"
	"zhiyin/api/open"
	"zhiyin/api/rate"
	"zhiyin/api/sidebar"
	"zhiyin/config"
	"zhiyin/job"
	"zhiyin/model"
	"zhiyin/service/account"
	"zhiyin/service/acquisition"
	"zhiyin/service/activity"
	"zhiyin/service/apikey"
	"zhiyin/service/audience"
	"zhiyin/service/autotag"
	"zhiyin/service/campaign"
	"zhiyin/service/catalog"
	"zhiyin/service/clock"
	"zhiyin/service/coupon"
	"zhiyin/service/customer"
	"zhiyin/service/event"
	"zhiyin/service/fault"
	"zhiyin/service/group"
	"zhiyin/service/intake"
	"zhiyin/service/journey"
	"zhiyin/service/keyring"
	"zhiyin/service/lifecycle"
	"zhiyin/service/loyalty"
	"zhiyin/service/loyalty/referral"
	"zhiyin/service/moderation"
	"zhiyin/service/outreach"
	"zhiyin/service/outreach/channel"
	"zhiyin/service/outreach/governor"
	"zhiyin/service/outreach/message"
	"zhiyin/service/privacy"
	"zhiyin/service/profile"
	"zhiyin/service/segment"
	"zhiyin/service/social/draw"
	"zhiyin/service/staff"
	"zhiyin/service/tag"
	"zhiyin/service/transfer"
	"zhiyin/service/vault"
	"zhiyin/service/visit"
	"zhiyin/service/webhook"
	"zhiyin/service/work"
	"zhiyin/wecom"
)

// parts is the whole product, put together and not yet running.
type parts struct {
	cfg     config.Config
	log     *slog.Logger
	metrics *prometheus.Registry
	now     clock.Clock
	zone    *time.Location
	db      *gorm.DB
	redis   redis.UniversalClient
	gateway *wecom.Gateway
	keys    *keyring.Ring
	vault   *vault.Vault // for what is personal
	queue   *work.Queue
	ids     model.PublicIDs
	// estimates are connections for people who try rules: few, and each statement ends soon.
	estimates *gorm.DB

	events      *event.Log
	accounts    *account.Service
	activity    *activity.Service
	staff       *staff.Service
	customers   *customer.Service
	segments    *segment.Service
	privacy     *privacy.Service
	moderation  *moderation.Service
	profiles    *profile.Service
	visits      *visit.Service
	transfers   *transfer.Service
	tags        *tag.Service
	lifecycle   *lifecycle.Service
	loyalty     *loyalty.Service
	governor    *governor.Governor
	messages    *message.Service
	draws       *draw.Service
	referrals   *referral.Service
	outreach    *outreach.Service
	channels    *channel.Service
	campaigns   *campaign.Service
	catalog     *catalog.Service
	apiKeys     *apikey.Service
	webhooks    *webhook.Service
	coupons     *coupon.Service
	autotags    *autotag.Service
	journeys    *journey.Service
	acquisition *acquisition.Service
	groups      *group.Service
	intake      *intake.Service
	audience    *audience.Index // nil: off

	callbackIPs *callback.IPs
	scheduler   *job.Scheduler
	worker      *work.Worker
	server      *api.Server

	closers []func() error
}

// assemble puts everything together. The database must answer; Redis need not. Whatever happens,
// Close the result.
func assemble(ctx context.Context, cfg config.Config, log *slog.Logger) (*parts, error) {
	p := &parts{cfg: cfg, log: log, metrics: prometheus.NewRegistry(), now: clock.System}
	p.metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, step := range []func(context.Context) error{p.stores, p.platform, p.capabilities, p.duties, p.faces} {
		if err := step(ctx); err != nil {
			return p, err
		}
	}
	return p, nil
}

// Close gives everything back, the last opened first.
func (p *parts) Close() error {
	var errs []error
	for i := len(p.closers) - 1; i >= 0; i-- {
		errs = append(errs, p.closers[i]())
	}
	p.closers = nil
	return errors.Join(errs...)
}

// key derives a key of its own for one purpose from the one secret key.
func (p *parts) key(purpose string) ([]byte, error) {
	return hkdf.Key(sha256.New, p.cfg.Key(), nil, "zhiyin/"+purpose, 32)
}

func (p *parts) stores(ctx context.Context) (err error) {
	if p.zone, err = time.LoadLocation(p.cfg.Zone); err != nil {
		return err
	}
	if p.db, err = openDatabase(ctx, p.cfg); err != nil {
		return err
	}
	p.closers = append(p.closers, func() error { return model.Close(p.db) })
	if p.estimates, err = model.Open(ctx, model.Options{DSN: p.cfg.Database.DSN, MaxConns: 4, StatementTimeout: segment.EstimateTime}); err != nil {
		return err
	}
	p.closers = append(p.closers, func() error { return model.Close(p.estimates) })
	if p.now, err = p.sharedClock(ctx); err != nil {
		return err
	}
	if err := p.openKeys(ctx); err != nil {
		return err
	}
	if p.ids, err = model.NewPublicIDs(p.keys.Key(keyring.PublicIDs)); err != nil {
		return err
	}
	return p.openRedis()
}

func openDatabase(ctx context.Context, cfg config.Config) (*gorm.DB, error) {
	return model.Open(ctx, model.Options{DSN: cfg.Database.DSN, MaxConns: cfg.Database.MaxConns, StatementTimeout: cfg.Database.StatementTimeout})
}

func (p *parts) openKeys(ctx context.Context) (err error) {
	p.keys, err = keyring.Open(ctx, p.db, p.now, p.log, p.cfg.Key(), p.cfg.KeyBefore())
	return err
}

// sharedClock is the database's clock where several machines share one, so that they agree on
// leases and deadlines whatever their own clocks say.
func (p *parts) sharedClock(ctx context.Context) (clock.Clock, error) {
	if model.IsSQLite(p.db) {
		return clock.System, nil
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx)) // time goes on while the server drains
	p.closers = append(p.closers, func() error { stop(); return nil })
	anchored, err := clock.Anchored(ctx, func(ctx context.Context) (time.Time, error) { return model.DatabaseTime(ctx, p.db) })
	if err != nil {
		return nil, fmt.Errorf("ask the database for the time: %w", err)
	}
	return anchored, nil
}

// openRedis starts the in-process one or makes a client; a client that can't reach its server is no
// failure, because nothing durable is kept there.
func (p *parts) openRedis() error {
	o := &redis.Options{
		Addr: p.cfg.Redis.Addr, Username: p.cfg.Redis.Username, Password: p.cfg.Redis.Password, DB: p.cfg.Redis.DB,
		DialTimeout: time.Second, ReadTimeout: time.Second, WriteTimeout: time.Second,
	}
	if p.cfg.Redis.Addr == config.Embedded {
		embedded := miniredis.NewMiniRedis()
		if err := embedded.Start(); err != nil {
			return fmt.Errorf("start the embedded Redis: %w", err)
		}
		o.Addr = embedded.Addr()
		p.closers = append(p.closers, func() error { embedded.Close(); return nil })
	} else if p.cfg.Redis.TLS {
		o.TLSConfig = redisTLS(p.cfg.Redis.Addr)
	}
	redis.SetLogger(redisLog{p.log})
	p.redis = redis.NewClient(o)
	p.closers = append(p.closers, p.redis.Close)
	return nil
}

// redisLog keeps what the Redis client says of failed dials out of sight unless somebody debugs:
// readiness and the gateway tell that Redis is down.
type redisLog struct{ log *slog.Logger }

func (l redisLog) Printf(ctx context.Context, format string, v ...any) {
	l.log.DebugContext(ctx, "redis: "+fmt.Sprintf(format, v...))
}

func (p *parts) platform(context.Context) (err error) {
	p.accounts = account.New(p.db, p.now, p.keys.Vault(keyring.Credentials))
	p.keys.Seals(keyring.Credentials, account.Seals()...)
	p.vault = p.keys.Vault(keyring.PersonalData)
	p.gateway, err = wecom.New(wecom.Config{
		BaseURL: p.cfg.Platform.WeComURL, WeixinURL: p.cfg.Platform.WeixinURL, MaxInFlight: p.cfg.Platform.MaxInFlight,
		Redis: p.redis, KeyPrefix: p.cfg.Redis.KeyPrefix + "wecom:", Now: p.now,
		Accounts: p.credential, Logger: p.log, Metrics: p.metrics,
	})
	if err != nil {
		return err
	}
	p.closers = append(p.closers, p.gateway.Close)
	return nil
}

// credential is an account as the gateway wants it.
func (p *parts) credential(ctx context.Context, name string) (wecom.Credential, error) {
	c, err := p.accounts.Credentials(ctx, name)
	if err != nil {
		return wecom.Credential{}, err
	}
	if c.Kind == account.KindMiniApp {
		return wecom.Credential{AppID: c.PlatformID, Secret: c.Secret}, nil
	}
	return wecom.Credential{CorpID: c.PlatformID, AgentID: c.AgentID, Secret: c.Secret}, nil
}

func (p *parts) capabilities(context.Context) (err error) {
	p.queue = work.New(p.db, p.now)
	p.events = event.New(p.queue, p.now, event.Options{DB: p.db, Zone: p.zone, Logger: p.log})
	events := p.events
	p.staff = staff.New(p.db, p.now, staff.Options{
		IdleTimeout: p.cfg.SignIn.IdleTimeout, AbsoluteTimeout: p.cfg.SignIn.AbsoluteTimeout, Zone: p.zone,
		Corp: func(a string) staff.Corp { return p.gateway.Corp(a) },
	})
	p.customers = customer.New(p.db, events, p.queue, p.now, p.staff, p.vault, func(a string) customer.Contacts { return p.gateway.Corp(a) })
	events.Subscribe("customer.merge", p.customers.OnSamePerson, event.KindSamePersonFound)
	events.Subscribe("customer.pending", p.customers.OnAdded, event.KindCustomerAdded)
	about := segment.Deps{
		DB: p.db, Estimates: p.estimates, Events: events, Queue: p.queue, Now: p.now, Zone: p.zone, Staff: p.staff, Logger: p.log,
	}
	if p.cfg.Audience.Index {
		p.audience = audience.New(audience.Deps{DB: p.db, Now: p.now, Logger: p.log, Metrics: p.metrics})
		about.Audience = p.audience
	}
	p.segments = segment.New(about)
	events.Feed("segment", p.segments.OnEvents)
	p.privacy = privacy.New(p.db, events, p.vault, p.now)
	p.moderation = moderation.New(moderation.Deps{
		DB: p.db, Queue: p.queue, Now: p.now, MiniApp: func(a string) moderation.MiniApp { return p.gateway.MiniApp(a) }, Logger: p.log,
	})
	p.profiles = profile.New(profile.Deps{
		DB: p.db, Events: events, Vault: p.vault, Now: p.now, Zone: p.zone, Persons: p.customers, Consents: p.privacy,
		Moderation: p.moderation, Watchers: p.staff, Metrics: p.metrics,
	})
	p.moderation.Reads(p.profiles)
	p.keys.Seals(keyring.PersonalData, slices.Concat(p.customers.Seals(), profile.Seals(), privacy.Seals())...)
	events.Subscribe("profile.touch", p.profiles.OnEvent, profile.Hears...)
	events.Feed("profile", p.profiles.OnEvents, profile.Completing...)
	p.visits = visit.New(visit.Deps{
		DB: p.db, Now: p.now, Zone: p.zone, Accounts: p.accounts, Persons: p.customers, Staff: p.staff, Touches: p.profiles, Privacy: p.privacy,
		Moderation: p.moderation, MiniApp: func(a string) visit.MiniApp { return p.gateway.MiniApp(a) }, Corp: func(a string) visit.Corp { return p.gateway.Corp(a) },
	})
	p.tags = tag.New(p.db, events, p.queue, p.now, p.customers, func(a string) tag.Platform { return p.gateway.Corp(a) })
	events.Subscribe("tag", p.tags.OnFact, tag.FactKinds...)
	p.lifecycle = lifecycle.New(lifecycle.Deps{DB: p.db, Events: events, Queue: p.queue, Now: p.now, Zone: p.zone, Customers: p.customers, Logger: p.log})
	events.Feed("lifecycle", p.lifecycle.OnEvents, lifecycle.Kinds...)
	p.tags.UseSegments(segment.Membership{DB: p.db})
	p.autotags = autotag.New(autotag.Deps{DB: p.db, Queue: p.queue, Now: p.now, Zone: p.zone, Tags: p.tags, Logger: p.log})
	events.Feed("autotag", p.autotags.OnEvents)
	p.acquisition, err = acquisition.New(acquisition.Deps{
		DB: p.db, Queue: p.queue, Now: p.now, Zone: p.zone, Staff: p.staff, Tags: p.tags, Remarks: p.customers,
		Corp: func(a string) acquisition.Platform { return p.gateway.Corp(a) }, Metrics: p.metrics,
	})
	if err != nil {
		return err
	}
	p.reach()
	p.activity = activity.New(activity.Deps{
		DB: p.db, Now: p.now, Accounts: p.accounts, Scope: p.staff, Corp: func(a string) activity.Platform { return p.gateway.Corp(a) }, Logger: p.log,
	})
	p.groups = group.New(p.db, events, p.now, p.staff, func(a string) group.Platform { return p.gateway.Corp(a) })
	p.intake = intake.New(intake.Deps{
		DB: p.db, Queue: p.queue, Now: p.now, Accounts: p.accounts, Staff: p.staff, Customers: p.customers, Tags: p.tags,
		Acquisition: p.acquisition, Groups: p.groups, Visits: p.visits, Moderation: p.moderation, Channels: p.channels, Corp: func(a string) intake.Platform { return p.gateway.Corp(a) },
		Concurrency: p.cfg.Sync.Concurrency, Logger: p.log, Metrics: p.metrics,
	})
	p.offers()
	p.pushes()
	if err := p.trade(); err != nil {
		return err
	}
	p.automate()
	p.transfers = transfer.New(transfer.Deps{DB: p.db, Queue: p.queue, Now: p.now, Zone: p.zone, MaxFile: console.MaxUpload,
		ApprovalAbove: p.cfg.Export.ApprovalAbove, Colleagues: p.staff, Logger: p.log})
	p.transfers.Tables(transfer.Capabilities{
		People: transfer.People{Customers: p.customers, Profiles: p.profiles, Tags: p.tags, Events: p.events, Now: p.now},
		Orders: p.catalog, Deliveries: p.outreach, Campaigns: p.campaigns, Segments: p.segments, Viewers: p.staff,
	})
	return nil
}

// callbackAddresses asks the platform, in the name of the first enabled corp, where callbacks come from.
func (p *parts) callbackAddresses(ctx context.Context) ([]string, error) {
	list, err := p.accounts.List(ctx)
	if err != nil {
		return nil, err
	}
	for _, a := range list {
		if a.Enabled && a.Kind == account.KindWeCom {
			return p.gateway.Corp(a.Name).CallbackIPs(ctx)
		}
	}
	return nil, errors.New("no enabled WeCom account to ask with")
}

// duties sets up what runs without being asked.
func (p *parts) duties(ctx context.Context) (err error) {
	if p.callbackIPs, err = callback.NewIPs(p.cfg.Callback.IPCheck, p.callbackAddresses); err != nil {
		return err
	}
	if p.scheduler, err = job.New(p.db, p.queue, p.now, p.zone, p.log, p.metrics); err != nil {
		return err
	}
	if err := p.scheduler.Plan(job.All(p.jobs())); err != nil {
		return err
	}
	job.Workers(p.queue, p.scheduler)
	metrics, err := work.NewMetrics(p.metrics)
	if err != nil {
		return err
	}
	host, _ := os.Hostname()
	p.worker = work.NewWorker(p.queue, work.Options{
		Owner: fmt.Sprintf("%s/%d", host, os.Getpid()), Concurrency: p.cfg.Work.Concurrency, Poll: p.cfg.Work.Poll, Lease: p.cfg.Work.Lease,
		StopWithin: p.cfg.Server.StopTimeout * 4 / 5, Logger: p.log, Metrics: metrics,
	})
	return nil
}

func (p *parts) jobs() job.Deps {
	return job.Deps{
		LifecycleNightly: p.lifecycle.Nightly,
		CampaignTick:     p.campaigns.Tick,
		CampaignCount:    p.campaigns.CountDue,
		PointsExpire:     p.loyalty.ExpireDue,
		PointsVerify:     p.loyalty.Verify,
		DrawEnd:          p.draws.EndDue,
		TierLook:         p.loyalty.LookAtTiers,
		ReferralTick:     p.referrals.Tick,
		ReferralWays:     p.referrals.EndWays,
		ModerationTick:   p.moderation.Tick,
		WorkPrune: func(ctx context.Context) error {
			_, err := p.queue.Prune(ctx, p.cfg.Work.KeepDone)
			return err
		},
		CronWatch:          p.scheduler.Watch,
		CronPrune:          p.scheduler.Prune,
		SessionPrune:       p.staff.PruneSessions,
		InboxPrune:         p.intake.Prune,
		EventPrune:         p.events.Prune,
		MediaRenew:         p.acquisition.RenewMedia,
		ChannelCodePush:    p.acquisition.PushDueCodes,
		ChannelCodeOrphans: p.acquisition.SweepOrphans,
		WelcomeSweep:       p.acquisition.SweepWelcomes,
		SegmentTick:        p.segments.Tick,
		SegmentRebuild:     p.segments.RebuildAll,
		TagExpire:          p.tags.ExpireDue,
		TagVerify:          p.tags.Verify,
		TagRuleTick:        p.autotags.Tick,
		TagRulePrune:       p.autotags.Prune,
		JourneyTick:        p.journeys.Tick,
		ActivityRead:       p.activity.Read,
		SyncFull:           p.intake.StartAll,
		SyncSchedule:       p.cfg.Sync.Schedule,
		CallbackIPsRefresh: p.callbackIPs.Refresh,
		MergeSweep:         p.customers.SweepMerges,
		ConversionRenew:    p.customers.RenewConversions,
		CatalogReconcile:   p.catalog.Reconcile,
		OpenPrune:          p.apiKeys.Prune,
		WebhookPrune:       p.webhooks.Prune,
		QualityCheck:       p.profiles.CheckQuality,
		ValuePrune:         p.profiles.PruneValues,
		TransferPrune:      p.transfers.PruneFiles,
		KeysReseal:         p.keys.Reseal,
		VisitPrune:         p.visits.Prune,
		ChannelPoll:        p.channels.PollResults,
		ChannelRemind:      p.channels.RemindSenders,
		ChannelGiveUp:      p.channels.GiveUp,
		ChannelTasks:       p.channels.ReportTasks,
		ChannelTemplates:   p.channels.SyncTemplates,
		ChannelKf:          p.channels.SyncKf,
		ChannelPrune:       p.channels.Prune,
		GovernorPrune:      p.governor.Prune,
		DeliveryExpire:     p.outreach.Expire,
		DeliveryFold:       p.outreach.Fold,
		DeliveryVerify:     p.outreach.Verify,
		DeliveryPrune:      p.outreach.Prune,
		CouponTick:         p.coupons.Tick,
		CouponReconcile:    p.coupons.Reconcile,
		CouponGivers:       p.coupons.WatchGivers,
		CouponPrune:        p.coupons.PruneRequests,
	}
}

func (p *parts) faces(context.Context) error {
	key, err := p.key("cursors")
	if err != nil {
		return err
	}
	cursors, err := console.NewCursors(key)
	if err != nil {
		return err
	}
	secure := p.cfg.SecureCookies()
	p.server, err = api.New(api.Deps{
		Console: &console.Handlers{
			APIKeys:     p.apiKeys,
			Accounts:    p.accounts,
			Activity:    p.activity,
			Acquisition: p.acquisition,
			AutoTags:    p.autotags,
			Campaigns:   p.campaigns,
			Catalog:     p.catalog,
			Channels:    p.channels,
			Coupons:     p.coupons,
			Cursors:     cursors,
			Customers:   p.customers,
			Draws:       p.draws,
			Events:      p.events,
			Governor:    p.governor,
			Groups:      p.groups,
			IDs:         p.ids,
			Intake:      p.intake,
			Journeys:    p.journeys,
			Lifecycle:   p.lifecycle,
			Loyalty:     p.loyalty,
			Messages:    p.messages,
			Moderation:  p.moderation,
			Outreach:    p.outreach,
			Privacy:     p.privacy,
			Profiles:    p.profiles,
			Queue:       p.queue,
			Referrals:   p.referrals,
			Scheduler:   p.scheduler,
			Secure:      secure,
			Segments:    p.segments,
			Staff:       p.staff,
			Tags:        p.tags,
			Transfers:   p.transfers,
			Webhooks:    p.webhooks,
		},
		Door: &console.Door{Staff: p.staff, Secure: secure},
		Open: &open.Handlers{
			Catalog:  p.catalog,
			Coupons:  p.coupons,
			Events:   p.events,
			IDs:      p.ids,
			Journeys: p.journeys,
		},
		OpenDoor: &open.Door{Keys: p.apiKeys},
		MiniApp: &miniapp.Handlers{
			Channels:  p.channels,
			Coupons:   p.coupons,
			Draws:     p.draws,
			Referrals: p.referrals,
			Events:    p.events,
			Governor:  p.governor,
			IDs:       p.ids,
			Loyalty:   p.loyalty,
			Privacy:   p.privacy,
			Profiles:  p.profiles,
			Visits:    p.visits,
		},
		MiniAppDoor: &miniapp.Door{
			Visits: p.visits, Agreed: p.privacy,
			Limits: p.limits("rate:", miniapp.Rates, miniapp.ErrTooOften),
		},
		Sidebar: &sidebar.Handlers{
			Now: p.now, Corp: func(a string) sidebar.Platform { return p.gateway.Corp(a) },
			PageURL: p.cfg.SidebarPage(), Origins: p.cfg.SidebarOrigins(), OpenURL: p.cfg.Platform.OpenURL,
		},
		SidebarDoor: sidebar.NewDoor(p.staff, secure, p.limits("rate:sidebar:", sidebar.Rates, sidebar.ErrTooOften)),
		Links:       p.campaigns,
		Clicks:      p.channels,
		Callback: callback.New(callback.Deps{
			Accounts: p.accounts, Inbox: p.intake, Now: p.now, MaxAge: p.cfg.Callback.MaxAge, MaxBody: p.cfg.Callback.MaxBody,
			Deadline: p.cfg.Callback.Deadline, IPs: p.callbackIPs, Logger: p.log, Metrics: p.metrics,
		}),
		Ready: []api.Check{
			{Name: "database", Vital: true, Ask: func(ctx context.Context) error { return p.db.WithContext(ctx).Exec("SELECT 1").Error }},
			{Name: "redis", Ask: func(ctx context.Context) error { return p.redis.Ping(ctx).Err() }},
		},
		Version: version, TrustedProxies: p.cfg.Server.TrustedProxies, Logger: p.log, Metrics: p.metrics,
	})
	return err
}

// limits hold how often a face may be called.
func (p *parts) limits(prefix string, rates map[string]rate.Rate, refusal *fault.Fault) *rate.Limits {
	return &rate.Limits{Redis: p.redis, KeyPrefix: p.cfg.Redis.KeyPrefix + prefix, Now: p.now, Rates: rates, Refusal: refusal}
}
