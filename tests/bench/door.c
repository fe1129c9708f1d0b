/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The doors alone, before a service that echoes from a thread of its own: what HTTP, suspending and
 * resuming cost. Serves on PORT with THREADS polling threads until its standard input ends.
 *
 *   door PORT THREADS [at-once]      at-once: replies on the polling thread
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/server.h"
#include "tests/unit/server/fake_service.h"

int main(int argc, char **argv)
{
	if (argc < 3) {
		(void)fputs("door PORT THREADS [at-once]\n", stderr);
		return 64;
	}
	char listen[64];
	(void)snprintf(listen, sizeof listen, "127.0.0.1:%s", argv[1]);
	enum fake_mode mode = argc > 3 ? FAKE_AT_ONCE : FAKE_THREAD;
	struct service *service = fake_service_new(mode);
	struct server *server = NULL;
	const struct server_options options = {.service = service,
					       .listen = listen,
					       .connections_max = 8192,
					       .threads = (uint32_t)strtoul(argv[2], NULL, 10)};
	if (service == NULL || err_failed(server_start(&options, &server)))
		return 1;
	while (getchar() != EOF)
		continue;
	server_stop(&server);
	fake_service_free(&service);
	return 0;
}
