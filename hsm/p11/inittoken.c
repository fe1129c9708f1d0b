/* SPDX-License-Identifier: Apache-2.0 */
/* hsm_local_init_token(): the only place that calls C_InitToken. */
#include <p11-kit/p11-kit.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "hsm/p11/local.h"
#include "hsm/p11/login.h"
#include "hsm/p11/module.h"
#include "hsm/p11/softhsm.h"

#define LABEL_LEN 32 /* CK_TOKEN_INFO.label, padded with blanks */

static bool same_label(const CK_TOKEN_INFO *info, const char *label)
{
	size_t len = p11_kit_space_strlen(info->label, sizeof(info->label));
	return view_equal_text(view_of(info->label, len), label);
}

/* Where to make the token. */
struct site {
	CK_SLOT_ID slot;
	bool found;
	bool begun; /* a token of this label is there without a user PIN: we were killed in between
		     */
};

static struct err consider(const CK_TOKEN_INFO *info, CK_SLOT_ID slot, const char *label,
			   struct site *site)
{
	bool initialised = (info->flags & CKF_TOKEN_INITIALIZED) != 0;
	bool begun = initialised && same_label(info, label) &&
		     (info->flags & CKF_USER_PIN_INITIALIZED) == 0;
	REQUIRE(begun || !initialised || !same_label(info, label), E_ALREADY_INITIALISED);
	if (site->begun || (initialised && !begun) || (site->found && !begun))
		return OK;
	*site = (struct site){slot, true, begun};
	return OK;
}

/* The slot of a token that was begun, or the first whose token was never initialised;
 * E_ALREADY_INITIALISED when the label is taken. */
static struct err find_site(struct p11_module *module, const char *label, struct site *out)
{
	CK_SLOT_ID slots[P11_SLOTS_MAX];
	CK_ULONG count = P11_SLOTS_MAX;
	TRY(P11_CALL(&module->funnel, C_GetSlotList, CK_TRUE, slots, &count));
	for (CK_ULONG i = 0; i < count && i < P11_SLOTS_MAX; i++) {
		CK_TOKEN_INFO info = {0};
		TRY(P11_CALL(&module->funnel, C_GetTokenInfo, slots[i], &info));
		TRY(consider(&info, slots[i], label, out));
	}
	REQUIRE(out->found, E_HSM_AWAY);
	module->slot = out->slot;
	return OK;
}

static struct err set_user_pin(struct p11_module *module, const struct secret *so_pin,
			       const struct secret *pin)
{
	struct p11_funnel *funnel = &module->funnel;
	CK_SESSION_HANDLE session = CK_INVALID_HANDLE;
	TRY(p11_session_open(module, &session));
	TRY(P11_CALL(funnel, C_Login, session, (CK_USER_TYPE)CKU_SO, so_pin->ptr,
		     (CK_ULONG)so_pin->len));
	TRY(P11_CALL(funnel, C_InitPIN, session, pin->ptr, (CK_ULONG)pin->len));
	TRY(P11_CALL(funnel, C_Logout, session));
	return P11_CALL(funnel, C_CloseSession, session);
}

static struct err init_token(struct p11_module *module, const char *label,
			     const struct secret *so_pin, const struct secret *pin)
{
	CK_UTF8CHAR padded[LABEL_LEN];
	struct view text = view_of_text(label);
	REQUIRE(text.len >= 1 && text.len <= sizeof(padded), E_BOUNDS);
	for (size_t i = 0; i < sizeof(padded); i++)
		padded[i] = i < text.len ? text.ptr[i] : ' ';
	TRY(p11_module_start(module));
	struct site site = {0};
	TRY(find_site(module, label, &site));
	if (!site.begun)
		TRY(P11_CALL(&module->funnel, C_InitToken, module->slot, so_pin->ptr,
			     (CK_ULONG)so_pin->len, padded));
	return set_user_pin(module, so_pin, pin);
}

NODISCARD struct err hsm_local_init_token(const char *module_path, const char *label,
					  const struct secret *so_pin, const struct secret *pin)
{
	REQUIRE(label != NULL && so_pin != NULL && pin != NULL, E_USAGE);
	CLEANUP(p11_module_cleanup) struct p11_module module = {0};
	struct p11_softhsm softhsm = {0};
	TRY(p11_module_init(&module, module_path, NULL));
	TRY(p11_softhsm_init(&softhsm, module_path));
	/* SoftHSM does not show a token that was broken while its PIN was checked: a second one of
	 * the same label would be made beside it. */
	TRY(p11_softhsm_restore(&softhsm));
	TRY(init_token(&module, label, so_pin, pin));
	TRY(p11_softhsm_sync_new_token(&softhsm));
	return p11_softhsm_keep(&softhsm);
}
