/* SPDX-License-Identifier: Apache-2.0 */
/* Freeing grants, one and a page of them. */
#include "base/mem.h"
#include "kms/grants.h"

void kms_grant_cleanup(struct kms_grant *grant)
{
	/* What was loaded is owned, whatever its constness says. */
	mem_free((void *)(uintptr_t)grant->context.ptr);
	grant->context = VIEW_NONE;
}

void kms_grant_page_cleanup(struct kms_grant_page *page)
{
	for (size_t i = 0; i < page->count; i++)
		kms_grant_cleanup(&page->grants[i]);
	mem_free(TAKE(page->grants));
	page->count = 0;
}
