/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole service in this process: a SoftHSM token, an SQLite store and an audit log in a directory
 * of their own, made by service_init(), and signed calls into it.
 */
#ifndef HOLDFAST_TESTS_UNIT_SERVICE_FIXTURE_H
#define HOLDFAST_TESTS_UNIT_SERVICE_FIXTURE_H

#include "codec/json.h"
#include "hsm/hsm.h"
#include "service/service.h"
#include "store/sqlite/sqlite.h"
#include "tests/support/assert_err.h"

#define WORLD_ACCOUNT "111122223333"
#define WORLD_REGION "us-east-1"

/* One service, with a store handle and an audit log of its own. */
struct world_service {
	struct store_sqlite *store;
	struct kms_store_ops ops; /* the store's, as adjusted */
	struct kms_catalog_ops catalog;
	struct kms_grants_ops grants;
	struct kms_agenda_ops agenda;
	struct service_sealer sealer;
	char audit_directory[96];
	struct audit_log *audit;
	struct service *service;
};

/* The system's clock, moved; tests that move it put it back. */
extern const struct clock world_clock;
void world_advance(int64_t ms);    /* the time of day */
void world_add_steady(int64_t ms); /* what is spent */
#define WORLD_DAY_MS INT64_C(86400000)

struct world {
	char dir[64];
	enum hsm_suite suite; /* before world_make(): pinned; 0: probed */
	uint64_t direct_messages_max, direct_block;
	struct kms_rotation_rules rotation;
	uint32_t due_interval_ms, due_share_percent;
	bool without_due_work;                     /* nothing is done by itself */
	void (*adjust)(struct kms_store_ops *ops); /* a test's own in between, or NULL */
	void (*adjust_catalog)(struct kms_catalog_ops *ops);
	void (*adjust_grants)(struct kms_grants_ops *ops);
	void (*adjust_agenda)(struct kms_agenda_ops *ops);
	void (*adjust_identities)(struct auth_identities *identities);
	void (*adjust_options)(struct service_options *options); /* the last */
	struct hsm *hsm;
	struct kms_installation installation;
	char access_key_id[AUTH_ACCESS_KEY_ID_LEN + 1];
	struct secret *secret_key;
	struct world_service first;
};

void world_make(struct world *w); /* token, store, init */
void world_remove(struct world *w);
void world_start(struct world *w, struct world_service *s, const char *name);
/* The same, where it may fail: then nothing is left of it. */
NODISCARD struct err world_try_start(struct world *w, struct world_service *s, const char *name);
void world_stop(struct world_service *s);
void world_path(const struct world *w, const char *name, char out[96]);

/* From now on (or no longer) every write of an audit log fails. */
void world_break_audit(bool broken);

/* A reply, copied out. */
struct reply {
	uint16_t status;
	bool secret; /* it came in locked memory */
	char *body;
	struct json *json; /* NULL for an empty body */
};
void reply_cleanup(struct reply *r);

/* What a test may get wrong on purpose; zeroes: nothing. */
struct twist {
	struct service *service; /* NULL: the first */
	const char *access_key_id;
	const struct secret *secret_key; /* NULL: the administrator's */
	const char *target;              /* in place of TrentService.<operation>; "-" for none */
	const char *query;
	const char *user_agent;
	bool break_signature, no_signature, old_clock;
	bool admin;
};
void world_call_twisted(struct world *w, const struct twist *twist, const char *operation,
			const char *body, struct reply *out);

/* A signed call to the first service. `body` is a printf format. */
void world_call(struct world *w, struct reply *out, const char *operation, const char *body, ...)
	PRINTF_LIKE(4, 5);

/* Of a reply: a text at the top, or "" ; its __type. */
const char *reply_text(const struct reply *r, const char *member);
#define reply_type(r) reply_text((r), "__type")
#define reply_message(r) reply_text((r), "message")

/* A member of KeyMetadata, NUL-terminated. */
const char *reply_metadata(const struct reply *r, const char *member);

/* CreateKey, with a JSON body; the key's id. */
void world_create_key(struct world *w, const char *body, char id[KMS_KEY_ID_TEXT + 1]);

#define assert_status(r, wanted)                                                           \
	do {                                                                               \
		if ((r)->status != (wanted))                                               \
			fail_msg("status %u, not %u: %s", (r)->status, (unsigned)(wanted), \
				 (r)->body);                                               \
	} while (0)

#define assert_refused(r, type, text)                        \
	do {                                                 \
		assert_string_equal(reply_type(r), type);    \
		assert_string_equal(reply_message(r), text); \
	} while (0)

/* The ARN of a key of the world; good until the next call. */
const char *world_arn(const char *id);

/* Encrypt and Decrypt; `context` is JSON. */
void world_encrypt(struct world *w, const char *id, const char *plaintext, const char *context,
		   struct reply *out);
void world_decrypt(struct world *w, const char *blob, const char *context, struct reply *out);

/* EnableKey, DisableKey: must succeed, with an empty body. */
void world_switch(struct world *w, const char *operation, const char *id);

/* Every line of the audit log of a service, newest last; mem_free(). */
char *world_audit(const struct world_service *s);

#endif
