/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The folder's own: one HTTP endpoint that takes events, each as the body of a POST. The connection
 * is kept between events. Used by one thread at a time.
 */
#ifndef HOLDFAST_EVENT_ENDPOINT_H
#define HOLDFAST_EVENT_ENDPOINT_H

#include <stdatomic.h>

#include "event/event.h"

#define ENDPOINT_SAID_MAX 128

struct endpoint;

struct endpoint_options {
	const char *url;
	const char *ca_file;    /* NULL or "": the system's authorities */
	const char *token_file; /* read for each request; NULL or "": none */
	uint32_t timeout_ms;
	const atomic_bool *stop; /* once true, a request under way ends within a second or so */
};

/* NULL, or what is wrong with the two, and what to do about it. Never repeats the URL, in which a
 * password may stand. */
const char *endpoint_fault(const char *url, const char *token_file);

/* *out owned by the caller, endpoint_close(). E_SETTINGS, E_NOMEM. */
NODISCARD struct err endpoint_open(const struct endpoint_options *options, struct endpoint **out);
void endpoint_close(struct endpoint **endpoint);

enum endpoint_verdict {
	ENDPOINT_TAKEN,
	ENDPOINT_AGAIN,   /* later, it may */
	ENDPOINT_REFUSED, /* this event, for good */
};

struct endpoint_answer {
	enum endpoint_verdict verdict;
	uint32_t pause_ms;            /* asked for by Retry-After; 0: nothing was asked */
	char said[ENDPOINT_SAID_MAX]; /* why it was not taken */
};

/* What a status of HTTP means for an event. */
enum endpoint_verdict endpoint_verdict_of(long status);

/* Sends one event. Blocks for at most timeout_ms. */
void endpoint_send(struct endpoint *endpoint, const char *id, const char *line,
		   struct endpoint_answer *out);

/* The version of libcurl that runs; static. */
const char *event_endpoint_library(void);

#endif
