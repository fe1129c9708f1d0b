/* SPDX-License-Identifier: Apache-2.0 */
/* struct hsm_figures is nothing but numbers of 64 bits, and copied as such. */
#include "hsm/figures.h"

#include "base/macros.h"

#define CELLS (sizeof(struct hsm_figures) / sizeof(uint64_t))
#define CKR_UNKNOWN 0x80000000U /* CKR_VENDOR_DEFINED */

_Static_assert(sizeof(struct hsm_figures) % sizeof(uint64_t) == 0, "numbers only");

static const char *const verb_names[] = {
	[HSM_SEAL] = "seal",
	[HSM_OPEN] = "open",
	[HSM_RESEAL] = "reseal",
	[HSM_GENERATE_SEALED] = "generate_sealed",
	[HSM_RANDOM] = "random",
	[HSM_MAC] = "mac",
	[HSM_KEY_GENERATE] = "key_generate",
	[HSM_KEY_FIND] = "key_find",
	[HSM_KEY_DESTROY] = "key_destroy",
	[HSM_ENUMERATE] = "enumerate",
	[HSM_PROBE] = "probe",
	[HSM_SIGN] = "sign",
	[HSM_PUBLIC_KEY] = "public_key",
	[HSM_DESCRIBE] = "describe",
	[HSM_ANCHOR_READ] = "anchor_read",
	[HSM_ANCHOR_RAISE] = "anchor_raise",
};

_Static_assert(ARRAY_LEN(verb_names) == HSM_VERB_COUNT, "every verb has its name");

static const struct {
	uint32_t number;
	const char *name;
} ckrs[HSM_CKR_COUNT] = {
#define CKR_ROW(name, number, fault, effect, code) {number, #name},
#include "hsm/ckr.def"
#undef CKR_ROW
	[HSM_CKR_KNOWN] = {CKR_UNKNOWN, "unknown"},
};

const char *hsm_verb_name(enum hsm_verb verb)
{
	return verb < ARRAY_LEN(verb_names) ? verb_names[verb] : NULL;
}

uint32_t hsm_ckr_number(size_t index)
{
	return ckrs[MIN_OF(index, (size_t)HSM_CKR_KNOWN)].number;
}

size_t hsm_ckr_index(unsigned long number)
{
	for (size_t i = 0; i < HSM_CKR_KNOWN; i++)
		if (ckrs[i].number == number)
			return i;
	return HSM_CKR_KNOWN;
}

void hsm_figures_add(uint64_t *cell, uint64_t n)
{
	(void)__atomic_fetch_add(cell, n, __ATOMIC_RELAXED);
}

void hsm_figures_set(uint64_t *cell, uint64_t value)
{
	__atomic_store_n(cell, value, __ATOMIC_RELAXED);
}

void hsm_figures_count(struct hsm_figures *figures, enum hsm_verb verb, struct err result,
		       int64_t took_ns)
{
	if ((unsigned)verb >= HSM_FIGURES_VERBS || result.code >= ERR_CODE_COUNT)
		return;
	took_ns = MAX_OF(took_ns, (int64_t)0);
	struct metric_histogram *times = &figures->times[verb];
	hsm_figures_add(&figures->operations[verb][result.code], 1);
	hsm_figures_add(&times->buckets[metric_bucket_of(took_ns)], 1);
	hsm_figures_add(&times->sum_ns, (uint64_t)took_ns);
}

void hsm_figures_count_ckr(struct hsm_figures *figures, unsigned long number)
{
	hsm_figures_add(&figures->ckrs[hsm_ckr_index(number)], 1);
}

void hsm_figures_copy(struct hsm_figures *out, const struct hsm_figures *from)
{
	uint64_t *to = (uint64_t *)(void *)out;
	const uint64_t *at = (const uint64_t *)(const void *)from;
	for (size_t i = 0; i < CELLS; i++)
		to[i] = __atomic_load_n(&at[i], __ATOMIC_RELAXED);
}

/* ---- metrics ---- */

/* Results of the token's own; the rest of the table never leaves holdfast-token. */
static bool is_result(enum err_code code)
{
	static const enum err_code others[] = {E_BUG,    E_NOMEM,  E_LOCKED_MEMORY,
					       E_SYSTEM, E_BUSY,   E_CANCELLED,
					       E_BOUNDS, E_FORMAT, E_SETTINGS};
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		if (others[i] == code)
			return true;
	return view_starts_with(view_of_text(err_name(ERR((uint16_t)code))),
				VIEW_LITERAL("E_HSM_"));
}

void hsm_figures_name(void)
{
	static const char *const conditions[] = {
		[HSM_UP] = "up",
		[HSM_CONNECTING] = "connecting",
		[HSM_AWAY] = "away",
		[HSM_PIN_REFUSED] = "pin_refused",
		[HSM_REFUSED_UNSAFE] = "refused_unsafe",
	};
	for (size_t i = HSM_SEAL; i < HSM_VERB_COUNT; i++)
		metric_label(METRIC_LABEL_VERB, i, hsm_verb_name((enum hsm_verb)i));
	metric_label(METRIC_LABEL_TOKEN_RESULT, E_OK, "ok");
	for (size_t i = E_OK + 1; i < ERR_CODE_COUNT; i++)
		if (is_result((enum err_code)i))
			metric_label(METRIC_LABEL_TOKEN_RESULT, i, err_name(ERR((uint16_t)i)));
	for (size_t i = 0; i < HSM_CKR_COUNT; i++)
		metric_label(METRIC_LABEL_CKR, i, ckrs[i].name);
	for (size_t i = HSM_UP; i < ARRAY_LEN(conditions); i++)
		metric_label(METRIC_LABEL_CONDITION, i, conditions[i]);
}

void hsm_figures_show(const struct hsm_figures *figures)
{
	for (size_t verb = HSM_SEAL; verb < HSM_VERB_COUNT; verb++) {
		for (size_t code = 0; code < ERR_CODE_COUNT; code++)
			metric_set(METRIC_TOKEN_OPERATIONS, verb, code,
				   figures->operations[verb][code]);
		metric_set_histogram(METRIC_TOKEN_TIME, verb, &figures->times[verb]);
	}
	for (size_t i = 0; i < HSM_CKR_COUNT; i++)
		metric_set(METRIC_TOKEN_ERRORS, i, 0, figures->ckrs[i]);
	metric_set(METRIC_TOKEN_QUEUE, 0, 0, figures->queue);
	metric_set(METRIC_TOKEN_RECOVERIES, 0, 0, figures->recoveries);
	metric_set(METRIC_TOKEN_WORKER_RESTARTS, 0, 0, figures->restarts);
}
