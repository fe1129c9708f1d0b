/* SPDX-License-Identifier: Apache-2.0 */
#include "hsm/p11/funnel.h"

#include "base/log.h"

static const char *const function_names[] = {
#define P11_FUNCTION(name) #name,
#include "hsm/p11/functions.def"
#undef P11_FUNCTION
};

/* PKCS#11 3.1 §5.1, in the order of the numbers' meaning. */
static const struct p11_ckr rows[] = {
#define CKR_ROW(name, number, fault, effect, code) \
	{number, #name, P11_FAULT_##fault, P11_EFFECT_##effect, E_##code},
#include "hsm/ckr.def"
#undef CKR_ROW
};

_Static_assert(ARRAY_LEN(rows) == HSM_CKR_KNOWN, "what is not known is counted behind the known");

static const struct p11_ckr unknown_row = {CKR_VENDOR_DEFINED, "CKR unknown", P11_FAULT_UNCLEAR,
					   P11_EFFECT_CANARY, E_HSM_REFUSED};

const struct p11_ckr *p11_funnel_row(CK_RV rv)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].rv == rv)
			return &rows[i];
	return &unknown_row;
}

NODISCARD struct err p11_funnel_judge(struct p11_funnel *funnel, enum p11_function function,
				      CK_RV rv)
{
	atomic_fetch_add_explicit(&funnel->calls[function], 1, memory_order_relaxed);
	if (rv == CKR_OK)
		return OK;
	atomic_fetch_add_explicit(&funnel->failures[function], 1, memory_order_relaxed);
	const struct p11_ckr *row = p11_funnel_row(rv);
	if (funnel->figures != NULL)
		hsm_figures_count_ckr(funnel->figures, rv);
	log_event(LOG_DEBUG, "token.ckr", LOG_TEXT("function", function_names[function]),
		  LOG_TEXT("name", row->name), LOG_HEX("ckr", (uint32_t)rv));
	return (struct err){(uint16_t)row->code, 0, (uint32_t)rv, function_names[function]};
}

enum p11_effect p11_funnel_effect(struct err e)
{
	if (!err_failed(e) || e.detail == 0)
		return P11_EFFECT_NONE;
	const struct p11_ckr *row = p11_funnel_row(e.detail);
	return row->code == e.code ? row->effect : P11_EFFECT_NONE;
}

const char *p11_function_name(enum p11_function function)
{
	return function < P11_FUNCTION_COUNT ? function_names[function] : "?";
}
