/* SPDX-License-Identifier: Apache-2.0 */
/* Freeing identities, one and a page of them. */
#include "auth/identities.h"
#include "base/mem.h"

void auth_identity_cleanup(struct auth_identity *identity)
{
	mem_free(TAKE(identity->document));
}

void auth_identity_page_cleanup(struct auth_identity_page *page)
{
	for (size_t i = 0; i < page->count; i++)
		auth_identity_cleanup(&page->identities[i]);
	mem_free(TAKE(page->identities));
	page->count = 0;
}
