/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known of a make of token (rows), and what this token proves by doing (the probe). A row
 * never makes an unsafe token safe: the probe has the last word.
 */
#ifndef HOLDFAST_HSM_P11_CAPABILITY_H
#define HOLDFAST_HSM_P11_CAPABILITY_H

#include "hsm/p11/cipher.h"
#include "hsm/p11/module.h"

/* Which objects carry an anchor (anchor.h): data, or where a token has none, a key. */
enum p11_carrier { P11_CARRIER_DATA, P11_CARRIER_KEY };

struct p11_capability {
	const char *name;
	const char *manufacturer; /* how C_GetTokenInfo's manufacturerID begins; "": any */
	const char *model;        /* how its model begins */
	const char *library;      /* how C_GetInfo's libraryDescription begins */
	uint32_t lanes;           /* worth having when the settings do not say */
	enum p11_iv iv;
	CK_ATTRIBUTE_TYPE unreported; /* of P1, and answered wrongly for every key; 0: none */
	bool limit_mechanisms;        /* takes CKA_ALLOWED_MECHANISMS at generation */
	enum p11_carrier anchor;
	bool searches_all; /* a search looks at every object, and keys may share a CKA_ID */
};

/* The row of the token found; never NULL, the last row fits all. */
const struct p11_capability *p11_capability_of(const struct p11_module *module);

/*
 * Does what the service will do, with session objects only: derivations that repeat and differ,
 * ciphertexts that differ, tags that are there and are checked, MACs, randomness. Tries `pinned`,
 * or the suites 1, 2, 3 in turn when it is HSM_SUITE_NONE; *out is the first that the token can do.
 * E_HSM_UNSAFE when a suite is there and wrong, or none is there; the log names the capability.
 */
NODISCARD struct err p11_capability_probe(struct p11_module *module, CK_SESSION_HANDLE session,
					  const struct p11_capability *row, enum hsm_suite pinned,
					  enum hsm_suite *out);

#endif
