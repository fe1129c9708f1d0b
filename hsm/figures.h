/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a token's process counts, for the metrics of the daemons behind it. It lies in memory that
 * supervisor and worker share, so that it outlives a worker, and crosses to the daemons as a frame
 * of its own (wire.h). Counting is a relaxed atomic addition; a copy may miss what happens
 * meanwhile.
 */
#ifndef HOLDFAST_HSM_FIGURES_H
#define HOLDFAST_HSM_FIGURES_H

#include "base/metric.h"
#include "hsm/hsm.h"

#define HSM_FIGURES_VERBS 32
_Static_assert(HSM_VERB_COUNT <= HSM_FIGURES_VERBS, "every verb has its figures");

/* The rows of ckr.def, in their order, and behind them one for all that it does not know. */
enum hsm_ckr_index {
#define CKR_ROW(name, number, fault, effect, code) HSM_CKR_INDEX_##name,
#include "hsm/ckr.def"
#undef CKR_ROW
	HSM_CKR_KNOWN,
	HSM_CKR_COUNT
};

struct hsm_figures {
	uint64_t operations[HSM_FIGURES_VERBS][ERR_CODE_COUNT]; /* ended, by result */
	struct metric_histogram times[HSM_FIGURES_VERBS];       /* on a lane */
	uint64_t ckrs[HSM_CKR_COUNT];                           /* failures of C_ functions */
	uint64_t queue;                                         /* waiting for a lane, now */
	uint64_t recoveries; /* the token was lost and brought back */
	uint64_t restarts;   /* workers that followed another */
};

/* "seal", ...; NULL for what is no verb. */
const char *hsm_verb_name(enum hsm_verb verb);

/* The number of a row of ckr.def; CKR_VENDOR_DEFINED for HSM_CKR_KNOWN. */
uint32_t hsm_ckr_number(size_t index);

/* HSM_CKR_KNOWN for a number that ckr.def does not have. */
size_t hsm_ckr_index(unsigned long number);

void hsm_figures_count(struct hsm_figures *figures, enum hsm_verb verb, struct err result,
		       int64_t took_ns);
void hsm_figures_count_ckr(struct hsm_figures *figures, unsigned long number);

/* For single figures: *cell += n, and *cell = value. */
void hsm_figures_add(uint64_t *cell, uint64_t n);
void hsm_figures_set(uint64_t *cell, uint64_t value);

void hsm_figures_copy(struct hsm_figures *out, const struct hsm_figures *from);

/* In the daemon: names the labels, once; makes the figures its metrics. */
void hsm_figures_name(void);
void hsm_figures_show(const struct hsm_figures *figures);

#endif
