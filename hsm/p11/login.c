/* SPDX-License-Identifier: Apache-2.0 */
#include "hsm/p11/login.h"

#include "base/log.h"

NODISCARD struct err p11_session_open(struct p11_module *module, CK_SESSION_HANDLE *out)
{
	CK_SESSION_HANDLE session = CK_INVALID_HANDLE;
	TRY(P11_CALL(&module->funnel, C_OpenSession, module->slot,
		     (CK_FLAGS)(CKF_SERIAL_SESSION | CKF_RW_SESSION), NULL, NULL, &session));
	*out = session;
	return OK;
}

static struct err latch(struct p11_login *login, uint32_t why)
{
	login->refused = true;
	if (login->watch != NULL)
		atomic_store(&login->watch->pin_refused, 1);
	log_event(LOG_ERROR, "token.pin_refused", LOG_HEX("ckr", why));
	return ERR_DETAIL(E_HSM_PIN, why);
}

/* PKCS#11 3.1 §3.2: one more failure would lock it, or it is locked. The operator decides. */
NODISCARD struct err p11_login_may_try(struct p11_login *login, const struct p11_module *module)
{
	if (module->token_flags & CKF_USER_PIN_LOCKED)
		return latch(login, CKR_PIN_LOCKED);
	if (module->token_flags & CKF_USER_PIN_FINAL_TRY)
		return latch(login, CKR_PIN_INCORRECT);
	return OK;
}

static bool refused_before(const struct p11_login *login)
{
	return login->refused ||
	       (login->watch != NULL && atomic_load(&login->watch->pin_refused) != 0);
}

NODISCARD struct err p11_login_open(struct p11_login *login, struct p11_module *module)
{
	REQUIRE(login->pin == NULL || !refused_before(login), E_HSM_PIN);
	TRY(p11_session_open(module, &login->session));
	if (login->pin == NULL)
		return OK;
	TRY(p11_login_may_try(login, module));
	/* C_Login takes a pointer to bytes that it does not write. */
	struct err e = P11_CALL(&module->funnel, C_Login, login->session, (CK_USER_TYPE)CKU_USER,
				login->pin->ptr, (CK_ULONG)login->pin->len);
	if (p11_funnel_effect(e) == P11_EFFECT_PIN)
		return latch(login, e.detail);
	return e;
}

NODISCARD struct err p11_login_check(const struct p11_login *login, struct p11_module *module)
{
	CK_SESSION_INFO info = {0};
	TRY(P11_CALL(&module->funnel, C_GetSessionInfo, login->session, &info));
	if (login->pin != NULL && info.state != CKS_RW_USER_FUNCTIONS)
		return ERR_DETAIL(E_HSM_AWAY, CKR_USER_NOT_LOGGED_IN);
	return OK;
}
