/* SPDX-License-Identifier: Apache-2.0 */
/* An HTTP server on 127.0.0.1 with a thread of its own, which answers as it is told. */
#ifndef HOLDFAST_TESTS_UNIT_EVENT_RECEIVER_H
#define HOLDFAST_TESTS_UNIT_EVENT_RECEIVER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define RECEIVER_REQUESTS_MAX 64
#define RECEIVER_HANGS (-1) /* in place of a status: no answer */
#define RECEIVER_SLOW (-2)  /* 200, a while later */

struct receiver {
	pthread_mutex_t lock;
	pthread_t thread;
	int listener, client;
	bool stop;
	uint16_t port;
	char url[64];
	int statuses[RECEIVER_REQUESTS_MAX]; /* of the answers to come; 0: 200 */
	const char *extra;                   /* a header of each answer, with CR LF; NULL */
	int requests, connections;
	char heads[RECEIVER_REQUESTS_MAX][1024];
	char bodies[RECEIVER_REQUESTS_MAX][4096];
};

void receiver_start(struct receiver *r);
void receiver_stop(struct receiver *r);

/* A port that nobody listens at: what receiver_start_at() may take later. */
uint16_t receiver_free_port(void);
void receiver_start_at(struct receiver *r, uint16_t port);

int receiver_requests(struct receiver *r);

/* Waits, and fails the test when there are fewer after ten seconds. */
void receiver_await(struct receiver *r, int requests);

#endif
