/* SPDX-License-Identifier: Apache-2.0 */
#include "hsm/p11/canary.h"

#include "base/log.h"
#include "base/mem.h"
#include "hsm/p11/template.h"

#define SONG_LEN 16

static const uint8_t song[SONG_LEN] = {0xca};

NODISCARD struct err p11_canary_make(struct hsm *hsm, CK_SESSION_HANDLE holder)
{
	CK_MECHANISM mechanism = {CKM_AES_KEY_GEN, NULL, 0};
	struct p11_template t;
	p11_template_session_aes(&t, false);
	hsm->canary = CK_INVALID_HANDLE;
	return P11_CALL(&hsm->module.funnel, C_GenerateKey, holder, &mechanism, t.items, t.count,
			&hsm->canary);
}

static struct err sing(struct hsm *hsm, CK_SESSION_HANDLE session)
{
	struct p11_cipher cipher = {&hsm->module.funnel, session, hsm->canary, hsm->row->iv};
	uint8_t iv[HSM_IV_LEN];
	uint8_t sealed[SONG_LEN + HSM_TAG_LEN];
	struct view aad = VIEW_LITERAL("canary");
	TRY(p11_cipher_encrypt(&cipher, aad, VIEW_ARRAY(song), iv, sealed));
	CLEANUP(secret_free) struct secret *heard = NULL;
	TRY(p11_cipher_decrypt(&cipher, aad, iv, VIEW_ARRAY(sealed), &heard));
	REQUIRE(heard->len == SONG_LEN && mem_equal_constant_time(heard->ptr, song, SONG_LEN),
		E_HSM_UNSAFE);
	return OK;
}

static struct err sing_in_new_session(struct p11_lane *lane, struct err why)
{
	struct hsm *hsm = lane->hsm;
	if (!p11_funnel_session_gone(why))
		P11_CALL_TIDY(&hsm->module.funnel, C_CloseSession, lane->session);
	lane->generation = 0; /* until there is another */
	TRY(p11_session_open(&hsm->module, &lane->session));
	lane->generation = hsm->generation;
	return sing(hsm, lane->session);
}

static struct err judge(struct err e)
{
	if (!err_failed(e))
		return OK;
	log_event(LOG_WARNING, "token.canary_failed", LOG_ERR(e));
	return ERR_DETAIL(E_HSM_AWAY, e.detail);
}

NODISCARD struct err p11_canary_sing(struct p11_lane *lane)
{
	struct err e = sing(lane->hsm, lane->session);
	if (p11_funnel_effect(e) == P11_EFFECT_SESSION)
		e = sing_in_new_session(lane, e);
	return judge(e);
}

NODISCARD struct err p11_canary_run(struct p11_lane *lane)
{
	struct hsm *hsm = lane->hsm;
	struct err e = p11_module_check_token(&hsm->module);
	if (!err_failed(e))
		e = p11_login_check(&hsm->login, &hsm->module);
	return err_failed(e) ? judge(e) : p11_canary_sing(lane);
}
