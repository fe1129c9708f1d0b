/* SPDX-License-Identifier: Apache-2.0 */
/* hsm_local_pin_*(): the only place that calls C_SetPIN. Each is one start of the module, one step
 * and its end; which step comes when is hsm/token/pinchange.c's. */
#include "hsm/p11/local.h"
#include "hsm/p11/login.h"
#include "hsm/p11/module.h"
#include "hsm/p11/softhsm.h"

/* The token, found and ready; no session. */
struct bench {
	struct p11_module module;
	struct p11_softhsm softhsm;
};

static void bench_cleanup(struct bench *b)
{
	p11_module_cleanup(&b->module);
}

static struct err bench_init(struct bench *b, const struct hsm_local_pin_options *o)
{
	TRY(p11_module_init(&b->module, o->module_path, o->module_parameters));
	TRY(p11_module_set_uri(&b->module, o->uri));
	TRY(p11_softhsm_init(&b->softhsm, o->module_path));
	/* A kill while token.object was written: the copy has the PIN of before, and the caller
	 * finds out which of the two is right. */
	TRY(p11_softhsm_restore(&b->softhsm));
	TRY(p11_module_start(&b->module));
	return p11_module_find_token(&b->module);
}

NODISCARD struct err hsm_local_pin_limits(const struct hsm_local_pin_options *options, size_t *min,
					  size_t *max)
{
	CLEANUP(bench_cleanup) struct bench b = {0};
	CK_TOKEN_INFO info = {0};
	TRY(bench_init(&b, options));
	TRY(P11_CALL(&b.module.funnel, C_GetTokenInfo, b.module.slot, &info));
	*min = info.ulMinPinLen;
	*max = info.ulMaxPinLen;
	return OK;
}

/* PKCS#11 3.1 §3.2: a token that is locked, or would be by one more failure. That it was not asked
 * must not look like its having refused this very PIN: the caller would take it for the wrong one.
 */
static struct err may_ask(struct bench *b, const struct secret *pin)
{
	struct p11_login login = {.pin = pin};
	struct err e = p11_login_may_try(&login, &b->module);
	return err_failed(e) ? ERR_DETAIL(E_HSM_PIN, CKR_PIN_LOCKED) : OK;
}

/* PKCS#11 3.1 §5.5.8: without a login it changes the user's PIN, and checks the old. */
static struct err set_pin(struct bench *b, const struct secret *old, const struct secret *fresh)
{
	struct p11_funnel *funnel = &b->module.funnel;
	CK_SESSION_HANDLE session = CK_INVALID_HANDLE;
	TRY(p11_session_open(&b->module, &session));
	struct err e = P11_CALL(funnel, C_SetPIN, session, old->ptr, (CK_ULONG)old->len, fresh->ptr,
				(CK_ULONG)fresh->len);
	P11_CALL_TIDY(funnel, C_CloseSession, session);
	return e;
}

NODISCARD struct err hsm_local_pin_set(const struct hsm_local_pin_options *options,
				       const struct secret *old, const struct secret *fresh)
{
	CLEANUP(bench_cleanup) struct bench b = {0};
	TRY(bench_init(&b, options));
	TRY(may_ask(&b, old));
	TRY(p11_softhsm_keep(&b.softhsm));
	struct p11_softhsm_mark mark = p11_softhsm_mark(&b.softhsm);
	TRY(set_pin(&b, old, fresh));
	/* On disk, and in the copy, before anybody counts on the new one. */
	TRY(p11_softhsm_sync(&b.softhsm, mark));
	return p11_softhsm_keep(&b.softhsm);
}

NODISCARD struct err hsm_local_pin_try(const struct hsm_local_pin_options *options,
				       const struct secret *pin)
{
	CLEANUP(bench_cleanup) struct bench b = {0};
	struct p11_login login = {.pin = pin};
	TRY(bench_init(&b, options));
	TRY(may_ask(&b, pin));
	TRY(p11_softhsm_keep(&b.softhsm));
	struct p11_softhsm_mark mark = p11_softhsm_mark(&b.softhsm);
	TRY(p11_login_open(&login, &b.module));
	P11_CALL_TIDY(&b.module.funnel, C_Logout, login.session);
	return p11_softhsm_sync(&b.softhsm, mark);
}
