/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one login session: login state belongs to the application and the token, so one session that
 * stays open carries it for all others. The PIN is tried once; after a refusal never again.
 */
#ifndef HOLDFAST_HSM_P11_LOGIN_H
#define HOLDFAST_HSM_P11_LOGIN_H

#include "hsm/p11/local.h"
#include "hsm/p11/module.h"

struct p11_login {
	const struct secret *pin;     /* borrowed; NULL: no login */
	struct hsm_lane_watch *watch; /* or NULL; remembers a refusal beyond this process */
	bool refused;
	CK_SESSION_HANDLE session;
};

/*
 * Opens the login session and logs in. Caller: one thread at a time. E_HSM_PIN when the PIN was
 * refused, now or before, or when one more failure would lock it; then the token is not asked.
 */
NODISCARD struct err p11_login_open(struct p11_login *login, struct p11_module *module);

/* PKCS#11 3.1 §3.2: E_HSM_PIN when the PIN is locked, or one more failure would lock it. */
NODISCARD struct err p11_login_may_try(struct p11_login *login, const struct p11_module *module);

/*
 * Whether the token still has us logged in: one that does not shows no private object, and so seems
 * to have no keys. E_HSM_AWAY.
 */
NODISCARD struct err p11_login_check(const struct p11_login *login, struct p11_module *module);

/* A further session of the slot, read-write. */
NODISCARD struct err p11_session_open(struct p11_module *module, CK_SESSION_HANDLE *out);

#endif
