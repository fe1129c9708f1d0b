/* SPDX-License-Identifier: Apache-2.0 */
#include "service/measure.h"

#include <sys/statvfs.h>

#include "base/metric.h"
#include "base/text.h"
#include "service/anchoring.h"
#include "service/clock_trust.h"
#include "service/core.h"
#include "service/errors_kms.h"
#include "service/operation.h"
#include "service/refused.h"

#define OPERATIONS_MAX 95 /* named in metrics */
#define OPERATION_UNKNOWN OPERATIONS_MAX
#define RESULTS_MAX 64

/* Why a caller was not authenticated; what is in no row is the service's own trouble. */
static const struct {
	enum err_code code;
	const char *reason;
} reasons[] = {
	{E_AUTH_MISSING, "missing"},
	{E_AUTH_INCOMPLETE, "incomplete"},
	{E_AUTH_UNKNOWN_KEY, "unknown_key"},
	{E_AUTH_SIGNATURE, "signature"},
	{E_AUTH_EXPIRED, "expired"},
	{E_AUTH_SCOPE, "scope"},
	{E_AUTH_TOKEN_EXPIRED, "token_expired"},
};

static size_t reason_of(struct err failure)
{
	size_t at = 0;
	while (at < ARRAY_LEN(reasons) && !err_is(failure, reasons[at].code))
		at++;
	return at;
}

/* Index of the name among those given so far, or of a new one. */
static uint8_t result_index(const char *names[RESULTS_MAX], size_t *count, const char *name)
{
	for (size_t i = 0; i < *count; i++)
		if (text_equal(names[i], name))
			return (uint8_t)i;
	if (*count == RESULTS_MAX)
		return RESULTS_MAX - 1;
	names[*count] = name;
	metric_label(METRIC_LABEL_RESULT, *count, name);
	return (uint8_t)(*count)++;
}

static void name_results(struct measure *measure)
{
	const char *names[RESULTS_MAX];
	size_t count = 0;
	measure->results[E_OK] = result_index(names, &count, "ok");
	for (size_t code = E_OK + 1; code < ERR_CODE_COUNT; code++) {
		struct err e = ERR((uint16_t)code);
		measure->results[code] = result_index(names, &count, error_kms_of(e)->type);
	}
}

void measure_init(struct measure *measure)
{
	for (size_t i = 0; i < OPERATIONS_MAX && operation_at(i) != NULL; i++)
		metric_label(METRIC_LABEL_OPERATION, i, operation_at(i)->name);
	metric_label(METRIC_LABEL_OPERATION, OPERATION_UNKNOWN, "unknown");
	for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
		metric_label(METRIC_LABEL_REASON, i, reasons[i].reason);
	metric_label(METRIC_LABEL_REASON, ARRAY_LEN(reasons), "unavailable");
	name_results(measure);
}

static size_t operation_index(const struct operation *operation)
{
	size_t at = 0;
	while (at < OPERATIONS_MAX && operation_at(at) != NULL && operation_at(at) != operation)
		at++;
	return operation_at(at) == operation && operation != NULL ? at : OPERATION_UNKNOWN;
}

void measure_call(const struct call_work *work)
{
	size_t operation = operation_index(work->operation);
	uint16_t code = MIN_OF(work->failure.code, (uint16_t)(ERR_CODE_COUNT - 1));
	metric_add(METRIC_REQUESTS, operation, work->service->measure.results[code], 1);
	metric_observe_since(METRIC_REQUEST_TIME, operation, work->began_ns);
}

void measure_unauthenticated(struct err failure)
{
	metric_add(METRIC_AUTH_FAILURES, reason_of(failure), 0, 1);
}

static void look_at_token(struct service *service)
{
	struct hsm_status status;
	hsm_status(service->options.hsm, &status);
	for (enum hsm_condition i = HSM_UP; i <= HSM_REFUSED_UNSAFE; i++)
		metric_set(METRIC_TOKEN_CONDITION, i, 0, i == status.condition);
	metric_set(METRIC_TOKEN_LANES, 0, 0, status.lanes);
	metric_set(METRIC_TOKEN_GENERATION, 0, 0, status.generation);
}

static void look_at_disk(const char *directory)
{
	struct statvfs disk;
	if (directory == NULL || statvfs(directory, &disk) != 0)
		return;
	metric_set(METRIC_AUDIT_DISK_FREE, 0, 0, (uint64_t)disk.f_bavail * disk.f_frsize);
	metric_set(METRIC_AUDIT_DISK_SIZE, 0, 0, (uint64_t)disk.f_blocks * disk.f_frsize);
}

static void look_at_clock(struct service *service)
{
	struct clock_trust_report report;
	clock_trust_report(service->clock_trust, &report);
	metric_set(METRIC_CLOCK_TRUSTED, 0, 0, report.verdict == CLOCK_TRUSTED);
	metric_set(METRIC_CLOCK_OFFSET, 0, 0, (uint64_t)report.apart_ms);
}

static void look_at_manifest(struct service *service)
{
	struct anchoring_report report;
	anchoring_report(service->anchoring, &report);
	metric_set(METRIC_MANIFEST_EPOCH, 0, 0, report.committed.epoch);
	metric_set(METRIC_ANCHOR_EPOCH, 0, 0, report.anchored.epoch);
	metric_set(METRIC_ANCHOR_BEHIND, 0, 0, (uint64_t)report.behind_ms);
	metric_set(METRIC_STORE_SOUND, 0, 0, report.refused == 0);
	metric_set(METRIC_STORE_DISTRUSTED, 0, 0, distrust_holds(&service->distrust));
}

void measure_look(struct service *service)
{
	look_at_manifest(service);
	look_at_token(service);
	look_at_clock(service);
	look_at_disk(service->options.audit_directory);
	metric_set(METRIC_VERSIONS_REFUSED, 0, 0, refused_count(service->refused));
}
