/* SPDX-License-Identifier: Apache-2.0 */
/* The file sink. */
#include "event/bus.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include "base/lock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"

#define FILE_MODE 0640

struct event_bus {
	pthread_mutex_t lock;
	int file; /* -1: no such sink */
	char *path;
	struct event_bus_report report;
};

static struct err open_file(struct event_bus *bus)
{
	int file =
		open(bus->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
	if (file < 0)
		return ERR_DETAIL(E_SYSTEM, errno);
	if (bus->file >= 0)
		(void)close(bus->file);
	bus->file = file;
	return OK;
}

NODISCARD struct err event_bus_open(const struct event_bus_options *options, struct event_bus **out)
{
	CLEANUP(event_bus_close) struct event_bus *bus = NULL;
	TRY(MEM_NEW(&bus));
	bus->file = -1;
	(void)pthread_mutex_init(&bus->lock, NULL);
	bus->report.file = options->file != NULL && options->file[0] != '\0';
	if (bus->report.file) {
		TRY(text_new(view_of_text(options->file), &bus->path));
		TRY(open_file(bus));
	}
	*out = TAKE(bus);
	return OK;
}

void event_bus_close(struct event_bus **bus)
{
	if (*bus == NULL)
		return;
	if ((*bus)->file >= 0)
		(void)close((*bus)->file);
	mem_free((*bus)->path);
	(void)pthread_mutex_destroy(&(*bus)->lock);
	mem_free(TAKE(*bus));
}

void event_bus_reopen(struct event_bus *bus)
{
	LOCK_SCOPE(&bus->lock);
	if (bus->path == NULL)
		return;
	struct err e = open_file(bus);
	if (err_failed(e))
		log_event(LOG_ERROR, "events.file", LOG_TEXT("file", bus->path), LOG_ERR(e));
}

static struct err append(const struct event_bus *bus, const struct event *event)
{
	uint8_t line[EVENT_LINE_MAX + 1];
	struct writer w;
	writer_init(&w, line, sizeof line);
	TRY(event_write(event, &w));
	writer_u8(&w, '\n');
	TRY(writer_end(&w));
	if (write(bus->file, line, w.len) != (ssize_t)w.len || fdatasync(bus->file) != 0)
		return ERR_DETAIL(E_SYSTEM, errno);
	return OK;
}

void event_bus_post(struct event_bus *bus, const struct event *event)
{
	if (bus == NULL)
		return;
	LOCK_SCOPE(&bus->lock);
	bus->report.posted++;
	struct err e = bus->file >= 0 ? append(bus, event) : OK;
	bus->report.delivered += !err_failed(e);
	bus->report.dropped += err_failed(e);
	if (err_failed(e))
		log_event(LOG_ERROR, "events.dropped", LOG_TEXT("event", event->id), LOG_ERR(e));
}

void event_bus_report(struct event_bus *bus, struct event_bus_report *out)
{
	LOCK_SCOPE(&bus->lock);
	*out = bus->report;
}
