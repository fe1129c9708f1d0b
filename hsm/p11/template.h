/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a key object of each role looks like: the exact attributes at creation, and the ones that
 * must be read back (P1). Making and finding objects: object.h.
 */
#ifndef HOLDFAST_HSM_P11_TEMPLATE_H
#define HOLDFAST_HSM_P11_TEMPLATE_H

#include "hsm/hsm.h"
#include "hsm/p11/funnel.h"

#define P11_TEMPLATE_MAX 24
#define P11_KEY_BYTES 32 /* every secret key here has 256 bits */

/* A list of attributes for a C_ call; values are borrowed, except the numbers kept in here. */
struct p11_template {
	CK_ATTRIBUTE items[P11_TEMPLATE_MAX];
	CK_ULONG numbers[P11_TEMPLATE_MAX];
	CK_ULONG count;
};

void p11_template_bool(struct p11_template *t, CK_ATTRIBUTE_TYPE type, bool value);
void p11_template_number(struct p11_template *t, CK_ATTRIBUTE_TYPE type, CK_ULONG value);
void p11_template_bytes(struct p11_template *t, CK_ATTRIBUTE_TYPE type, struct view value);

/* Suites as bits, for keys whose usage allows more than one. */
#define P11_SUITE_BIT(suite) (1U << (unsigned)(suite))

/* The role that the end of a label says: ":row-seal", ":audit-sign", ":secret-wrap", or a version.
 */
enum hsm_role p11_template_role(const char *label);

/* The label of an object of ours. */
bool p11_template_is_ours(struct view label);

/*
 * The template of the secret or private key for `object` (role, suite, id, label).
 * `limit_mechanisms` adds CKA_ALLOWED_MECHANISMS, for tokens that take it. Borrows from object.
 */
void p11_template_key(struct p11_template *t, const struct hsm_object *object,
		      bool limit_mechanisms);

/* The public half of an EC pair, made and searched for. */
void p11_template_public(struct p11_template *t, const struct hsm_object *object);
void p11_template_find_public(struct p11_template *t, const struct hsm_object *object);

/* Whether CKA_EC_PARAMS name the curve of those pairs. */
bool p11_template_is_p256(struct view params);

/* An AES-256 key on the token that is allowed nothing and is there for its label alone. */
void p11_template_idle(struct p11_template *t);

/* A session AES-256 key, sensitive, not extractable: DERIVE only, or ENCRYPT and DECRYPT only. */
void p11_template_session_aes(struct p11_template *t, bool derive);

/* A session HMAC key, SIGN only; for the probe. */
void p11_template_session_hmac(struct p11_template *t);

/*
 * Where attributes are read. `unreported`: one that this make of token is known to answer wrongly
 * for every key (its capability row says which), and that therefore says nothing; 0: none.
 */
struct p11_reading {
	struct p11_funnel *funnel;
	CK_SESSION_HANDLE session;
	CK_ATTRIBUTE_TYPE unreported;
};

/* One attribute into fixed room; *present is false when the token has none, or none that fits, for
 * this object. Fails as the token does. */
NODISCARD struct err p11_template_read(const struct p11_reading *at, CK_OBJECT_HANDLE handle,
				       CK_ATTRIBUTE *attribute, bool *present);

/*
 * Reads every attribute of a key object back and judges it for its role (the label's): fills
 * object->role, suite (the lowest of *suites), sound, and *suites. An unsound object is no failure;
 * the first attribute that is wrong is logged. Fails as the token does.
 */
NODISCARD struct err p11_template_read_back(const struct p11_reading *at, CK_OBJECT_HANDLE handle,
					    struct hsm_object *object, unsigned *suites);

/* Whether a session key is what p11_template_session_aes() asked for. */
NODISCARD struct err p11_template_check_session(struct p11_funnel *funnel,
						CK_SESSION_HANDLE session, CK_OBJECT_HANDLE handle);

#endif
