/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the store share: a folder of their own, a sealer that is a real HMAC-SHA-256 in
 * this process, an open store, and sample rows. */
#ifndef HOLDFAST_TESTS_STORE_FIXTURE_H
#define HOLDFAST_TESTS_STORE_FIXTURE_H

#include <sqlite3.h>

#include "store/sqlite/sqlite.h"
#include "tests/support/assert_err.h"

/* The argument of key_create(): a key without tags. */
#define NEW_KEY(key_, version_) (&(const struct kms_new_key){.key = (key_), .version = (version_)})

struct fixture {
	char folder[64];
	char path[96];
	uint8_t seal_key[32];
	struct err seal_failure; /* what the sealer answers instead, when not OK */
	unsigned seal_calls;
	void (*while_sealing)(void *user); /* in the next call, once */
	void *while_sealing_user;
	unsigned seal_failure_at; /* the one call that fails; 0: all do */
	struct clock_manual clock;
	struct store_sqlite *store;
	struct kms_store keys;
	struct kms_catalog catalog;
	struct kms_grants grants;
	struct kms_agenda agenda;
	struct kms_manifest manifest;
	struct auth_identities identities;
	struct kms_installation_store installation;
};

/* For cmocka: *state is a struct fixture with an open store in a new folder. */
int fixture_setup(void **state);
int fixture_teardown(void **state);

/* The same without a store. */
int fixture_setup_folder(void **state);

struct store_sqlite_options fixture_options(struct fixture *f);
void fixture_open(struct fixture *f);
void fixture_close(struct fixture *f);
struct kms_sealer fixture_sealer(struct fixture *f);

/* SQL through a connection of the test's own, as somebody would who writes the file behind the
 * service. Ends the test when it fails. */
void fixture_sql(struct fixture *f, const char *sql);
int64_t fixture_ask(struct fixture *f, const char *sql);
int fixture_changes(struct fixture *f, const char *sql);

/* Samples. `n` makes them different. */
extern const struct kms_scope sample_scope;
struct kms_key_id sample_id(uint32_t n);
struct kms_key sample_key(uint32_t n); /* description and policy are literals */
struct kms_version sample_version(uint32_t n);
struct kms_intent sample_intent(uint32_t n);
struct kms_outbox_record sample_record(uint32_t n);
struct kms_alias sample_alias(uint32_t n, uint32_t key); /* alias/sample-<n> */
struct kms_tag sample_tag(uint32_t n);                   /* tag-<n>: value-<n> */
/* User, group or role <kind>-<n>; account 0000000000<n>; service
 * service-<n>.eu-test-1.amazonaws.com. The document is a literal. */
struct auth_identity sample_identity(enum auth_identity_kind kind, uint32_t n);
struct auth_identity sample_alice(void);
struct auth_access_key sample_access_key(uint32_t n); /* of alice */
struct auth_session sample_session(uint32_t n);       /* of role-1 */
/* Of key `key`, to user-<n % 7>, retired by user-<n % 5>, constrained. The context is a literal. */
struct kms_grant sample_grant(uint32_t n, uint32_t key);
struct kms_installation sample_installation(void);
struct kms_audit_head sample_head(uint32_t n); /* of log-<n> */

/* Intent and key, as a caller does it. */
struct err sample_create(struct fixture *f, uint32_t n);

struct err sample_identity_create(struct fixture *f, enum auth_identity_kind kind, uint32_t n);
/* Alice, and the access key. */
struct err sample_alice_create(struct fixture *f);

/* Every port of the open store. */
void fixture_ports(struct fixture *f);

/* Lines of the log since the last call; borrowed until the next. */
const char *fixture_log(struct fixture *f);

#endif
