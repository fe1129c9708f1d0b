/* SPDX-License-Identifier: Apache-2.0 */
#include "service/listing.h"

#include "base/mem.h"
#include "base/text.h"
#include "service/core.h"
#include "service/input.h"

NODISCARD struct err listing_begin(struct call_work *work, struct view about,
				   struct marker_place *place)
{
	*place = (struct marker_place){
		.operation = work->operation->name, .scope = &work->home, .about = about};
	if (input_member(work, "Marker") == NULL)
		return OK;
	struct kms_sealer sealer = service_sealer_port(&work->service->sealer);
	return marker_read(&sealer, input_text(work, "Marker"), place);
}

NODISCARD struct err listing_end(struct call_work *work, struct marker_place *place,
				 const struct listing_page *page)
{
	struct work_list *list = &work->out.list;
	mem_free(list->items);
	mem_free(TAKE(list->marker));
	list->items = page->items;
	list->count = page->count;
	if (!page->more)
		return OK;
	char marker[MARKER_TEXT];
	struct kms_sealer sealer = service_sealer_port(&work->service->sealer);
	TRY(marker_set_last(place, page->last));
	TRY(marker_make(&sealer, place, marker));
	return text_new(view_of_text(marker), &list->marker);
}

void listing_encode(const struct call_work *work, struct json_out *out)
{
	const char *marker = work->out.list.marker;
	if (marker != NULL)
		json_out_text(out, "NextMarker", view_of_text(marker));
	json_out_bool(out, "Truncated", marker != NULL);
}
