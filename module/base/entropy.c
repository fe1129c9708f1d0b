/* SPDX-License-Identifier: Apache-2.0 */
#include "base/entropy.h"

#include <errno.h>
#include <sys/random.h>

#include "base/mem.h"

NODISCARD struct err entropy_fill(void *dst, size_t n)
{
	uint8_t *at = (uint8_t *)dst;
	for (size_t done = 0; done < n;) {
		ssize_t got = getrandom(at + done, n - done, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			struct err e = ERR_DETAIL(E_SYSTEM, errno);
			mem_wipe(dst, n);
			return e;
		}
		done += (size_t)got;
	}
	return OK;
}
