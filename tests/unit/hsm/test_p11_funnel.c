/* SPDX-License-Identifier: Apache-2.0 */
/* The table of CKRs: what each class of error asks for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "hsm/p11/funnel.h"

static struct p11_funnel funnel;

static const struct {
	CK_RV rv;
	enum err_code code;
	enum p11_effect effect;
	enum p11_fault fault;
} cases[] = {
	{CKR_ENCRYPTED_DATA_INVALID, E_HSM_CIPHERTEXT, P11_EFFECT_NONE, P11_FAULT_CALLER},
	{P11_CKR_AEAD_DECRYPT_FAILED, E_HSM_CIPHERTEXT, P11_EFFECT_NONE, P11_FAULT_CALLER},
	{CKR_OBJECT_HANDLE_INVALID, E_HSM_KEY_UNKNOWN, P11_EFFECT_HANDLE, P11_FAULT_US},
	{CKR_SESSION_HANDLE_INVALID, E_HSM_AWAY, P11_EFFECT_SESSION, P11_FAULT_TOKEN},
	{CKR_USER_NOT_LOGGED_IN, E_HSM_AWAY, P11_EFFECT_LOGIN, P11_FAULT_TOKEN},
	{CKR_DEVICE_REMOVED, E_HSM_AWAY, P11_EFFECT_DEVICE, P11_FAULT_TOKEN},
	{CKR_PIN_INCORRECT, E_HSM_PIN, P11_EFFECT_PIN, P11_FAULT_OPERATOR},
	{CKR_SESSION_COUNT, E_HSM_CAPACITY, P11_EFFECT_NONE, P11_FAULT_TOKEN},
	{CKR_MECHANISM_INVALID, E_HSM_UNSUPPORTED, P11_EFFECT_NONE, P11_FAULT_US},
	{CKR_GENERAL_ERROR, E_HSM_REFUSED, P11_EFFECT_CANARY, P11_FAULT_UNCLEAR},
	{CKR_FUNCTION_FAILED, E_HSM_REFUSED, P11_EFFECT_CANARY, P11_FAULT_UNCLEAR},
	{CKR_VENDOR_DEFINED | 7, E_HSM_REFUSED, P11_EFFECT_CANARY, P11_FAULT_UNCLEAR},
	{0x7777, E_HSM_REFUSED, P11_EFFECT_CANARY, P11_FAULT_UNCLEAR},
};

static void every_class_has_its_answer(UNUSED void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err e = p11_funnel_judge(&funnel, P11_C_Sign, cases[i].rv);
		assert_int_equal(e.code, cases[i].code);
		assert_int_equal(e.detail, (uint32_t)cases[i].rv);
		assert_int_equal(p11_funnel_effect(e), cases[i].effect);
		assert_int_equal(p11_funnel_row(cases[i].rv)->fault, cases[i].fault);
	}
}

/* Those that p11-kit's header may lack. */
#ifndef CKR_AEAD_DECRYPT_FAILED
#define CKR_AEAD_DECRYPT_FAILED P11_CKR_AEAD_DECRYPT_FAILED
#endif
#ifndef CKR_KEY_EXHAUSTED
#define CKR_KEY_EXHAUSTED P11_CKR_KEY_EXHAUSTED
#endif
#ifndef CKR_UNWRAPPING_KEY_HANDLE_INVALID
#define CKR_UNWRAPPING_KEY_HANDLE_INVALID P11_CKR_UNWRAPPING_KEY_HANDLE_INVALID
#endif

static void the_numbers_are_those_of_the_standard(UNUSED void **state)
{
	static const struct {
		CK_RV standard;
		const char *name;
	} known[] = {
#define CKR_ROW(name, number, fault, effect, code) {name, #name},
#include "hsm/ckr.def"
#undef CKR_ROW
	};
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		assert_int_equal(hsm_ckr_number(i), known[i].standard);
		assert_int_equal(hsm_ckr_index(known[i].standard), i);
		assert_string_equal(p11_funnel_row(known[i].standard)->name, known[i].name);
	}
	assert_int_equal(hsm_ckr_index(CKR_VENDOR_DEFINED | 7), HSM_CKR_KNOWN);
}

static void failures_are_counted_by_their_number(UNUSED void **state)
{
	static struct hsm_figures figures;
	struct p11_funnel counted = {.figures = &figures};
	assert_false(err_failed(p11_funnel_judge(&counted, P11_C_Sign, CKR_OK)));
	for (int i = 0; i < 3; i++)
		assert_true(err_failed(p11_funnel_judge(&counted, P11_C_Sign, CKR_DEVICE_ERROR)));
	assert_true(err_failed(p11_funnel_judge(&counted, P11_C_Sign, CKR_VENDOR_DEFINED)));
	assert_int_equal(figures.ckrs[HSM_CKR_INDEX_CKR_DEVICE_ERROR], 3);
	assert_int_equal(figures.ckrs[HSM_CKR_KNOWN], 1);
}

static void calls_and_failures_are_counted(UNUSED void **state)
{
	struct p11_funnel fresh = {0};
	assert_false(err_failed(p11_funnel_judge(&fresh, P11_C_Login, CKR_OK)));
	assert_true(err_failed(p11_funnel_judge(&fresh, P11_C_Login, CKR_PIN_LOCKED)));
	assert_int_equal(atomic_load(&fresh.calls[P11_C_Login]), 2);
	assert_int_equal(atomic_load(&fresh.failures[P11_C_Login]), 1);
	assert_int_equal(atomic_load(&fresh.calls[P11_C_Logout]), 0);
	assert_string_equal(p11_function_name(P11_C_Login), "C_Login");
}

/* An errno that happens to be the number of a CKR is not taken for one. */
static void errors_from_elsewhere_ask_for_nothing(UNUSED void **state)
{
	assert_int_equal(p11_funnel_effect(ERR_DETAIL(E_SYSTEM, CKR_DEVICE_ERROR)),
			 P11_EFFECT_NONE);
	assert_int_equal(p11_funnel_effect(ERR(E_HSM_AWAY)), P11_EFFECT_NONE);
	assert_int_equal(p11_funnel_effect(OK), P11_EFFECT_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_class_has_its_answer),
		cmocka_unit_test(the_numbers_are_those_of_the_standard),
		cmocka_unit_test(failures_are_counted_by_their_number),
		cmocka_unit_test(calls_and_failures_are_counted),
		cmocka_unit_test(errors_from_elsewhere_ask_for_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
