/* SPDX-License-Identifier: Apache-2.0 */
#include "service/survey.h"

#include "base/lock.h"
#include "base/log.h"
#include "base/metric.h"
#include "service/anchor.h"
#include "service/core.h"
#include "service/discarding.h"

#define TOLD_MAX 50        /* findings that the log names one by one */
#define TELL_EVERY_MS 5000 /* of the progress of a long one */

/* ---- running ---- */

struct progress {
	struct service *service;
	int64_t told_ms; /* steady */
};

static void note_progress(void *user, uint64_t done, uint64_t all)
{
	struct progress *progress = (struct progress *)user;
	const struct service_options *options = &progress->service->options;
	if (options->progress != NULL && progress->service->anchoring == NULL) /* at the start */
		options->progress(options->progress_user, done, all);
	int64_t now_ms = clock_steady_ms(options->clock);
	if (now_ms - progress->told_ms < TELL_EVERY_MS)
		return;
	progress->told_ms = now_ms;
	log_event(LOG_INFO, "store.verifying", LOG_NUMBER("rows", done), LOG_NUMBER("of", all));
}

static void note_result(struct service *service, const struct kms_survey *survey, int64_t began_ms)
{
	const struct clock *clock = service->options.clock;
	LOCK_SCOPE(&service->lock);
	service->survey = (struct survey_summary){
		.verdict = survey->verdict,
		.rows = survey->rows,
		.refused = survey->found,
		.counted = metric_get(METRIC_ROWS_REFUSED, 0, 0),
		.done_ms = clock_real_ms(clock),
		.took_ms = clock_steady_ms(clock) - began_ms,
	};
}

NODISCARD struct err survey_run(struct service *service, struct kms_survey *out)
{
	const struct kms_manifest *manifest = &service->options.manifest;
	int64_t began_ms = clock_steady_ms(service->options.clock);
	struct progress progress = {.service = service, .told_ms = began_ms};
	struct kms_survey_options options = {.progress = note_progress, .user = &progress};
	const struct anchor_place place = {.hsm = service->options.hsm,
					   .installation = &service->options.installation,
					   .deadline_ms = service_deadline_ms(service)};
	TRY(anchor_read(&place, &options.anchor));
	TRY(manifest->ops->survey(manifest->self, &options, out));
	note_result(service, out, began_ms);
	return OK;
}

void survey_look(struct service *service, struct survey_summary *out)
{
	LOCK_SCOPE(&service->lock);
	*out = service->survey;
}

uint64_t survey_refused(struct service *service)
{
	struct survey_summary summary;
	survey_look(service, &summary);
	return summary.refused + metric_get(METRIC_ROWS_REFUSED, 0, 0) - summary.counted;
}

/* ---- telling ---- */

static const struct {
	const char *meaning, *action;
} kinds[KMS_FINDING_COUNT] = {
	[KMS_FINDING_CHANGED] = {"the row does not carry its seal: it was changed behind the "
				 "service",
				 "it is refused; put it back from a backup, or make anew what it "
				 "describes"},
	[KMS_FINDING_ADDED] = {"the row was sealed once and is none of the store any more",
			       "find out who put it there; put the newest store back, or see "
			       "holdfastd --recover"},
	[KMS_FINDING_MISSING] = {"the store had this row and it is gone",
				 "put the newest store back, or see holdfastd --recover"},
	[KMS_FINDING_OLDER] = {"the row is an older state of itself",
			       "put the newest store back, or see holdfastd --recover"},
	[KMS_FINDING_MANIFEST] = {"the manifest is missing or does not carry its seal",
				  "put the newest store back, or see holdfastd --recover"},
	[KMS_FINDING_ROLLED_BACK] = {"the store is older than what the token remembers",
				     "put the newest store back, or see holdfastd --recover"},
	[KMS_FINDING_FORKED] = {"the token remembers another store of the same age",
				"see which of the two stores belongs to this token; then put it "
				"back, or see holdfastd --recover"},
	[KMS_FINDING_UNKNOWN] = {"too many rows differ to name them",
				 "put the newest store back, or see holdfastd --recover"},
	[KMS_FINDING_INDEX] = {"the index has not what its table has: rows that are there would "
			       "not be found",
			       "put the newest store back, or have it made anew by holdfastd "
			       "--recover"},
};

const char *survey_meaning(enum kms_finding_kind kind)
{
	return kind < KMS_FINDING_COUNT && kinds[kind].meaning != NULL ? kinds[kind].meaning : "";
}

const char *survey_remedy(enum kms_finding_kind kind)
{
	return kind < KMS_FINDING_COUNT && kinds[kind].action != NULL ? kinds[kind].action : "";
}

static const char *remedy_of(const struct kms_finding *finding)
{
	if (finding->kind == KMS_FINDING_CHANGED && discarding_needed(finding->table))
		return "the service does not start with it: put it back from a backup, or discard "
		       "it: holdfast recover says what that means, and how";
	return survey_remedy(finding->kind);
}

static void tell_finding(const struct kms_finding *finding)
{
	log_event(LOG_ERROR, "store.finding", LOG_TEXT("kind", kms_finding_name(finding->kind)),
		  LOG_TEXT("table", finding->table),
		  LOG_TEXT("row", finding->row[0] != '\0' ? finding->row : "not known"),
		  LOG_TEXT("meaning", kinds[finding->kind].meaning),
		  LOG_TEXT("action", remedy_of(finding)));
}

static void tell_findings(const struct kms_survey *survey)
{
	size_t told = MIN_OF(survey->finding_count, (size_t)TOLD_MAX);
	for (size_t i = 0; i < told; i++)
		tell_finding(&survey->findings[i]);
	if (survey->found > told)
		log_event(LOG_ERROR, "store.more_findings",
			  LOG_NUMBER("count", survey->found - told),
			  LOG_TEXT("action", "see them all with holdfastd --recover"));
}

void survey_tell(const struct kms_survey *survey)
{
	tell_findings(survey);
	if (err_failed(survey->verdict))
		log_event(LOG_ERROR, "store.not_as_sealed", LOG_NUMBER("rows", survey->rows),
			  LOG_NUMBER("found", survey->found),
			  LOG_NUMBER("epoch", survey->mark.epoch),
			  LOG_NUMBER("anchor", survey->anchor.epoch), LOG_ERR(survey->verdict));
	else
		log_event(LOG_INFO, "store.verified", LOG_NUMBER("rows", survey->rows),
			  LOG_NUMBER("epoch", survey->mark.epoch),
			  LOG_NUMBER("anchor", survey->anchor.epoch));
}

/* ---- again ---- */

NODISCARD struct err survey_again(struct service *service)
{
	CLEANUP(kms_survey_cleanup) struct kms_survey survey = {0};
	TRY(survey_run(service, &survey));
	survey_tell(&survey);
	distrust_consider(service, survey.verdict);
	return OK;
}
