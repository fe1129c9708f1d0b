/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vendor's library, its start and stop, and the choice of exactly one token in it. Login:
 * login.h; keys: object.h.
 */
#ifndef HOLDFAST_HSM_P11_MODULE_H
#define HOLDFAST_HSM_P11_MODULE_H

#include <p11-kit/uri.h>

#include "hsm/evidence.h"
#include "hsm/p11/funnel.h"

#define P11_SLOTS_MAX 256

/* What C_GetTokenInfo says, without the padding. */
struct p11_token_names {
	char label[33];
	char manufacturer[33];
	char model[17];
	char serial[17];
};

struct p11_module {
	struct p11_funnel funnel;
	char *path;
	char *parameters; /* for C_Initialize, or NULL */
	P11KitUri *uri;
	bool started;
	CK_SLOT_ID slot;
	CK_FLAGS token_flags;
	char library[33]; /* CK_INFO.libraryDescription */
	CK_VERSION library_version, cryptoki_version;
	char answered_by[HSM_ANSWERED_BY_MAX + 1]; /* hsm/evidence.h */
	struct p11_token_names names;
};

/* Maps the library; E_SETTINGS unless `path` is absolute and loads. Undo: p11_module_cleanup(). */
NODISCARD struct err p11_module_init(struct p11_module *module, const char *path,
				     const char *parameters);

/*
 * Keeps the token's URI (RFC 7512). E_SETTINGS for one that does not parse, has an attribute that
 * is not understood, or names a module, a PIN or an object: those come from elsewhere, or not at
 * all.
 */
NODISCARD struct err p11_module_set_uri(struct p11_module *module, const char *uri);

/* C_Initialize with OS locking and the parameters; C_Finalize. Stopping twice is allowed. */
NODISCARD struct err p11_module_start(struct p11_module *module);
void p11_module_stop(struct p11_module *module);

/*
 * Finds the one token that the URI names and fills slot and names. When names.serial is set
 * already, it must be the same token again: E_HSM_TOKEN_CHANGED. None or several: E_HSM_AWAY.
 */
NODISCARD struct err p11_module_find_token(struct p11_module *module);

/* C_GetTokenInfo of the slot; E_HSM_TOKEN_CHANGED when its serial is another.
 */
NODISCARD struct err p11_module_check_token(struct p11_module *module);

void p11_module_cleanup(struct p11_module *module);

#endif
