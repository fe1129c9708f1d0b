/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every C_* call passes here: it is counted, and its CKR is judged by one table that says whose
 * fault it is and what has become of the session, the login and the handles. Healing: lane.c.
 */
#ifndef HOLDFAST_HSM_P11_FUNNEL_H
#define HOLDFAST_HSM_P11_FUNNEL_H

#include <stdatomic.h>

#include "base/err.h"
#include "hsm/figures.h"
#include "hsm/p11/pkcs11_3.h"

enum p11_function {
#define P11_FUNCTION(name) P11_##name,
#include "hsm/p11/functions.def"
#undef P11_FUNCTION
	P11_FUNCTION_COUNT
};

/* Whose fault a CKR is. */
enum p11_fault {
	P11_FAULT_NONE,
	P11_FAULT_CALLER, /* the data that came with the request */
	P11_FAULT_US,     /* our use of the token */
	P11_FAULT_TOKEN,
	P11_FAULT_OPERATOR,
	P11_FAULT_UNCLEAR, /* a canary operation decides: data or token */
};

/* What must happen before the operation could be tried again; each at most once per operation. */
enum p11_effect {
	P11_EFFECT_NONE,    /* nothing; do not repeat */
	P11_EFFECT_HANDLE,  /* the handle is stale: find the object again, retry */
	P11_EFFECT_SESSION, /* the session is dead or in an unknown state: a new one, retry */
	P11_EFFECT_LOGIN,   /* the token has logged us out, all handles are dead: recover, retry */
	P11_EFFECT_DEVICE,  /* the token is gone: breaker, recover */
	P11_EFFECT_PIN,     /* latch; never repeat */
	P11_EFFECT_CANARY,  /* unclear: ask the canary */
};

struct p11_ckr {
	CK_RV rv;
	const char *name;
	enum p11_fault fault;
	enum p11_effect effect;
	enum err_code code;
};

struct p11_funnel {
	CK_FUNCTION_LIST *list;      /* borrowed from the module */
	struct hsm_figures *figures; /* borrowed; NULL: failures are not counted by their CKR */
	_Atomic uint64_t calls[P11_FUNCTION_COUNT];
	_Atomic uint64_t failures[P11_FUNCTION_COUNT];
};

/* Counts and judges; the error's detail is the CKR. */
NODISCARD struct err p11_funnel_judge(struct p11_funnel *funnel, enum p11_function function,
				      CK_RV rv);

/* P11_CALL(funnel, C_Sign, session, ...): calls the token, yields a struct err. */
#define P11_CALL(funnel_, function_, ...) \
	p11_funnel_judge((funnel_), P11_##function_, (funnel_)->list->function_(__VA_ARGS__))

/* As P11_CALL, for tidying up where a failure changes nothing; it is counted all the same. */
#define P11_CALL_TIDY(funnel_, function_, ...)                                       \
	do {                                                                         \
		UNUSED struct err tidy_ = P11_CALL(funnel_, function_, __VA_ARGS__); \
	} while (0)

/* The row of a CKR; unknown and vendor-defined ones share a row that is unclear. Never NULL. */
const struct p11_ckr *p11_funnel_row(CK_RV rv);

/* What an error that came out of p11_funnel_judge() asks for; EFFECT_NONE for any other. */
enum p11_effect p11_funnel_effect(struct err e);

/* Whether the error says that the session is no more: its handle may by now be another one's, and
 * must not be closed. */
static inline bool p11_funnel_session_gone(struct err e)
{
	return e.detail == CKR_SESSION_HANDLE_INVALID || e.detail == CKR_SESSION_CLOSED;
}

const char *p11_function_name(enum p11_function function);

#endif
