/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Real tokens for the tests of the local implementation, each in a directory of its own: SoftHSM,
 * NSS softokn, and SoftHSM behind the shim (tests/support/pkcs11_shim.c). One token per process.
 */
#ifndef HOLDFAST_TESTS_TEST_LOCAL_TOKEN_H
#define HOLDFAST_TESTS_TEST_LOCAL_TOKEN_H

#include "hsm/p11/instance.h"
#include "tests/support/assert_err.h"

enum token_kind { TOKEN_SOFTHSM, TOKEN_NSS, TOKEN_SHIM };

struct token {
	enum token_kind kind;
	char dir[64];         /* everything of this token */
	char shim_script[96]; /* TOKEN_SHIM: the file that HOLDFAST_SHIM names */
	char parameters[160];
	struct secret *pin;
	struct hsm_local_options options; /* to be changed before token_open() */
	struct hsm_lane_watch watch;
	struct hsm *hsm;
};

/* Makes the token; options are filled. */
void token_make(struct token *t, enum token_kind kind);
void token_open(struct token *t);
void token_close(struct token *t);
/* Asks until the token is up; how long it may stay away is its own backoff, not a guess. */
void token_await_up(const struct token *t);
/* Closes, and removes the directory. */
void token_remove(struct token *t);
/* The one directory of a SoftHSM token. */
void token_directory(const struct token *t, char *out, size_t cap);
/* What the shim is to do from now on; see its head comment. "" for nothing. */
void token_shim(const struct token *t, const char *script);

#define MODULE_SOFTHSM "/usr/lib/softhsm/libsofthsm2.so"
#define MODULE_NSS "/usr/lib/x86_64-linux-gnu/libsoftokn3.so"

/* Operations with a deadline of ten seconds and inputs that the tests share. */
struct hsm_op op_of(enum hsm_verb verb);
struct hsm_sealing sealing_of(const struct hsm_object *key);
struct hsm_key_id id_of(uint8_t n);

/* Generates key number n; suite from hsm_status() where the role wants one. */
struct err make_key(struct hsm *hsm, uint8_t n, enum hsm_role role, struct hsm_object *out);
/* Seals `text` under s; *out is the caller's. */
struct err seal_text(struct hsm *hsm, const struct hsm_sealing *s, const char *text,
		     struct buf *out);
/* Opens and compares with `text`: E_BUG when it opens to something else. */
struct err open_text(struct hsm *hsm, const struct hsm_sealing *s, struct view sealed,
		     const char *text);

/* The PKCS#11 module itself, beside the implementation, in the same process. */
CK_FUNCTION_LIST *token_raw(const struct token *t, CK_SESSION_HANDLE *session);
/* The objects of the token in sessions of this process: message keys and the canary. */
size_t token_session_objects(const struct token *t);

#endif
