/* SPDX-License-Identifier: Apache-2.0 */
/* The service: everything between a door and the ports. Made once by the daemon. */
#ifndef HOLDFAST_SERVICE_SERVICE_H
#define HOLDFAST_SERVICE_SERVICE_H

#include "audit/indexes.h"
#include "audit/log.h"
#include "auth/identities.h"
#include "base/clock.h"
#include "event/bus.h"
#include "kms/agenda.h"
#include "kms/catalog.h"
#include "kms/grants.h"
#include "kms/installation.h"
#include "kms/manifest.h"
#include "kms/store.h"
#include "service/backups.h"
#include "service/call.h"
#include "service/checks.h"

struct service;

#define SERVICE_AUDIT_NAME_DEFAULT "main"

/* A library that this program is made of, as the running one says. */
struct service_library {
	const char *name; /* NULL behind the last */
	const char *(*version)(void);
};

struct service_options {
	struct hsm *hsm; /* borrowed; outlives the service */
	struct kms_store store;
	struct kms_catalog catalog;
	struct kms_grants grants;
	struct kms_agenda agenda;     /* no ops: nothing is ever due */
	struct kms_manifest manifest; /* no ops: the token does not remember the store */
	struct auth_identities identities;
	struct event_bus *events; /* borrowed; NULL: nobody is told */
	struct audit_log *audit;
	const uint8_t *audit_public_key; /* AUDIT_POINT_LEN bytes; borrowed; outlives the service */
	const char *audit_directory;     /* of `audit`; NULL: left-over records are appended without
					    looking whether the log has them */
	struct audit_indexes *const *logs; /* that LookupEvents looks into; the first is of `audit`.
					      Borrowed, outlive the service */
	size_t log_count;                  /* 0: LookupEvents is not supported */
	const char *audit_name; /* of `audit`, in the store; NULL: SERVICE_AUDIT_NAME_DEFAULT */
	const struct clock *clock;
	struct kms_installation installation; /* ready and verified */
	uint32_t blocking_threads;    /* 0: 4; threads for what must wait for store or token */
	uint32_t calls_max;           /* 0: 4096; calls under way; more: ThrottlingException */
	uint32_t token_timeout_ms;    /* 0: 5,000; deadline of one token operation */
	uint32_t keys_cached_max;     /* 0: 20,000; keys held in memory, and as many aliases */
	uint64_t direct_messages_max; /* 0: 2^31; suite 3: messages under one version, well before
					 2^32 */
	uint64_t direct_block;        /* 0: 2^16; suite 3: messages reserved at a time, and never
					 more than a quarter of direct_messages_max */
	/* 0 managed_days: 1,095, and 0 on_demand_max: 25 then; 0 budget_force: 7/8 of
	 * direct_messages_max */
	struct kms_rotation_rules rotation;
	uint32_t due_interval_ms;   /* 0: 1,000; between two rounds of the scheduler */
	uint32_t due_share_percent; /* 0: 10; of the time may go into due work on the token; 1..100
				     */
	/* After which the scheduler verifies the whole store again (survey.h); 0: never. */
	uint32_t verify_interval_s;
	/* Called now and then by service_start() while it verifies the store, in rows; NULL: nobody
	 * is told. */
	void (*progress)(void *user, uint64_t done, uint64_t all);
	void *progress_user;
	struct service_backups backups; /* no function: BackupStore is not supported */
	/* Further rows for the operator's status; NULL: none. Thread-safe; may block. */
	void (*more_checks)(void *user, struct service_checks *out);
	void *more_checks_user;
	const struct service_library *libraries; /* for evidence; static; NULL: none are told */
};

/* Verifies the store against the token (anchoring.h: what keeps it from starting), then starts its
 * threads; *out owned by the caller, service_stop(). Blocks. */
NODISCARD struct err service_start(const struct service_options *options, struct service **out);

/*
 * What an interrupted run left: appends the outbox to the audit log, settles intents against the
 * token (adopts, destroys half-made objects that an intent of ours names, reports what nobody
 * knows), makes the identities that principals of an older store lack, checks that every version of
 * the store is on the token and sound. Blocks. Before the doors open.
 */
NODISCARD struct err service_reconcile(struct service *service);

/* Takes a call; call->reply() is called once. Never blocks. Thread-safe. */
void service_handle(struct service *service, struct call *call);

/* Another bound of calls under way (calls_max, 1 and above) from now on. Thread-safe. */
void service_set_calls_max(struct service *service, uint32_t calls_max);

/* Another pause between two rounds of due work, another share of the time for it. Thread-safe. */
void service_set_due_pace(struct service *service, uint32_t interval_ms, uint32_t share_percent);

/* For audit/keeper.h: OK, or E_CLOCK_UNTRUSTED (clock_trust.h). Blocks as the store does. */
NODISCARD struct err service_clock_trusted(struct service *service, int64_t *now_ms);

/* For audit/keeper.h: Unix time of the oldest event in the store's outbox, INT64_MAX when it is
 * empty. Errors of the store. Blocks. */
NODISCARD struct err service_outbox_oldest(struct service *service, int64_t *ms);

/* Refuses new calls and waits until those under way have been answered, at most timeout_ms. true:
 * all were. */
bool service_drain(struct service *service, uint32_t timeout_ms);

/* After the doors are closed. */
void service_stop(struct service **service);

/* Readiness: a real token operation (not older than a second), a store read, a writable audit log.
 * OK, or why not. Does not block; refreshed by a thread. */
NODISCARD struct err service_ready(struct service *service);

/* The sealer over the row-seal key; `self` is owned by the caller. */
struct service_sealer {
	struct hsm *hsm;
	struct hsm_key_id key;
	uint32_t timeout_ms;
	const struct clock *clock;
};
struct kms_sealer service_sealer_port(struct service_sealer *sealer);

/* The same for the audit log's indexes (audit/index.h). */
struct audit_index_sealer service_index_sealer(struct service_sealer *sealer);

/*
 * holdfastd --init: makes the three keys on the token, the installation row, the account, its
 * administrator (a user with AdministratorAccess) and the first access key. May be repeated after
 * an interruption, which makes new credentials; E_ALREADY_INITIALISED once it is done. Blocks.
 *
 * keep  called with the first access key before the installation counts as made; returns OK when
 * the secret (AUTH_SECRET_KEY_LEN characters, borrowed, never seen again) is safe, durably.
 */
struct service_init_options {
	struct hsm *hsm;
	struct kms_installation_store installation;
	struct auth_identities identities;
	struct kms_manifest manifest;  /* begun here; no ops: the store has none */
	struct service_sealer *sealer; /* its key is set here */
	const struct clock *clock;
	const char *partition, *region, *account;
	const char *administrator; /* user name */
	NODISCARD struct err (*keep)(void *user, const char *access_key_id,
				     const struct secret *secret_key);
	void *user;
};
NODISCARD struct err service_init(const struct service_init_options *options,
				  struct kms_installation *installation);

/* Whether the row is of the installation that an operator has named ("" or NULL: any).
 * E_INSTALLATION_OTHER, logged with both names. What else is wrong with it is told by opening it.
 */
NODISCARD struct err service_check_pinned(const struct kms_installation_store *store,
					  const char *pinned);

/* At every start: loads and verifies the row, sets the sealer's key, checks the three keys on the
 * token. E_NOT_INITIALISED; E_INSTALLATION, logged; E_HSM_TOKEN_CHANGED: the row is sound, and made
 * on another token; or not one of its keys is here. */
NODISCARD struct err service_open_installation(struct hsm *hsm,
					       const struct kms_installation_store *store,
					       struct service_sealer *sealer,
					       struct kms_installation *out);

#endif
