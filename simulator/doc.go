// Package simulator is a WeCom and WeChat platform in memory, for demos, tests and load.
// It speaks the platform's own HTTP paths, so a client only needs other base addresses:
//
//	/qyapi/cgi-bin/…          for https://qyapi.weixin.qq.com/cgi-bin/…
//	/weixin/…                 for https://api.weixin.qq.com/…
//	/open/connect/oauth2/…    for https://open.weixin.qq.com/…  (authorize page)
//	/login/wwlogin/…          for https://login.work.weixin.qq.com/… and open.work.weixin.qq.com (QR login)
//
// It imports nothing of the product, so that a mistake made on one side is not made on both.
//
// # World
//
// A world follows from Options.Seed and Options.Company: corps with departments, members,
// customers and their relations, tags, groups; people with an openid per mini-program and,
// most of them, a unionid. GET /_sim/world returns ids and credentials, so that a client
// can configure itself; GET and PUT /_sim/state export and import everything. Tokens,
// nonces and one-time codes are truly random, all other identifiers follow from the seed.
//
// # Time
//
// Lives of tokens, codes and media and the windows of limits are measured by a virtual
// clock, Options.Now plus an offset that POST /_sim/clock moves. Latency, callback
// timeouts and retries take real time.
//
// # Calls
//
// Every call passes: the fault planned for it, latency, its token, the app's right (48002)
// and address (60020), frequency (45009) and concurrency (45033), then its own rules. Each
// is written to the ledger with its errcode and whether it had an effect, also when the
// answer was then lost on purpose. Changes made through the API cause no callback.
//
// # Callbacks
//
// What people do (the acts under /_sim/act/) is told to every app that has an address, the
// right and the member in its visible range: encrypted, three tries, five seconds each, a
// fresh nonce and fresh random bytes every time.
//
// # Control API
//
// GET /_sim/ lists every call of the control API and of the platform. Bodies and answers
// are JSON; a refusal is status 400 with {"error": …}; unknown fields are refused. Most
// calls take "corp" (or ?corp=) and mean the first corp without it. An act takes
// "callback": {"duplicate", "delay_ms", "drop", "reorder"} for the events it causes.
//
//	GET    /_sim/world               ids, credentials, sizes
//	POST   /_sim/corps, /_sim/apps, /_sim/miniapps
//	GET    /_sim/clock, POST         {"advance":"90s"} or {"set":"2026-01-02T15:04:05Z"}
//	GET    /_sim/config, PUT         every number that the platform does not promise
//	GET    /_sim/state, PUT          export and import
//	GET    /_sim/ledger, DELETE      what was called, with counts
//	GET    /_sim/faults, POST, DELETE
//	POST   /_sim/tokens/revoke
//	GET    /_sim/welcomes            what became of each welcome code
//	GET    /_sim/messages            app messages members received
//	GET    /_sim/customers
//	POST   /_sim/callback            where events go; /verify, /raw, /rules beside it
//	GET    /_sim/callbacks, DELETE   deliveries; /stats, /wait beside it
//	GET    /_sim/life, POST          {"on":true,"per_minute":30}
//	POST   /_sim/act/…               what customers, members and the admin do
//
// # Adding an endpoint
//
// An endpoint is one entry of endpointList: its path, right, limits, whether repeating it is
// harmless, and a function with a typed body; the type is what strict mode checks.
package simulator
