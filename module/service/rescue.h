/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The deliberate way back when store, token and audit log do not fit together (holdfastd --recover
 * and --restore): what there is, and the operator's acceptance of it. Works on a store that nobody
 * else has open, usually a copy; the service is not running.
 */
#ifndef HOLDFAST_SERVICE_RESCUE_H
#define HOLDFAST_SERVICE_RESCUE_H

#include "auth/identities.h"
#include "kms/agenda.h"
#include "kms/manifest.h"
#include "service/service.h"

#define RESCUE_CODE_TEXT 20 /* 0123-4567-89ab-cdef and a NUL */

struct rescue_options {
	struct hsm *hsm;
	struct kms_store store;
	struct kms_agenda agenda;
	struct kms_manifest manifest;
	struct auth_identities identities;
	struct kms_installation_store installations;
	struct kms_installation installation; /* rescue_open()'s */
	struct service_sealer *sealer;        /* its key is set by rescue_open() */
	const struct clock *clock;
	const char *audit_directory;
	const char *audit_log; /* its name in the store */
	/* As kms_survey_options. */
	void (*progress)(void *user, uint64_t done, uint64_t all);
	void *user;
};

/*
 * As service_open_installation(), but for a token with another serial number that has the
 * installation's three keys, as a clone or a restored copy has: *moved then. Fills
 * options->installation, verified.
 */
NODISCARD struct err rescue_open(struct rescue_options *options, bool *moved);

/* This daemon's audit log against the head that the store keeps of it. */
struct rescue_log {
	struct err verdict; /* OK, or E_AUDIT_CHAIN: it does not contain the head */
	bool kept;          /* the store has a head of it */
	struct kms_audit_head head;
	bool readable; /* the folder is there */
};

/* What another token proves, before it may become the installation's. */
struct rescue_token {
	bool moved;
	char serial[17];
	struct err wrap; /* OK: an API secret of the store opens under its secret-wrap key */
	bool wrap_tried; /* the store has one */
};

struct rescue_report {
	struct kms_survey survey;
	struct rescue_log log;
	struct rescue_token token;
	uint64_t deletions; /* keys whose waiting period is over by the clock as it is */
	uint64_t intents;   /* versions in the making */
	char code[RESCUE_CODE_TEXT];
};
void rescue_report_cleanup(struct rescue_report *report);

/* Looks, and changes nothing. `moved` is rescue_open()'s. OK whatever it finds. Blocks. */
NODISCARD struct err rescue_look(const struct rescue_options *options, bool moved,
				 struct rescue_report *out);

/* The worst of what was found: OK, E_STORE_SEAL (it starts, and refuses rows), or what must be
 * accepted before it starts. */
struct err rescue_verdict(const struct rescue_report *report);

/* Who accepts, and what. Texts are borrowed. */
struct rescue_consent {
	uint32_t uid;
	const char *user;     /* name; "" when it has none */
	const char *restored; /* path of the backup; NULL: the store as it is */
	bool accept_token;
	bool discard_refused; /* the rows that do not carry their seal go */
};

/*
 * Accepts what the report describes, and nothing else: E_STORE_CONFLICT when the store is another
 * by now. E_HSM_TOKEN_CHANGED: another token, without accept_token, or one that does not prove
 * itself. The record of it (RecoverStore) is in the outbox, in the transaction that makes the new
 * manifest. What an older store would set going again is held: versions in the making are
 * forgotten, so that none is destroyed that was finished since, and destruction waits for `holdfast
 * clock accept`. *mark: of the store then. Blocks.
 */
NODISCARD struct err rescue_accept(struct rescue_options *options,
				   const struct rescue_report *report,
				   const struct rescue_consent *consent, struct kms_mark *mark);

/* Once the accepted store is in its place, and not before: the token remembers it. E_HSM_...: the
 * next start does it. Blocks. */
NODISCARD struct err rescue_anchor(const struct rescue_options *options,
				   const struct kms_mark *mark);

#endif
