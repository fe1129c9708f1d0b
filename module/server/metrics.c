/* SPDX-License-Identifier: Apache-2.0 */
#include "server/metrics.h"

#include "base/metric.h"
#include "server/refusal.h"

#define USUAL_ROOM (64 << 10)

static const char *const reasons[REFUSAL_COUNT] = {
	[REFUSAL_NOT_FOUND] = "not_found",
	[REFUSAL_METHOD] = "method",
	[REFUSAL_FRAMING_BOTH] = "framing_both",
	[REFUSAL_FRAMING_LENGTH] = "framing_length",
	[REFUSAL_FRAMING_ENCODING] = "framing_encoding",
	[REFUSAL_HOST] = "host",
	[REFUSAL_HEADERS] = "headers",
	[REFUSAL_TARGET] = "target",
	[REFUSAL_TOO_LARGE] = "too_large",
	[REFUSAL_PEER] = "peer",
	[REFUSAL_STOPPING] = "stopping",
	[REFUSAL_INTERNAL] = "internal",
};

_Static_assert(REFUSAL_INTERNAL + 1 == REFUSAL_COUNT, "every refusal has its name");

void metrics_name(void)
{
	for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
		if (reasons[i] != NULL)
			metric_label(METRIC_LABEL_REFUSAL, i, reasons[i]);
}

NODISCARD struct err metrics_answer(struct service *service, struct buf *body)
{
	metric_set(METRIC_READY, 0, 0, !err_failed(service_ready(service)));
	metric_process_look();
	TRY(buf_reserve(body, USUAL_ROOM));
	struct writer w;
	writer_init_buf(&w, body);
	metric_write(&w);
	return writer_end(&w);
}
