/* SPDX-License-Identifier: Apache-2.0 */
#include "hsm/p11/capability.h"

/*
 * First match wins. SoftHSM: global locks, two threads are slower than one (measured). NSS: the
 * same, and it answers CKA_LOCAL false for every key that it generated on the token, and does not
 * keep CKA_ALLOWED_MECHANISMS (measured): a token for tests, not for roots. CloudHSM and nShield
 * write their own IV over the zeros that they are given: from their manuals, not tried here.
 * SoftHSM searches in 22 µs of processor time for every object there is (measured); where a second
 * key of one CKA_ID replaces the first, as with NSS, no generation may go without a search. NSS
 * keeps no data objects (measured), CloudHSM's manual knows only keys: there a key carries an
 * anchor.
 */
static const struct p11_capability rows[] = {
	{"softhsm", "SoftHSM project", "", "", 1, P11_IV_OURS, 0, true, P11_CARRIER_DATA, true},
	{"nss", "Mozilla Foundation", "", "", 1, P11_IV_OURS, CKA_LOCAL, false, P11_CARRIER_KEY,
	 false},
	{"cloudhsm", "Cavium", "", "", 32, P11_IV_TOKEN, 0, false, P11_CARRIER_KEY, false},
	{"cloudhsm", "Marvell", "", "", 32, P11_IV_TOKEN, 0, false, P11_CARRIER_KEY, false},
	{"nshield", "nCipher", "", "", 16, P11_IV_TOKEN, 0, false, P11_CARRIER_DATA, false},
	{"any", "", "", "", 8, P11_IV_OURS, 0, false, P11_CARRIER_DATA, false},
};

static bool begins(const char *text, const char *prefix)
{
	return view_starts_with(view_of_text(text), view_of_text(prefix));
}

const struct p11_capability *p11_capability_of(const struct p11_module *module)
{
	for (size_t i = 0; i < ARRAY_LEN(rows) - 1; i++)
		if (begins(module->names.manufacturer, rows[i].manufacturer) &&
		    begins(module->names.model, rows[i].model) &&
		    begins(module->library, rows[i].library))
			return &rows[i];
	return &rows[ARRAY_LEN(rows) - 1];
}
