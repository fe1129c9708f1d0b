/* SPDX-License-Identifier: Apache-2.0 */
/* Verifies the whole store against the token's anchor (kms/manifest.h), and tells what was found:
 * at the start, when an operator asks, and now and then. What follows from it: anchoring.h,
 * distrust.h. */
#ifndef HOLDFAST_SERVICE_SURVEY_H
#define HOLDFAST_SERVICE_SURVEY_H

#include "kms/manifest.h"

struct service;

/* Of the last survey. Guarded by the service's lock. */
struct survey_summary {
	struct err verdict;
	uint64_t rows;
	uint64_t
		refused; /* rows that did not carry their seal, or were not those of the manifest */
	uint64_t counted; /* rows that the store had refused until then: METRIC_ROWS_REFUSED */
	int64_t done_ms;  /* Unix time */
	int64_t took_ms;
};

/*
 * Reads the anchor first, so that a store that goes on meanwhile is not taken for one that is
 * behind. Progress goes to service_options.progress and, now and then, to the log. *out:
 * kms_survey_cleanup(). Errors of token and store: nothing is known then. Blocks.
 */
NODISCARD struct err survey_run(struct service *service, struct kms_survey *out);

/* For the scheduler: verifies the whole again, tells what was found, and sets distrust.h's latch
 * where the store is another. Errors as of survey_run(). Blocks. */
NODISCARD struct err survey_again(struct service *service);

void survey_look(struct service *service, struct survey_summary *out);

/* Rows refused as the last survey found them, and since. */
uint64_t survey_refused(struct service *service);

/* The verdict and each finding as a line of the operator's log; bounded, then how many more. */
void survey_tell(const struct kms_survey *survey);

/* What a finding means. A string of static storage. */
const char *survey_meaning(enum kms_finding_kind kind);

/* What an operator does about a finding. A string of static storage. */
const char *survey_remedy(enum kms_finding_kind kind);

#endif
