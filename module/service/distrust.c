/* SPDX-License-Identifier: Apache-2.0 */
#include "service/distrust.h"

#include "base/lock.h"
#include "base/log.h"
#include "base/metric.h"
#include "codec/timestamp.h"
#include "service/core.h"
#include "service/survey.h"

#define SETTLE_EVERY_MS 10000 /* a survey reads everything */

/* ---- the latch ---- */

NODISCARD struct err distrust_check(const struct service *service)
{
	uint16_t cause = atomic_load_explicit(&service->distrust.cause, memory_order_acquire);
	return cause == E_OK ? OK : ERR_DETAIL(E_DISTRUSTED, cause);
}

static bool latch(struct service *service, struct err cause)
{
	struct distrust *distrust = &service->distrust;
	LOCK_SCOPE(&service->lock);
	if (distrust_holds(distrust))
		return false;
	distrust->since_ms = clock_real_ms(service->options.clock);
	atomic_store_explicit(&distrust->cause, cause.code, memory_order_release);
	return true;
}

void distrust_set(struct service *service, struct err cause)
{
	const struct kms_manifest *manifest = &service->options.manifest;
	const struct err e = ERR_DETAIL(E_DISTRUSTED, cause.code);
	if (!err_failed(cause) || !latch(service, cause))
		return;
	manifest->ops->freeze(manifest->self);
	metric_set(METRIC_STORE_DISTRUSTED, 0, 0, 1);
	log_event(LOG_ERROR, "service.distrusted", LOG_TEXT("cause", err_name(cause)),
		  LOG_TEXT("why", err_meaning(cause)),
		  LOG_TEXT("effect", "every call is refused and nothing is changed until the "
				     "service is started again"),
		  LOG_ERR(e));
}

/* ---- what a survey says ---- */

void distrust_consider(struct service *service, struct err verdict)
{
	if (err_is(verdict, E_STORE_ROLLED_BACK) || err_is(verdict, E_HSM_ANCHOR))
		distrust_set(service, verdict);
}

/* The start would refuse such a store. */
static bool forbids(struct err verdict)
{
	return err_failed(verdict) && !err_is(verdict, E_STORE_SEAL);
}

static struct err decide(struct service *service)
{
	CLEANUP(kms_survey_cleanup) struct kms_survey survey = {0};
	TRY(survey_run(service, &survey));
	if (!forbids(survey.verdict)) {
		log_event(LOG_WARNING, "store.doubt_settled",
			  LOG_TEXT("meaning", "the store was refused for a moment, and is the one "
					      "that was sealed last"),
			  LOG_NUMBER("epoch", survey.mark.epoch), LOG_ERR(service->distrust.doubt));
		return OK;
	}
	survey_tell(&survey);
	distrust_set(service, survey.verdict);
	return OK;
}

void distrust_settle(struct service *service)
{
	const struct kms_manifest *manifest = &service->options.manifest;
	struct distrust *distrust = &service->distrust;
	if (distrust_holds(distrust))
		return;
	struct err met = manifest->ops->doubt(manifest->self);
	int64_t now_ms = clock_steady_ms(service->options.clock);
	if (!err_failed(distrust->doubt))
		distrust->doubt = met;
	if (!err_failed(distrust->doubt) ||
	    (distrust->tried_ms != 0 && now_ms - distrust->tried_ms < SETTLE_EVERY_MS))
		return;
	struct err e = decide(service);
	distrust->tried_ms = clock_steady_ms(service->options.clock);
	if (err_failed(e))
		log_event(LOG_WARNING, "store.doubt_not_settled",
			  LOG_TEXT("doubt", err_name(distrust->doubt)), LOG_ERR(e));
	else
		distrust->doubt = OK;
}

/* ---- what an operator sees ---- */

#define REMEDY                                                                                     \
	"stop this service; find out which store belongs to the token, this one or a copy of it "  \
	"that was used beside it, and put that one in its place; start again: the start verifies " \
	"everything and says what differs; what cannot be put back is accepted with holdfastd "    \
	"--recover"

void distrust_row_add(const struct service *service, struct service_checks *out)
{
	const struct distrust *distrust = &service->distrust;
	char date[TIMESTAMP_ISO_TEXT] = "";
	if (!distrust_holds(distrust)) {
		service_check_add(out, "trust", SERVICE_LEVEL_OK, "",
				  "store and token belong together");
		return;
	}
	timestamp_iso(distrust->since_ms, false, date);
	const struct err cause = ERR(atomic_load(&distrust->cause));
	service_check_add(out, "trust", SERVICE_LEVEL_FAILURE, REMEDY,
			  "nothing is served since %s: %s [%s]", date, err_meaning(cause),
			  err_name(cause));
}

void distrust_row_write(const struct service *service, struct json_out *out)
{
	const struct distrust *distrust = &service->distrust;
	if (!distrust_holds(distrust))
		return;
	const struct err cause = ERR(atomic_load(&distrust->cause));
	json_out_begin_object(out, "Distrust");
	json_out_time(out, "Since", distrust->since_ms);
	json_out_text(out, "Cause", view_of_text(err_name(cause)));
	json_out_text(out, "Reason", view_of_text(err_meaning(cause)));
	json_out_text(out, "Remedy", view_of_text(REMEDY));
	json_out_end_object(out);
}
