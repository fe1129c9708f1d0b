/* SPDX-License-Identifier: Apache-2.0 */
#include "event/tally.h"

#include "base/lock.h"
#include "base/log.h"
#include "base/metric.h"
#include "base/text.h"

#define FAILING_SAY_MS 600000
#define DROPPED_SAY_MS 60000

static const struct {
	const char *name, *remedy;
} sinks[EVENT_SINK_COUNT] = {
	[EVENT_SINK_FILE] = {"file",
			     "make room on its disk, or mend the folder of file in [events]; "
			     "events wait meanwhile"},
	[EVENT_SINK_ENDPOINT] = {"endpoint", "check the endpoint of [events], and the way to it; "
					     "events wait in the spool meanwhile"},
};

void tally_init(struct tally *tally, const struct clock *clock)
{
	(void)pthread_mutex_init(&tally->lock, NULL);
	tally->clock = clock;
}

void tally_cleanup(struct tally *tally)
{
	(void)pthread_mutex_destroy(&tally->lock);
}

/* Whether it is time for another line; the first is written at once. */
static bool is_time(const struct tally *tally, int64_t *said_ms, int64_t period_ms)
{
	int64_t now = MAX_OF(clock_steady_ms(tally->clock), (int64_t)1);
	if (*said_ms != 0 && now - *said_ms < period_ms)
		return false;
	*said_ms = now;
	return true;
}

void tally_posted(struct tally *tally)
{
	LOCK_SCOPE(&tally->lock);
	tally->report.posted++;
	metric_add(METRIC_EVENTS_POSTED, 0, 0, 1);
}

void tally_waiting(struct tally *tally, enum event_sink sink, size_t waiting)
{
	LOCK_SCOPE(&tally->lock);
	tally->report.sinks[sink].waiting = waiting;
	metric_set(METRIC_EVENTS_WAITING, (size_t)sink, 0, waiting);
}

void tally_delivered(struct tally *tally, enum event_sink sink)
{
	LOCK_SCOPE(&tally->lock);
	tally->report.sinks[sink].delivered++;
	metric_add(METRIC_EVENTS_DELIVERED, (size_t)sink, 0, 1);
}

void tally_well(struct tally *tally, enum event_sink sink)
{
	LOCK_SCOPE(&tally->lock);
	struct event_sink_report *report = &tally->report.sinks[sink];
	if (report->failing_since_ms == 0)
		return;
	report->failing_since_ms = 0;
	tally->said[sink].failing_ms = 0;
	log_event(LOG_INFO, "events.sink_recovered", LOG_TEXT("sink", sinks[sink].name));
}

static void put_error(struct event_sink_report *report, const char *why)
{
	struct view cut = view_part(view_of_text(why), 0, sizeof report->last_error - 1);
	(void)!err_failed(text_copy(report->last_error, sizeof report->last_error, cut));
}

void tally_failed(struct tally *tally, enum event_sink sink, const char *why)
{
	LOCK_SCOPE(&tally->lock);
	struct event_sink_report *report = &tally->report.sinks[sink];
	put_error(report, why);
	if (report->failing_since_ms == 0)
		report->failing_since_ms = MAX_OF(clock_real_ms(tally->clock), (int64_t)1);
	if (is_time(tally, &tally->said[sink].failing_ms, FAILING_SAY_MS))
		log_event(LOG_WARNING, "events.sink_failing", LOG_TEXT("sink", sinks[sink].name),
			  LOG_TEXT("what", why), LOG_TEXT("action", sinks[sink].remedy));
}

void tally_dropped(struct tally *tally, enum event_sink sink, size_t count, const char *why)
{
	LOCK_SCOPE(&tally->lock);
	struct event_sink_report *report = &tally->report.sinks[sink];
	if (count == 0)
		return;
	put_error(report, why);
	report->dropped += count;
	report->dropped_ms = clock_real_ms(tally->clock);
	metric_add(METRIC_EVENTS_DROPPED, (size_t)sink, 0, count);
	if (!is_time(tally, &tally->said[sink].dropped_ms, DROPPED_SAY_MS))
		return;
	log_event(LOG_ERROR, "events.dropped", LOG_TEXT("sink", sinks[sink].name),
		  LOG_NUMBER("events", report->dropped - tally->said[sink].dropped),
		  LOG_TEXT("what", why),
		  LOG_TEXT("effect", "the sink is never told of them; the audit log has them"));
	tally->said[sink].dropped = report->dropped;
}
